"""Whatever is written into an MMAR's files, validate and preview answer: no traceback, ever."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mmar_automl.app.check import check
from mmar_automl.app.preview import preview
from mmar_automl.cli.console import problems_json
from mmar_automl.errors import BadInput, ConfigProblems

MMARS = Path(__file__).parents[2] / "mmars"
OURS = '#!/usr/bin/env bash\nmmar-automl train -m "$MMAR_ROOT" "$@"\n'

WORDS = (
    "| @disabled | prob | prob#p | p# | # | {x} | {epochs} | @model | #1 | lambda | x.y | DISABLED"
    " | float | enum | int | log | é😀 | \x1b[31m | name | search | { | ../ | min | a"
)
words = st.sampled_from([*WORDS.split(" | "), "a" * 300])
scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.sampled_from([10**400, -(2**60), 0, 1])
    | st.floats(allow_nan=False, allow_infinity=False)
    | words
    | st.text(max_size=8)
)
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(words, inner, max_size=3),
    max_leaves=8,
)


def places(node: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    found = [path]
    if isinstance(node, dict):
        for key, child in node.items():
            found += places(child, (*path, key))
    elif isinstance(node, list):
        for index, child in enumerate(node):
            found += places(child, (*path, index))
    return found


def mutated(draw: Any, config: Any) -> Any:
    """The config with some values replaced, added or taken out."""
    config = copy.deepcopy(config)
    for _ in range(draw(st.integers(1, 3))):
        path = draw(st.sampled_from(places(config)))
        if not path:
            continue
        parent = config
        for step in path[:-1]:
            parent = parent[step]
        action = draw(st.sampled_from(["replace", "replace", "delete", "add"]))
        if action == "replace":
            parent[path[-1]] = draw(values)
        elif action == "delete":
            del parent[path[-1]]
        elif isinstance(parent, dict):
            keys = ["search", "apply", "args", "disabled", "targets", "when", "step", "default"]
            parent[draw(st.sampled_from(keys))] = draw(values)
        else:
            parent.append(draw(values))
    return config


TRAIN = {
    "epochs": 4,
    "num_interval_per_valid": 2,
    "learning_rate": 0.01,
    "search": [
        {"domain": "lr", "type": "float", "args": ["learning_rate"], "targets": [1e-4, 1e-2],
         "scale": "log", "default": 0.001},
        {"domain": "net", "type": "enum", "args": ["d1", "d2"],
         "targets": [[True, False], [False, True]]},
    ],
    "train": {
        "optimizer": [
            {"name": "Adam", "args": {"lr": "{learning_rate}"}, "apply": {"@disabled": "d1"}},
            {"name": "SGD", "args": {"lr": 1, "momentum": 0.9}, "apply": {"@disabled": "d2"},
             "search": [{"domain": "lr", "type": "int", "args": ["momentum#m"], "targets": [0, 2],
                         "step": 1, "when": {"d1": [True]}}]},
        ],
        "lr_scheduler": {"name": "StepLR", "disabled": "{off}", "args": {"o": "@optimizer"}},
        "handlers": [{"name": "ValidationHandler",
                      "args": {"interval": "{num_interval_per_valid}"}},
                     {"name": "H", "args": {"x": "@lr_scheduler"}, "apply": {"x": "m"}}],
        "dataset": {"name": "D", "data_list_file_path": "{DATASET_JSON}",
                    "data_file_base_dir": "{DATA_ROOT}", "data_list_key": "training", "args": {}},
    },
    "validate": {"pre_transforms": [{"ref": "X"}]},
}  # fmt: skip
AUTOML = {
    "handlers": [{"name": "MMARHandler", "args": {"train_config_file": "config_train.json"}}],
    "executor": {"name": "MMARExecutor", "args": {"remove_search_augs": True}},
    "controller": {"name": "RandomController", "args": {"max_rounds": 3}},
}
ENVIRONMENT = {"DATA_ROOT": "data", "DATASET_JSON": "data/list.json", "x": 1}
LIST = {"training": [{"image": "list.json", "label": "list.json"}], "validation": []}


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("fuzz")
    for folder in ("config", "commands", "data"):
        (root / folder).mkdir()
    (root / "commands/automl_train_round.sh").write_text(OURS)
    return root


@settings(
    max_examples=400,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(st.data())
def test_any_content_is_answered(root: Path, data: st.DataObject) -> None:
    """Random values at random places of every file: problems or success, and JSON for both."""
    files = {
        "config/config_train.json": TRAIN,
        "config/config_automl.json": AUTOML,
        "config/environment.json": ENVIRONMENT,
        "data/list.json": LIST,
    }
    struck = data.draw(st.sampled_from([*files, *["config/config_train.json"] * 4]))
    for name, content in files.items():
        written = mutated(data.draw, content) if name == struck else content
        (root / name).write_text(json.dumps(written), encoding="utf-8")
    try:
        checked = check(root)
    except BadInput:
        return
    json.loads(problems_json(checked.problems))
    for problem in checked.problems:
        assert problem.message
        assert problem.file
    if struck == "config/config_automl.json":
        # A budget of 2**60 jobs is not wrong, but nobody waits for its proposals.
        return
    try:
        preview(root, number=2)
    except ConfigProblems:
        return


@settings(
    max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.binary(max_size=60) | st.text(max_size=60).map(lambda t: t.encode("utf-8", "replace")))
def test_any_bytes_are_answered(root: Path, content: bytes) -> None:
    """Files that are no JSON at all."""
    (root / "config/config_train.json").write_bytes(content)
    (root / "config/environment.json").write_bytes(content[:7])
    checked = check(root)
    assert checked.problems
    json.loads(problems_json(checked.problems))


@settings(
    max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.integers(0, 5000), st.binary(min_size=1, max_size=3), st.booleans())
def test_damaged_files_are_answered(root: Path, at: int, noise: bytes, cut: bool) -> None:
    """A config that was cut off, or has a few bytes wrong."""
    text = json.dumps(TRAIN, indent=1).encode()
    at %= len(text)
    damaged = text[:at] + noise + (b"" if cut else text[at + 1 :])
    (root / "config/config_train.json").write_bytes(damaged)
    (root / "config/environment.json").write_text("{}")
    json.loads(problems_json(check(root).problems))
