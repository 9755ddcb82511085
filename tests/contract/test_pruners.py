"""What every pruner promises: ours, and yours.

    PYTHONPATH=my_mmar/custom MMAR_AUTOML_PRUNER=my_pruner.MyPruner \\
        python -m pytest tests/contract/test_pruners.py
"""

from __future__ import annotations

import itertools
import math
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from mmar_automl.api import GO_ON, Decision, Progress, Pruner, Verdict
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

    every = range(2, 31, 2)
    assert cuts(AshaPruner(), every, 30, 30) == {"J2": 8}
    assert cuts(HyperbandPruner(brackets=1), every, 30, 30) == {"J2": 8}
    assert cuts(MedianPruner(jobs=1), every, 30, 30) == {"J2": 8}
    assert cuts(AshaPruner(grace=3), every, 30, 30) == {"J2": 4}


@pytest.mark.parametrize(
    "make", [AshaPruner, lambda: HyperbandPruner(brackets=1), lambda: MedianPruner(jobs=1)]
)
def test_validations_are_counted_and_not_reckoned(make: Callable[[], Pruner]) -> None:
    """A trainer that validates in epochs 1, 11, 21 is judged at its fourth validation."""
    assert cuts(make(), range(1, 91, 10), 90, 90) == {"J2": 31}


@pytest.mark.parametrize(
    "make", [AshaPruner, lambda: HyperbandPruner(brackets=1), lambda: MedianPruner(jobs=1)]
)
def test_jobs_of_different_lengths_are_compared_at_the_same_epochs(
    make: Callable[[], Pruner],
) -> None:
    """Where epochs are searched, too: otherwise each would be alone at its rung, and its best."""
    lengths = (27, 90, 45, 72, 54, 4)
    found = cuts(make(), range(1, 91), *lengths)
    assert found == {"J2": 4, "J3": 4, "J4": 4, "J5": 4}
    assert cuts(make(), range(1, 91), *lengths[::-1][1:]) == dict.fromkeys(
        ("J2", "J3", "J4"), 6
    ) | {"J5": 6}


def test_a_rung_that_was_passed_before_it_was_there_counts_what_was_had_there() -> None:
    """A job that validates seldom is past the first rung before another fixes where it is."""
    pruner = AshaPruner(eta=2)

    def report(job: str, epoch: int, score: float) -> Decision | None:
        return pruner.report(
            Progress(job=job, recommendation_id=1, epoch=epoch, score=score, max_epochs=12)
        )

    for epoch, score in ((5, 0.1), (6, 0.9)):
        assert report("seldom", epoch, score) == Decision()
    for epoch in (1, 2, 3, 4):
        assert report("often", epoch, 0.5) == Decision()
    late = report("seldom", 7, 0.9)
    assert late is not None
    assert late.verdict is Verdict.PAUSE
    assert late.reason.startswith("0.1 is not among the best 1 of 2 at epoch 4")


def climb(
    pruner: Pruner, job: str, *scores: float, every: int = 1, most: int = 4
) -> tuple[int, Decision]:
    """Where a job is paused of the epochs that it has scores for, and what was said last."""
    for epoch, score in zip(itertools.count(every, every), scores, strict=False):
        said = pruner.report(
            Progress(job=job, recommendation_id=1, epoch=epoch, score=score, max_epochs=most)
        )
        assert said is not None
        if said.verdict is not Verdict.GO_ON:
            return epoch, said
    return epoch, said


@pytest.mark.parametrize("make", [lambda: AshaPruner(eta=2, grace=2),
                                  lambda: HyperbandPruner(eta=2, grace=2, brackets=1)])  # fmt: skip
def test_nobody_is_cut_for_a_lead_that_others_have_lost(make: Callable[[], Pruner]) -> None:
    """Slow starters that overtook teach the rung how much it tells; who is far behind waits."""
    pruner = make()
    assert climb(pruner, "fast", 0.5, 0.60, 0.61, 0.62) == (4, GO_ON)
    assert climb(pruner, "slow", 0.1, 0.50)[0] == 2
    # Two worse ones at the rung, so that the slow one is among the best half after all.
    assert climb(pruner, "bad", 0.1, 0.10)[0] == 2
    assert climb(pruner, "worse", 0.1, 0.09)[1].promote == ("slow",)
    for epoch, score in ((3, 0.8), (4, 0.9)):
        pruner.report(
            Progress(job="slow", recommendation_id=1, epoch=epoch, score=score, max_epochs=4)
        )
    # The bar of this rung is at 0.6, and a lead of 0.1 has been lost there.
    assert climb(pruner, "faster", 0.5, 0.70, 0.71, 0.72) == (4, GO_ON)
    assert climb(pruner, "another", 0.1, 0.51, 0.8, 0.9) == (4, GO_ON)
    epoch, said = climb(pruner, "far behind", 0.1, 0.20)
    assert epoch == 2
    assert "which have 0.5 or better" in said.reason


@pytest.mark.parametrize("make", [lambda: AshaPruner(eta=2, grace=2),
                                  lambda: HyperbandPruner(eta=2, grace=2, brackets=1)])  # fmt: skip
def test_who_waits_is_promoted_though_nobody_comes_to_the_rung_any_more(
    make: Callable[[], Pruner],
) -> None:
    """The rung learns from the last who left it, and nothing else runs then."""
    pruner = make()
    waiting = ["slow", "bad", "close"]
    climb(pruner, "fast", 0.5, 0.60, 0.61, 0.62)
    climb(pruner, "slow", 0.1, 0.50)
    climb(pruner, "bad", 0.1, 0.10)
    assert climb(pruner, "worse", 0.1, 0.09)[1].promote == ("slow",)
    assert climb(pruner, "close", 0.1, 0.45)[0] == 2
    assert list(pruner.drained(waiting[1:])) == []
    for epoch, score in ((3, 0.8), (4, 0.9)):
        pruner.report(
            Progress(job="slow", recommendation_id=1, epoch=epoch, score=score, max_epochs=4)
        )
    pruner.ended("slow", 0.9)
    assert list(pruner.drained(waiting[1:])) == ["close"]
    assert list(pruner.drained(waiting[1:])) == []


def test_a_lead_is_lost_by_the_last_validation_too() -> None:
    """Which is in epoch 6 of 7 here: no job is heard in its last epoch."""
    pruner = AshaPruner(eta=2, grace=4)
    for job, at_the_rung in (("fast", 0.6), ("slow", 0.5), ("bad", 0.1), ("worse", 0.09)):
        said = climb(pruner, job, 0.05, at_the_rung, *[0.61] * (job == "fast"), every=2, most=7)[1]
    assert said.promote == ("slow",)
    pruner.report(Progress(job="slow", recommendation_id=1, epoch=6, score=0.9, max_epochs=7))
    assert climb(pruner, "another", 0.05, 0.45, 0.9, every=2, most=7) == (6, GO_ON)


def test_on_a_tie_the_earlier_ones_go_on() -> None:
    """A Dice that is 0 for all at the first rung is no reason to let all of them go on."""
    pruner = AshaPruner(eta=3, grace=1)
    gone_on: list[str] = []
    for job in (f"J{number}" for number in range(9)):
        epoch, said = climb(pruner, job, 0.0, 0.0, 0.0)
        gone_on += [*[job] * (epoch == 3), *said.promote]
    assert gone_on == ["J0", "J1", "J2"]


def cuts(pruner: Pruner, epochs: range, *lengths: int) -> dict[str, int]:
    """Where jobs, each worse than the one before and trained one after another, are cut."""
    found = {}
    for number, length in enumerate(lengths, start=1):
        job = f"J{number}"
        for epoch in (epoch for epoch in epochs if epoch <= length):
            said = pruner.report(
                Progress(
                    job=job, recommendation_id=number, epoch=epoch, score=1 / number,
                    max_epochs=length,
                )
            )  # fmt: skip
            if said is not None and said.verdict is not Verdict.GO_ON and epoch < length:
                found[job] = epoch
                break
        pruner.ended(job, 1 / number)
    return found


@pytest.mark.parametrize("arguments", [{"eta": 1}, {"grace": 0}])
def test_senseless_arguments_are_refused(arguments: dict[str, int]) -> None:
    """By name."""
    with pytest.raises(ValueError, match=next(iter(arguments))):
        AshaPruner(**arguments)  # type: ignore[arg-type]
