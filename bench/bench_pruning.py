"""What early stopping saves: epochs until some job reports a target, on LCBench's surrogate.

    python bench/bench_pruning.py                     one task, two seeds
    python bench/bench_pruning.py run --out p.jsonl   the whole round; it goes on where it was
    python bench/bench_pruning.py report p.jsonl      the table

Four workers in virtual time, trainings of 52 epochs. A search may train as many epochs as 60 full
trainings have, random search 240. Expected cost to the target is the epochs of all runs over the
number of runs that reached it. "One epoch" trains 52 random configurations for one epoch each and
the best of them to its end, over and over. Needs YAHPO Gym's files, see bench/offline/problems.py.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import sys
import time
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")
warnings.filterwarnings("ignore")

import numpy as np  # noqa: E402
from offline.contest import Peer  # noqa: E402
from offline.problems import YAHPO, Surrogate, problem  # noqa: E402

from mmar_automl.api import Controller, Pruner  # noqa: E402
from mmar_automl.app.builtins import resolve  # noqa: E402
from mmar_automl.defs import (  # noqa: E402
    Context,
    ContextKey,
    Outcome,
    Recommendation,
    SearchResult,
    SearchSpace,
)
from mmar_automl.engine.simulate import Training, simulate  # noqa: E402

EPOCHS, WORKERS, BUDGET = 52, 4, 60
TARGETS = [0.2, 0.1, 0.05]
TASKS = ["lcbench-3945", "lcbench-34539", "lcbench-167104", "lcbench-189908"]
SEEDS = range(300, 309)
PLENTY = 100_000


class OptunaTpe(Controller):
    """Optuna's default sampler as a controller, as many trials under way as there are workers."""

    def __init__(self, seed: int) -> None:
        self._seed = seed

    def set_search_space(self, space: SearchSpace, ctx: Context) -> None:
        self._space = space
        self._peer = Peer(lambda samplers: samplers.TPESampler(seed=self._seed), space)
        self._trials: dict[int, Any] = {}

    def initial_recommendation(self, ctx: Context) -> list[Recommendation]:
        return [self._ask() for _ in range(ctx.get_prop(ContextKey.NUM_WORKERS))]

    def refine_recommendation(self, outcome: Outcome, ctx: Context) -> list[Recommendation]:
        self._peer._study.tell(self._trials.pop(outcome.recommendation_id), outcome.value)
        return [self._ask()]

    def _ask(self) -> Recommendation:
        values = self._peer.ask()
        number = self._peer._trial.number
        self._trials[number] = self._peer._trial
        return Recommendation(number, SearchResult(self._space, values))


def controller(name: str) -> Callable[[int], Controller]:
    return lambda seed: resolve("controller", name)(seed=seed, max_jobs=PLENTY)


def pruner(name: str, **args: Any) -> Callable[[], Pruner]:
    return lambda: resolve("pruner", name)(**args)


METHODS: dict[str, tuple[Callable[[int], Controller], Callable[[], Pruner] | None]] = {
    "random": (controller("RandomController"), None),
    "Optuna TPE": (OptunaTpe, None),
    "AutoController": (controller("AutoController"), None),
    "random + AshaPruner": (controller("RandomController"), pruner("AshaPruner")),
    "AutoController + AshaPruner": (controller("AutoController"), pruner("AshaPruner")),
    "AutoController + HyperbandPruner": (controller("AutoController"), pruner("HyperbandPruner")),
    "AutoController + MedianPruner": (controller("AutoController"), pruner("MedianPruner")),
}
ONE_EPOCH = "one epoch, then the best"


def play(method: str, task: Surrogate, seed: int) -> dict[str, Any]:
    """Epochs and virtual seconds to each target, None where it was not reached."""
    wanted = [task.best - target * (task.best - task.median) for target in TARGETS]
    curves: dict[str, Training] = {}

    def training(named: Mapping[str, Any]) -> Training:
        key = json.dumps(named, sort_keys=True)
        if key not in curves:
            found = task.outputs([{**named, "epoch": epoch} for epoch in range(1, EPOCHS + 1)])
            curves[key] = Training(
                found[:, 1].astype(float).tolist(), max(1e-3, float(found[-1, 0])) / EPOCHS
            )
        return curves[key]

    if method == ONE_EPOCH:
        return _one_epoch(task, training, seed, wanted)
    make, cut = METHODS[method]
    most = BUDGET * EPOCHS * (4 if method == "random" else 1)
    found = simulate(
        make(seed), task.space, training, workers=WORKERS,
        pruner=cut() if cut else None, most_epochs=most,
    )  # fmt: skip
    if found.complaints:
        raise RuntimeError(found.complaints[0])
    hits = [found.reached(score) for score in wanted]
    return {
        "hits": [(hit.epochs, hit.time) if hit else None for hit in hits],
        "epochs": found.epochs, "seconds": found.seconds, "jobs": len(found.jobs),
    }  # fmt: skip


def _one_epoch(
    task: Surrogate, training: Callable[[Any], Training], seed: int, wanted: list[float]
) -> dict[str, Any]:
    from mmar_automl.controllers.encoding import Encoding

    encoding, source = Encoding(task.space), np.random.default_rng(seed)
    hits: list[tuple[int, float] | None] = [None] * len(wanted)
    epochs, seconds, best, jobs = 0, 0.0, -math.inf, 0
    while epochs < BUDGET * EPOCHS and hits[-1] is None:
        rows = encoding.from_cube(source.random((EPOCHS, len(encoding.axes))))
        trainings = [training(task.named(encoding.values(row))) for row in rows]
        winner = max(trainings, key=lambda item: item.scores[0])
        runs = [(item.scores[0], item.seconds / WORKERS) for item in trainings]
        runs += [(score, winner.seconds) for score in winner.scores[1:]]
        jobs += len(trainings)
        for score, took in runs:
            epochs, seconds, best = epochs + 1, seconds + took, max(best, score)
            for place, target in enumerate(wanted):
                if hits[place] is None and best >= target:
                    hits[place] = (epochs, seconds)
    return {"hits": hits, "epochs": epochs, "seconds": seconds, "jobs": jobs}


def run(methods: list[str], tasks: list[str], seeds: range, out: Path, say: bool = True) -> None:
    """Play what is not in `out` yet."""
    done = set()
    if out.exists():
        done = {(r["method"], r["task"], r["seed"]) for r in _read(out)}
    made: dict[str, Any] = {}
    for seed in seeds:
        for name in tasks:
            for method in methods:
                if (method, name, seed) in done:
                    continue
                made[name] = made.get(name) or problem(name)
                begun = time.perf_counter()
                row = {"method": method, "task": name, "seed": seed,
                       **play(method, made[name], seed)}  # fmt: skip
                with out.open("a") as file:
                    file.write(json.dumps(row) + "\n")
                if say:
                    took = time.perf_counter() - begun
                    print(f"{method} on {name}, seed {seed}: {took:.1f} s", file=sys.stderr)


def _read(file: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in file.read_text().splitlines()]


def report(file: Path) -> str:
    """The table in Markdown: hits within 60 full trainings, cost, and how many times cheaper."""
    rows = _read(file)
    methods = list(dict.fromkeys(row["method"] for row in rows))
    blocks = {(row["task"], row["seed"]) for row in rows}
    for method in methods:
        blocks &= {(row["task"], row["seed"]) for row in rows if row["method"] == method}
    rows = [row for row in rows if (row["task"], row["seed"]) in blocks]

    def cost(method: str, target: int, what: int) -> float:
        mine = [row for row in rows if row["method"] == method]
        spent = sum(
            row["hits"][target][what] if row["hits"][target] else
            (row["epochs"], row["seconds"])[what] for row in mine
        )  # fmt: skip
        hits = sum(row["hits"][target] is not None for row in mine)
        return spent / hits if hits else math.inf

    text = f"{len(blocks)} paired runs\n\n| |"
    text += "".join(f" <= {t}: hits | ERT | x epochs | x time |" for t in TARGETS)
    text += " jobs |\n|---|" + "---|" * (4 * len(TARGETS) + 1) + "\n"
    for method in methods:
        mine = [row for row in rows if row["method"] == method]
        text += f"| {method} |"
        for target in range(len(TARGETS)):
            hits = sum(
                row["hits"][target] is not None and row["hits"][target][0] <= BUDGET * EPOCHS
                for row in mine
            )
            epochs, seconds = cost(method, target, 0), cost(method, target, 1)
            text += (
                f" {hits}/{len(mine)} | {epochs / EPOCHS:.1f} "
                f"| {cost('random', target, 0) / epochs:.1f} "
                f"| {cost('random', target, 1) / seconds:.1f} |"
            )
        text += f" {np.median([row['jobs'] for row in mine]):.0f} |\n"
    return text


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=["small", "run", "report"], nargs="?", default="small")
    parser.add_argument("file", type=Path, nargs="?")
    parser.add_argument("--out", type=Path, default=Path("pruning.jsonl"))
    parser.add_argument("--methods", default=",".join([*METHODS, ONE_EPOCH]).replace(", ", "; "))
    parser.add_argument("--tasks", default=",".join(TASKS))
    parser.add_argument("--seeds", default=f"{SEEDS.start}-{SEEDS.stop - 1}")
    asked = parser.parse_args()
    if asked.what == "report":
        print(report(asked.file))
        return
    if not (YAHPO / "lcbench/model.onnx").exists():
        print(f"skipped: no YAHPO Gym files at {YAHPO}; set YAHPO_DATA")
        return
    methods = [name.replace("; ", ", ") for name in asked.methods.split(",")]
    if asked.what == "run":
        first, last = map(int, asked.seeds.split("-"))
        run(methods, asked.tasks.split(","), range(first, last + 1), asked.out)
        print(report(asked.out))
        return
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "small.jsonl"
        quick = ["random", "AutoController", "AutoController + AshaPruner", ONE_EPOCH]
        run(quick, TASKS[:1], range(100, 102), out, say=False)
        print(report(out))


if __name__ == "__main__":
    main()
