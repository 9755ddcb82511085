"""What every pruner promises: ours, and yours.

    PYTHONPATH=my_mmar/custom MMAR_AUTOML_PRUNER=my_pruner.MyPruner \\
        python -m pytest tests/contract/test_pruners.py
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from mmar_automl.api import Decision, Progress, Pruner, Verdict
from mmar_automl.byoc import load_class
from mmar_automl.controllers.random import RandomController
from mmar_automl.defs import JobState, SearchSpace
from mmar_automl.engine.simulate import Simulated, Training, simulate
from mmar_automl.pruners.asha import AshaPruner
from mmar_automl.pruners.hyperband import HyperbandPruner
from mmar_automl.pruners.median import MedianPruner
from mmar_automl.search import parse

EPOCHS = 27
PRUNERS: list[Callable[[], Pruner]] = [
    MedianPruner,
    lambda: MedianPruner(jobs=1, grace=1),
    AshaPruner,
    lambda: AshaPruner(eta=2, grace=1),
    lambda: AshaPruner(promote=False),
    HyperbandPruner,
    lambda: HyperbandPruner(brackets=3, grace=1),
]
if "MMAR_AUTOML_PRUNER" in os.environ:
    PRUNERS.append(load_class(os.environ["MMAR_AUTOML_PRUNER"], [Path.cwd()]))


def space() -> SearchSpace:
    entry = {"args": ["x"], "type": "float", "domain": "net", "targets": [0, 1]}
    return parse({"search": [entry]})


def training(named: dict[str, float]) -> Training:
    """Better for larger x from the first epoch on."""
    final = float(named["x"])
    scores = [final * (1 - math.exp(-(epoch + 1) / 6)) for epoch in range(EPOCHS)]
    return Training(scores, 1.0 + 0.1 * final)


def search(pruner: Pruner | None, jobs: int = 60, workers: int = 4) -> Simulated:
    controller = RandomController(max_jobs=jobs)
    return simulate(controller, space(), training, workers=workers, pruner=pruner)


@pytest.fixture(params=PRUNERS, ids=lambda make: make().describe())
def make(request: pytest.FixtureRequest) -> Callable[[], Pruner]:
    """Each pruner's maker."""
    found: Callable[[], Pruner] = request.param
    return found


def test_every_job_ends_and_the_best_is_found_with_fewer_epochs(
    make: Callable[[], Pruner],
) -> None:
    """Curves do not cross here, so that whoever cuts the best is at fault."""
    whole, found = search(None), search(make())
    assert found.complaints == []
    assert {job.state for job in found.jobs} <= {JobState.FINISHED, JobState.PRUNED}
    assert len(found.jobs) == 60
    assert found.epochs < 0.8 * whole.epochs
    assert found.best == whole.best
    for job in found.jobs:
        if job.state is JobState.PRUNED:
            assert job.message
            assert job.score is not None


def test_the_same_reports_get_the_same_decisions(make: Callable[[], Pruner]) -> None:
    """No clock and no unseeded chance: a resumed search asks again."""
    assert search(make()).jobs == search(make()).jobs


def test_a_single_job_is_left_alone(make: Callable[[], Pruner]) -> None:
    """There is nothing to compare it with."""
    found = search(make(), jobs=1)
    assert [job.state for job in found.jobs] == [JobState.FINISHED]
    assert found.epochs == EPOCHS


def test_scores_that_are_missing_do_no_harm(make: Callable[[], Pruner]) -> None:
    """A validation without a finite number is a validation."""
    pruner = make()
    for epoch in range(1, EPOCHS + 1):
        for job in range(6):
            score = None if job % 2 else 0.1 * job
            answer = pruner.report(
                Progress(
                    job=f"J{job}", recommendation_id=job, epoch=epoch, score=score,
                    max_epochs=EPOCHS if job % 3 else None,
                )
            )  # fmt: skip
            assert answer is None or isinstance(answer, Decision)
            assert answer is None or isinstance(answer.verdict, Verdict)
    pruner.ended("J0", 0.3)
    assert set(pruner.drained(["J1"])) <= {"J1"}


def test_a_paused_job_is_promoted_and_goes_on_where_it_was() -> None:
    """The first is overtaken, and goes on once two worse ones have come to its rung."""
    found = search(AshaPruner(eta=3, grace=3), jobs=40)
    assert any(job.trained == EPOCHS and job.attempt > 1 for job in found.jobs)
    assert found.epochs == sum(job.trained or 0 for job in found.jobs)
    for job in found.jobs:
        scores = training({"x": job.parameters["x"]}).scores
        assert job.curve == tuple(enumerate(scores[: job.trained], start=1))


def test_nobody_is_judged_by_few_validations() -> None:
    """A training of 30 epochs that validates every second is first looked at in the eighth; a
    grace that is asked for stands."""

    def cut(pruner: Pruner) -> list[int]:
        found = []
        for job, score in (("J1", 0.5), ("J2", 0.1)):
            for epoch in range(2, 31, 2):
                said = pruner.report(
                    Progress(job=job, recommendation_id=1, epoch=epoch, score=score, max_epochs=30)
                )
                if said is not None and said.verdict is not Verdict.GO_ON:
                    found.append(epoch)
                    break
        return found

    assert cut(AshaPruner()) == cut(HyperbandPruner(brackets=1)) == cut(MedianPruner(jobs=1)) == [8]
    assert cut(AshaPruner(grace=3)) == [4]


@pytest.mark.parametrize("arguments", [{"eta": 1}, {"grace": 0}])
def test_senseless_arguments_are_refused(arguments: dict[str, int]) -> None:
    """By name."""
    with pytest.raises(ValueError, match=next(iter(arguments))):
        AshaPruner(**arguments)  # type: ignore[arg-type]
