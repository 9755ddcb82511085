"""How often the critic tries each combination of the enums before its policy may drop one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

import pytest

from mmar_automl.controllers.reinforcement import ReinforcementController
from mmar_automl.engine.simulate import Training, simulate
from mmar_automl.search import parse

SPACE = parse(
    {
        "search": [
            {"args": ["x"], "type": "float", "domain": "net", "targets": [0, 1]},
            {"args": ["kind"], "type": "enum", "domain": "net", "targets": [["a"], ["b"], ["c"]]},
            {"args": ["sub"], "type": "enum", "domain": "net",
             "targets": [[1], [2], [3], [4]], "when": {"kind": ["b"]}},
        ]
    }
)  # fmt: skip
"""Six combinations: a, c, and b with four of its own."""


def combinations(max_jobs: int, seed: int, **args: Any) -> list[tuple[Any, Any]]:
    """The combination of each job of a search in which only a is good."""

    def train(parameters: Mapping[str, Any]) -> Training:
        good = 1.0 if parameters["kind"] == "a" else -5.0
        return Training([good - abs(parameters["x"] - 0.3)])

    controller = ReinforcementController(mode="critic", max_jobs=max_jobs, seed=seed, **args)
    jobs = simulate(controller, SPACE, train, workers=2).jobs
    return [(job.parameters["kind"], job.parameters.get("sub")) for job in jobs]


@pytest.mark.parametrize("seed", range(2))
def test_each_combination_has_two_jobs_before_one_is_dropped(seed: int) -> None:
    """Of four jobs of the design, which may be of one combination, and two for each of six."""
    tried = combinations(48, seed)
    found = Counter(tried[: 4 + 12])
    assert len(found) == 6
    assert min(found.values()) == 2
    assert tried.count(("a", None)) > 24


def test_a_small_budget_has_no_room_for_that() -> None:
    """Twelve jobs are more than a quarter of forty."""
    assert len(set(combinations(40, 0))) < 6


def test_a_policy_for_each_combination_takes_turns() -> None:
    """By product none is ever dropped."""
    found = Counter(combinations(24, 0, enum="product"))
    assert len(found) == 6
    assert set(found.values()) == {4}
