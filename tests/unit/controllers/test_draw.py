"""Configurations that were not proposed before, drawn or in order."""

from __future__ import annotations

import random
from typing import Any

from mmar_automl.controllers.draw import Fresh
from mmar_automl.search import parse

TWO = {"args": ["k"], "type": "enum", "domain": "net", "targets": [["a"], ["b"]]}


def everything(*entries: dict[str, Any]) -> tuple[list[dict[str, Any]], str]:
    """What comes in order, and what is said after the last one."""
    fresh = Fresh(parse({"search": [*entries]}))
    found: list[dict[str, Any]] = []
    while (values := fresh.in_order(lambda values: values in found)) is not None:
        found.append(values)
    return found, fresh.end(len(found))


def test_a_finite_space_comes_whole() -> None:
    """Every value of a range of ints, though a grid would take three levels."""
    found, said = everything(
        TWO, {"args": ["n"], "type": "int", "domain": "net", "targets": [1, 9]}
    )
    assert len(found) == 18
    assert said == "all 18 configurations of the space are proposed"


def test_of_a_continuum_nobody_claims_to_have_all() -> None:
    """Levels of it are looked through, and nothing more is said than that."""
    found, said = everything(TWO, {"args": ["x"], "type": "float", "domain": "net",
                                   "targets": [0, 1], "when": {"k": ["b"]}})  # fmt: skip
    assert len(found) == 4
    assert said == "nothing new was found in the space after 4 configurations"


def test_a_huge_range_is_not_laid_out() -> None:
    """Its first cells come at once."""
    entry = {"args": ["n"], "type": "int", "domain": "net", "targets": [0, 2**52]}
    fresh = Fresh(parse({"search": [entry]}))
    found: list[dict[str, Any]] = []
    for _ in range(3):
        values = fresh.in_order(lambda values: values in found)
        assert values is not None
        found.append(values)
    assert [next(iter(values.values())) for values in found] == [0, 1, 2]


def test_draws_that_are_known_are_none() -> None:
    """After so many tries."""
    fresh = Fresh(parse({"search": [TWO]}))
    source = random.Random(0)
    assert fresh.drawn(source, lambda _values: False, 1) is not None
    assert fresh.drawn(source, lambda _values: True, 50) is None
