"""The examples of Clara's documentation and of the MLflow article, as they are printed there."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from mmar_automl.defs import SearchResult
from mmar_automl.errors import Problem
from mmar_automl.search.apply import apply
from mmar_automl.search.count import count
from mmar_automl.search.findings import Findings
from mmar_automl.search.parse import parse, read_space

FLIP = '"name": "RandomAxisFlip", "args": {"fields": ["image", "label"], "probability": 0.0}'
ROTATE = '"name": "RandomRotate3D", "args": {"fields": ["image", "label"], "probability": 0.0}'
EITHER = '"type": "enum", "args": ["d1", "d2"], "targets": [[true, false], [false, true]]'

DOCUMENTS = {
    "an arg of a transform": (
        f'{{"train": {{"pre_transforms": [{{{FLIP}, "search": [{{"domain": "transform",'
        '"args": ["probability"], "type": "float", "targets": [0.0, 1.0]}]}]}}',
        [
            (
                "transform.float.train.pre_transforms.#1$0:probability",
                ("RandomAxisFlip.probability",),
                (0.0, 1.0),
                (0.0,),
            )
        ],
        None,
    ),
    "an attribute": (
        f'{{"train": {{"pre_transforms": [{{{FLIP}, "search": [{{"domain": "transform",'
        '"args": ["@disabled"], "type": "enum", "targets": [[true], [false]]}]}]}}',
        [
            (
                "transform.enum.train.pre_transforms.#1$0:disabled",
                ("RandomAxisFlip.disabled",),
                [[True], [False]],
                (False,),
            )
        ],
        2,
    ),
    "example 1, simple alias": (
        f'{{"train": {{"pre_transforms": [{{{FLIP}, "search": [{{"domain": "transform",'
        '"args": ["probability#prob"], "type": "enum", "targets": [0.0, 1.0]}]},'
        f'{{{ROTATE}, "apply": {{"probability": "prob"}}}}]}}}}',
        [
            (
                "transform.enum.train.pre_transforms.#1$0:probability",
                ("RandomAxisFlip.probability",),
                [[0.0], [1.0]],
                (0.0,),
            )
        ],
        2,
    ),
    "example 2, two components together": (
        f'{{"train": {{"pre_transforms": [{{{FLIP}, "search": [{{"domain": "transform",'
        '"args": ["@disabled#d"], "type": "enum", "targets": [0.0, 1.0]}]},'
        f'{{{ROTATE}, "apply": {{"@disabled": "d"}}}}]}}}}',
        [
            (
                "transform.enum.train.pre_transforms.#1$0:disabled",
                ("RandomAxisFlip.disabled",),
                [[False], [True]],
                (False,),
            )
        ],
        2,
    ),
    "example 3, first-level parameters": (
        f'{{"search": [{{"domain": "transform", {EITHER}}}], "train": {{"pre_transforms": ['
        f'{{{FLIP}, "apply": {{"@disabled": "d1"}}}},'
        f'{{{ROTATE}, "apply": {{"@disabled": "d2"}}}}]}}}}',
        [("transform.enum$0:d1/d2", ("d1", "d2"), [[True, False], [False, True]], None)],
        2,
    ),
    "example 4, optimizers": (
        f'{{"search": [{{"domain": "transform", {EITHER}}}], "train": {{"optimizer": ['
        '{"name": "NovoGrad", "apply": {"@disabled": "d1"}},'
        '{"name": "Adam", "apply": {"@disabled": "d2"}}]}}',
        [("transform.enum$0:d1/d2", ("d1", "d2"), [[True, False], [False, True]], None)],
        2,
    ),
    "figure 8, boolean": (
        '{"epochs": 2, "num_training_epoch_per_valid": 20, "learning_rate": 1e-3,'
        '"use_amp": false, "search": [{"args": ["use_amp"], "type": "enum", "domain": "net",'
        '"targets": [[true], [false]]}]}',
        [("net.enum$0:use_amp", ("use_amp",), [[True], [False]], (False,))],
        2,
    ),
    "figure 9, float": (
        '{"epochs": 1, "learning_rate": 1e-3, "search": [{"domain": "lr",'
        '"args": ["learning_rate"], "type": "float", "targets": [0.0001, 0.001]}]}',
        [("lr.float$0:learning_rate", ("learning_rate",), (0.0001, 0.001), (0.001,))],
        None,
    ),
    "figure 10, learning rate policy": (
        '{"train": {"lr_policy": {"name": "ReducePoly", "args": {"poly_power": 0.99},'
        '"search": [{"type": "float", "args": ["poly_power"], "targets": [0.9, 0.99],'
        '"domain": "lr"}]}}}',
        [
            (
                "lr.float.train.lr_policy$0:poly_power",
                ("ReducePoly.poly_power",),
                (0.9, 0.99),
                (0.99,),
            )
        ],
        None,
    ),
    "figure 11, mutually exclusive": (
        '{"search": [{"domain": "transform", "type": "enum",'
        '"args": ["mySearchLoss1", "mySearchLoss2"], "targets": [[true, false], [false, true]]},'
        '{"domain": "transform", "type": "enum",'
        '"args": ["mySearchOptimizer1", "mySearchOptimizer2"],'
        '"targets": [[true, false], [false, true]]}], "train": {"loss": ['
        '{"name": "Dice", "apply": {"@disabled": "mySearchLoss1"},'
        '"args": {"skip_background": true}},'
        '{"name": "Focal", "apply": {"@disabled": "mySearchLoss2"},'
        '"args": {"skip_background": true}}]}}',
        [
            (
                "transform.enum$0:mySearchLoss1/mySearchLoss2",
                ("mySearchLoss1", "mySearchLoss2"),
                [[True, False], [False, True]],
                None,
            ),
            (
                "transform.enum$1:mySearchOptimizer1/mySearchOptimizer2",
                ("mySearchOptimizer1", "mySearchOptimizer2"),
                [[True, False], [False, True]],
                None,
            ),
        ],
        4,
    ),
}


@pytest.mark.parametrize("name", DOCUMENTS)
def test_printed_example_means_this_space(name: str, rows: Callable[..., Any]) -> None:
    """Each printed example has the space that its text describes."""
    text, expected, number = DOCUMENTS[name]
    findings = Findings()
    space = read_space(json.loads(text), findings)
    assert findings.errors == 0
    assert repr(rows(space)) == repr(expected)
    assert count(space) == number


def test_example_2_gives_real_booleans() -> None:
    """0.0 and 1.0 on their way to @disabled become false and true, in both components."""
    config = json.loads(DOCUMENTS["example 2, two components together"][0])
    space = parse(config)
    for index, switched in ((0, False), (1, True)):
        concrete = apply(config, SearchResult(space, {space.parameters[0].key: index}))
        for item in concrete["train"]["pre_transforms"]:
            assert item["disabled"] is switched


def test_example_4_enables_exactly_one_optimizer() -> None:
    """One optimizer is on in each job, and it is not the same one."""
    config = json.loads(DOCUMENTS["example 4, optimizers"][0])
    space = parse(config)
    on = []
    for index in (0, 1):
        concrete = apply(config, SearchResult(space, {"transform.enum$0:d1/d2": index}))
        on += [item["name"] for item in concrete["train"]["optimizer"] if not item["disabled"]]
    assert on == ["Adam", "NovoGrad"]


def test_lr_search_of_clara_3(rows: Callable[..., Any]) -> None:
    """`lr_search` is a float search of learning_rate, with the canonical form shown."""
    findings = Findings()
    space = read_space({"learning_rate": 0.5, "lr_search": [0.1, 1]}, findings)
    assert rows(space) == [("lr.float$0:learning_rate", ("learning_rate",), (0.1, 1.0), (0.5,))]
    assert [problem.severity for problem in findings.problems] == ["warning"]
    concrete = apply({"learning_rate": 0.5, "lr_search": [0.1, 1]}, SearchResult(space, {}))
    assert concrete == {"learning_rate": 0.5}


def test_disabled_of_the_pre_release(rows: Callable[..., Any]) -> None:
    """`"args": "DISABLED"` switches the component on and off."""
    config = {"a": {"name": "A", "search": [{"domain": "transform", "args": "DISABLED"}]}}
    findings = Findings()
    space = read_space(config, findings)
    assert rows(space) == [
        ("transform.enum.a$0:disabled", ("A.disabled",), [[True], [False]], (False,))
    ]
    assert "@disabled" in findings.problems[0].hint


def test_args_as_a_string(problems: Callable[..., list[Problem]]) -> None:
    """The user guide's `"args": "if_use_psp"` is one name, with one warning that shows the list."""
    entry = {"domain": "net", "args": "if_use_psp", "type": "enum", "targets": [[True], [False]]}
    found = problems({"m": {"name": "SegAhnet", "args": {"if_use_psp": True}, "search": [entry]}})
    assert [(problem.severity, problem.hint) for problem in found] == [
        ("warning", 'the canonical form is ["if_use_psp"]')
    ]
