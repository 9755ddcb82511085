"""Counting and enumerating distinct configurations."""

from __future__ import annotations

import itertools
import random
import time
from typing import Any

import pytest

from mmar_automl.search import describe
from mmar_automl.search.count import TooEntangled, count, count_exactly
from mmar_automl.search.distinct import enumerate_distinct, levels
from mmar_automl.search.parse import parse


def param(name: str, **keys: Any) -> dict[str, Any]:
    return {"domain": "net", "args": [name], **keys}


@pytest.mark.parametrize(
    ("keys", "number"),
    [
        ({"type": "int", "targets": [1, 9]}, 9),
        ({"type": "int", "targets": [1, 9], "step": 4}, 3),
        ({"type": "int", "targets": [-(2**53), 2**53]}, 2**54 + 1),
        ({"type": "float", "targets": [0, 1], "step": 0.1}, 11),
        ({"type": "float", "targets": [0, 0.95], "step": 0.1}, 10),
        ({"type": "float", "targets": [0, 1], "step": 1e-12}, 10**12 + 1),
        ({"type": "float", "targets": [1000, 1001], "step": 1e-9}, 10**9 + 1),
        ({"type": "float", "targets": [2, 2]}, 1),
        ({"type": "float", "targets": [0, 1]}, None),
        ({"type": "bool"}, 2),
    ],
)
def test_count_of_one(keys: dict[str, Any], number: int | None) -> None:
    """A range is counted by arithmetic, whatever its size."""
    assert count(parse({"search": [param("x", **keys)]})) == number


@pytest.mark.parametrize(
    ("keys", "num", "values"),
    [
        ({"type": "float", "targets": [0, 1], "step": 0.1}, 3, [i / 10 for i in range(11)]),
        ({"type": "float", "targets": [0, 1]}, 3, [0.0, 0.5, 1.0]),
        ({"type": "float", "targets": [0.01, 1], "scale": "log"}, 3, [0.01, 0.1, 1.0]),
        ({"type": "float", "targets": [0, 1]}, 1, [0.5]),
        ({"type": "int", "targets": [1, 100]}, 3, [1, 50, 100]),
        ({"type": "int", "targets": [1, 100], "scale": "log"}, 3, [1, 10, 100]),
        ({"type": "int", "targets": [1, 3]}, 5, [1, 2, 3]),
        ({"type": "int", "targets": [0, 90], "step": 10}, 3, list(range(0, 91, 10))),
    ],
)
def test_levels(keys: dict[str, Any], num: int, values: list[float]) -> None:
    """A grid's axis: on the step where there is one, else spread over the scale."""
    (parameter,) = parse({"search": [param("x", **keys)]})
    found = levels(parameter, num)
    assert found is not None
    assert list(found) == pytest.approx(values, abs=1e-12)
    assert 0.30000000000000004 not in found


def test_exclusive_branches_do_not_multiply() -> None:
    """Ten optimizers with three parameters of three levels each: 270 cells, at once."""
    names = [f"o{i}" for i in range(10)]
    choose = [[name != other for name in names] for other in names]
    search = [param(name, type="enum", targets=[[1], [2], [3]]) for name in ("a", "b", "c")]
    optimizers = [
        {
            "name": f"O{i}",
            "args": {"a": 1, "b": 1, "c": 1},
            "apply": {"@disabled": name},
            "search": search,
        }
        for i, name in enumerate(names)
    ]
    config = {
        "search": [{"domain": "net", "args": names, "type": "enum", "targets": choose}],
        "train": {"optimizer": optimizers},
    }
    space = parse(config)
    began = time.perf_counter()
    assert count(space) == 270
    assert sum(1 for _ in enumerate_distinct(space)) == 270
    assert time.perf_counter() - began < 2


def test_independent_switches_are_counted_apart() -> None:
    """Forty transforms, each on or off, each with a choice of two: 3**40."""
    on_off = {"domain": "net", "args": ["@disabled"], "type": "bool"}
    search = [on_off, param("prob", type="enum", targets=[[0.1], [0.5]])]
    transforms = [{"name": f"T{i}", "args": {"prob": 0}, "search": search} for i in range(40)]
    space = parse({"train": {"pre_transforms": transforms}})
    assert count(space) == 3**40
    first = list(itertools.islice(enumerate_distinct(space), 1000))
    assert len({tuple(values.items()) for values in first}) == 1000
    assert describe.size(space) == f"{3**40} distinct configurations"


def test_order_is_that_of_the_whole_grid_without_repetitions() -> None:
    """Distinct cells come as Clara's product would first meet them."""
    config = {
        "search": [
            param("a", type="enum", targets=[[1], [2]], when={"c": [True]}),
            param("b", type="enum", targets=[[1], [2]]),
            param("c", type="bool"),
        ]
    }
    space = parse(config)
    keys = [parameter.key for parameter in space]
    seen: list[dict[str, Any]] = []
    for values in itertools.product(range(2), repeat=3):
        effective = space.effective(dict(zip(keys, reversed(values), strict=True)))
        if effective not in seen:
            seen.append(effective)
    assert list(enumerate_distinct(space)) == seen


def test_infinite_only_where_it_can_be_active() -> None:
    """A continuum in a component that is off for good does not make the space infinite."""
    search = [param("x", type="float", targets=[0, 1])]
    config = {
        "search": [param("y", type="bool")],
        "a": {"name": "A", "disabled": True, "args": {"x": 1}, "search": search},
    }
    assert count(parse(config)) == 2
    config["a"]["disabled"] = False
    assert count(parse(config)) is None
    assert describe.size(parse(config)) == "infinitely many configurations"


def test_hopeless_spaces_are_given_up() -> None:
    """What cannot be counted in time is said to be so, and is not infinite."""
    source = random.Random(1)
    names = [f"p{i}" for i in range(80)]
    search = [param(name, type="bool") for name in names]
    for i in range(120):
        asked = {name: [source.random() < 0.5] for name in source.sample(names, 3)}
        search.append(param(f"q{i}", type="bool", when=asked))
    space = parse({"search": search})
    began = time.perf_counter()
    with pytest.raises(TooEntangled):
        count_exactly(space)
    assert time.perf_counter() - began < 10
    assert "too entangled" in describe.size(space)


def test_empty_space_has_one_configuration() -> None:
    """The base config itself."""
    space = parse({})
    assert count(space) == 1
    assert list(enumerate_distinct(space)) == [{}]
