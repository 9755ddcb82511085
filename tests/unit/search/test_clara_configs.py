"""NVIDIA's own example configs, with the space that each means written down by hand."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mmar_automl.defs import SearchResult
from mmar_automl.search.apply import apply
from mmar_automl.search.count import count
from mmar_automl.search.distinct import enumerate_distinct
from mmar_automl.search.findings import Findings
from mmar_automl.search.parse import parse, read_space

CLARA = Path(__file__).parents[2] / "mmars" / "clara"
ON_OFF = [[True], [False]]
EITHER = [[True, False], [False, True]]
BIG, SMALL = [16, 32, 64, 128, 256], [8, 16, 32, 64, 128]

EXPECTED: dict[str, tuple[list[tuple[str, tuple[str, ...], Any, Any]], int | None]] = {
    "pytorch/trn_autoML_Enum": (
        [
            (
                "lr.enum.train.lr_scheduler$0:step_size",
                ("StepLR.step_size",),
                [[5000], [1000]],
                (5000,),
            ),
            ("net.enum.train.model$0:channels", ("UNet.channels",), [[BIG], [SMALL]], (BIG,)),
            (
                "net.enum.train.model$1:norm",
                ("UNet.norm",),
                [["batch"], ["INSTANCE"]],
                ("batch",),
            ),
        ],
        8,
    ),
    "pytorch/trn_autoML_LR_LP": (
        [
            ("lr.float$0:learning_rate", ("learning_rate",), (0.0001, 0.001), (0.0002,)),
            ("lr.float.train.lr_scheduler$0:gamma", ("StepLR.gamma",), (0.1, 0.2), (0.1,)),
            (
                "transform.float.train.pre_transforms.#7$0:prob",
                ("RandShiftIntensityd.prob",),
                (0.0, 1.0),
                (0.5,),
            ),
        ],
        None,
    ),
    "pytorch/trn_autoML_Loss_Optimizer": (
        [
            (
                "transform.enum$0:mySearchLoss1/mySearchLoss2",
                ("mySearchLoss1", "mySearchLoss2"),
                EITHER,
                None,
            ),
            (
                "transform.enum$1:mySearchOptimizer1/mySearchOptimizer2",
                ("mySearchOptimizer1", "mySearchOptimizer2"),
                EITHER,
                None,
            ),
        ],
        4,
    ),
    "pytorch/trn_autoML_Transform": (
        [
            ("transform.enum$0:myTransformDisable", ("myTransformDisable",), ON_OFF, (False,)),
            (
                "transform.enum.train.pre_transforms.#9$0:disabled",
                ("RandGaussianNoised.disabled",),
                ON_OFF,
                (False,),
            ),
        ],
        4,
    ),
    "pytorch/trn_autoML_TransformProb": (
        [
            (
                "transform.float.train.pre_transforms.#8$0:prob",
                ("RandShiftIntensityd.prob",),
                (0.0, 0.8),
                (0.5,),
            ),
        ],
        None,
    ),
    "tensorflow/trn_autoML_AMP": (
        [("net.enum$0:use_amp", ("use_amp",), ON_OFF, (False,))],
        2,
    ),
    "tensorflow/trn_autoML_Enum": (
        [
            (
                "lr.enum.train.lr_policy$0:poly_power",
                ("ReducePoly.poly_power",),
                [[0.9], [0.99]],
                (0.99,),
            ),
            (
                "net.enum.train.model$0:init_filters",
                ("SegResnet.init_filters",),
                [[2], [4]],
                (2,),
            ),
            (
                "net.enum.train.model$1:final_activation",
                ("SegResnet.final_activation",),
                [["softmax"], ["sigmoid"]],
                ("sigmoid",),
            ),
        ],
        8,
    ),
    "tensorflow/trn_autoML_LR_LP": (
        [
            ("lr.float$0:learning_rate", ("learning_rate",), (0.0001, 0.001), (0.001,)),
            (
                "lr.float.train.lr_policy$0:poly_power",
                ("ReducePoly.poly_power",),
                (0.9, 0.99),
                (0.99,),
            ),
            (
                "transform.float.train.pre_transforms.#9$0:probability",
                ("ScaleIntensityOscillation.probability",),
                (0.0, 0.2),
                (0.1,),
            ),
        ],
        None,
    ),
    "tensorflow/trn_autoML_Loss_Optimizer": (
        [
            (
                "transform.enum$0:mySearchLoss1/mySearchLoss2",
                ("mySearchLoss1", "mySearchLoss2"),
                EITHER,
                None,
            ),
            (
                "transform.enum$1:mySearchOptimizer1/mySearchOptimizer2",
                ("mySearchOptimizer1", "mySearchOptimizer2"),
                EITHER,
                None,
            ),
        ],
        4,
    ),
    "tensorflow/trn_autoML_Transform": (
        [
            ("transform.enum$0:myTransformDisable", ("myTransformDisable",), ON_OFF, (False,)),
            (
                "transform.enum.train.pre_transforms.#10$0:disabled",
                ("AddGaussianNoise.disabled",),
                ON_OFF,
                (False,),
            ),
        ],
        4,
    ),
    "tensorflow/trn_autoML_TransformProb": (
        [
            (
                "transform.float.train.pre_transforms.#9$0:probability",
                ("ScaleIntensityOscillation.probability",),
                (0.0, 0.8),
                (0.1,),
            ),
        ],
        None,
    ),
}


def load(name: str) -> dict[str, Any]:
    tree, _, file = name.partition("/")
    config: dict[str, Any] = json.loads((CLARA / tree / "config" / f"{file}.json").read_text())
    return config


def test_every_example_is_written_down() -> None:
    """No example of Clara's is left out."""
    there = {f"{p.parents[1].name}/{p.stem}" for p in CLARA.glob("*/config/trn_autoML_*.json")}
    assert there == set(EXPECTED)


@pytest.mark.parametrize("name", sorted(EXPECTED))
def test_example_means_this_space(name: str, rows: Callable[..., Any]) -> None:
    """Keys, names, targets with their JSON types, defaults and the count are as by hand."""
    expected, number = EXPECTED[name]
    findings = Findings()
    space = read_space(load(name), findings)
    assert findings.problems == []
    assert repr(rows(space)) == repr(expected)
    assert count(space) == number


@pytest.mark.parametrize("name", sorted(EXPECTED))
def test_example_survives_its_own_jobs(name: str) -> None:
    """A job's config has no search left, and differs from the base where it says."""
    config = load(name)
    space = parse(config)
    for values in enumerate_distinct(space, num=2):
        concrete = apply(config, SearchResult(space, values))
        assert len(read_space(concrete, Findings())) == 0
        assert '"search"' not in json.dumps(concrete)
        assert '"apply"' not in json.dumps(concrete)


def test_float_goes_to_the_component_that_applies_it() -> None:
    """LR_LP: one number for RandShiftIntensityd and, through its alias, RandGaussianNoised."""
    config = load("pytorch/trn_autoML_LR_LP")
    space = parse(config)
    values = {space.parameters[0].key: 0.0005, space.parameters[2].key: 0.25}
    concrete = apply(config, SearchResult(space, values))
    transforms = {item["name"]: item for item in concrete["train"]["pre_transforms"]}
    assert transforms["RandShiftIntensityd"]["args"]["prob"] == 0.25
    assert transforms["RandGaussianNoised"]["args"]["prob"] == 0.25
    assert concrete["learning_rate"] == 0.0005
    assert concrete["train"]["lr_scheduler"]["args"]["gamma"] == 0.1


def test_enum_order_is_claras() -> None:
    """The first parameter varies fastest, as the folders J1 to J8 of Clara's notebooks show."""
    space = parse(load("pytorch/trn_autoML_Enum"))
    cells = [tuple(values.values()) for values in enumerate_distinct(space)]
    assert cells[:4] == [(0, 0, 0), (1, 0, 0), (0, 1, 0), (1, 1, 0)]
    assert len(cells) == 8
