"""What `mmar-automl new pruner` writes, told of validations by hand."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import pytest

import mmar_automl.app
from mmar_automl.api import Progress, Verdict


@pytest.fixture(scope="module")
def template() -> Any:
    """The class that `new` writes, under its own name."""
    file = Path(mmar_automl.app.__path__[0]) / "templates/components/pruner.py"
    spec = importlib.util.spec_from_file_location("template_of_a_pruner", file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.MyPruner


def verdicts(pruner: Any, job: str, scores: list[float | None]) -> list[str]:
    told = [
        pruner.report(Progress(job=job, recommendation_id=1, epoch=epoch, score=score))
        for epoch, score in enumerate(scores, start=1)
    ]
    return ["go_on" if one is None else str(one.verdict) for one in told]


def test_it_stops_what_is_too_far_behind(template: Any) -> None:
    """At the same epoch, after the warm-up, by the best that the job has had."""
    pruner = template(warmup=2, behind=0.1)
    assert verdicts(pruner, "W1_1_J1", [0.3, 0.5, 0.7, 0.6, 0.8]) == ["go_on"] * 5
    assert verdicts(pruner, "W2_1_J2", [0.1, 0.1, 0.65, 0.2, 0.2]) == ["go_on"] * 4 + ["stop"]
    pruner.ended("W2_1_J2", 0.65)
    assert verdicts(pruner, "W2_2_J3", [0.1, None, 0.1, 0.1]) == ["go_on", "go_on", "go_on", "stop"]


def test_it_says_why_and_decides_alike_when_told_alike(template: Any) -> None:
    """A resumed search gives it the same reports again."""
    reports = [("a", 1, 0.9), ("b", 1, 0.1), ("a", 2, 0.9), ("b", 2, 0.2), ("c", 2, 0.9)]
    first, second = (template(warmup=0, behind=0.5) for _ in range(2))
    for job, epoch, score in reports:
        progress = Progress(job=job, recommendation_id=1, epoch=epoch, score=score)
        decision = first.report(progress)
        assert decision == second.report(progress)
        assert (decision is not None) == (job == "b")
        if decision is not None:
            assert decision.verdict is Verdict.STOP
            assert "where the best had 0.9" in decision.reason
    with pytest.raises(ValueError, match="at least 0"):
        template(warmup=-1)
