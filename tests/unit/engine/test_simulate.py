"""A search in virtual time keeps the engine's promises."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import pytest

from mmar_automl.api import Controller
from mmar_automl.controllers.grid import GridController
from mmar_automl.controllers.random import RandomController
from mmar_automl.defs import Context, JobState, Outcome, Recommendation, SearchSpace
from mmar_automl.engine.limits import Limits
from mmar_automl.engine.simulate import Training, simulate
from mmar_automl.pruners.asha import AshaPruner
from mmar_automl.search import parse


def space(count: int) -> SearchSpace:
    targets = [[n] for n in range(count)]
    entry = {"args": ["x"], "type": "enum", "domain": "net", "targets": targets}
    return parse({"search": [entry]})


def flat(named: Mapping[str, Any]) -> Training:
    return Training([named["x"] / 10, named["x"] / 5], 3.0)


@pytest.mark.parametrize(("workers", "seconds"), [(1, 48.0), (2, 24.0), (8, 6.0)])
def test_time_is_shared_among_the_workers(workers: int, seconds: float) -> None:
    """Eight trainings of two epochs of three seconds."""
    found = simulate(GridController(), space(8), flat, workers=workers)
    assert found.seconds == seconds
    assert found.epochs == 16
    assert [job.name.split("_")[0] for job in found.jobs[:workers]] == [
        f"W{n}" for n in range(1, workers + 1)
    ]
    assert found.best == 1.4
    step = found.reached(1.4)
    assert step is not None
    assert step.time == seconds


def test_limits_hold() -> None:
    """The target ends it; so does the number of jobs, of epochs, and patience."""
    assert (
        "target score 0.4"
        in simulate(
            GridController(), space(8), flat, workers=1, limits=Limits(target_score=0.4)
        ).reason
    )
    assert len(simulate(GridController(), space(8), flat, limits=Limits(max_jobs=3)).jobs) == 3
    assert simulate(GridController(), space(8), flat, most_epochs=5).epochs == 5
    worse = simulate(
        GridController(), space(8), lambda named: Training([-named["x"]]),
        workers=1, limits=Limits(patience=2),
    )  # fmt: skip
    assert len(worse.jobs) == 3


def test_the_time_is_virtual_too() -> None:
    """What runs when it is over is interrupted; what was paused stays so, for a resume."""
    found = simulate(
        GridController(), space(8), flat, workers=2, pruner=AshaPruner(grace=1),
        limits=Limits(max_time=10),
    )  # fmt: skip
    assert (found.seconds, found.reason) == (10, "the 10 s of max_time are over")
    states = {job.state for job in found.jobs}
    assert JobState.INTERRUPTED in states
    assert JobState.RUNNING not in states


def test_a_training_without_a_score_ends_without_one() -> None:
    """As a real one would."""
    found = simulate(GridController(), space(2), lambda _named: Training([]))
    assert {job.state for job in found.jobs} == {JobState.FINISHED_NO_SCORE}
    assert found.best is None


def test_a_training_that_diverges_is_heard_as_the_engine_hears_it() -> None:
    """NaN, inf and None are no scores: the best before them counts, and the best never falls."""
    curves: list[list[float | None]] = [
        [math.nan, 0.5, 0.3], [0.2, math.nan, math.inf], [0.1, None, 0.9], [math.nan, -math.inf],
    ]  # fmt: skip
    found = simulate(
        GridController(), space(4), lambda named: Training(curves[named["x"]]),
        workers=1, pruner=AshaPruner(grace=3),
    )  # fmt: skip
    assert found.complaints == []
    assert [(job.state, job.score, job.epoch) for job in found.jobs] == [
        (JobState.FINISHED, 0.5, 2),
        (JobState.FINISHED, 0.2, 1),
        (JobState.FINISHED, 0.9, 3),
        (JobState.FINISHED_NO_SCORE, None, None),
    ]
    bests = [step.best for step in found.steps]
    assert bests == [None] + [0.5] * 7 + [0.9] * 3
    assert found.best == 0.9
    reached = found.reached(0.5)
    assert reached is not None
    assert reached.epochs == 2


def test_a_controller_may_stop_and_its_errors_are_its_own() -> None:
    """stop_work ends it; an exception comes to whoever tries the controller out."""

    class Stops(RandomController):
        def refine_recommendation(self, outcome: Outcome, ctx: Context) -> list[Recommendation]:
            ctx.stop_work(self, "seen enough")
            return []

    class Raises(RandomController):
        def refine_recommendation(self, outcome: Outcome, ctx: Context) -> list[Recommendation]:
            raise KeyError("lr")

    found = simulate(Stops(max_jobs=8), space(8), flat, workers=1)
    assert (len(found.jobs), found.reason) == (1, "seen enough")
    controller: Controller = Raises(max_jobs=8)
    with pytest.raises(KeyError, match="lr"):
        simulate(controller, space(8), flat)


def test_the_configs_own_values_are_trained_to_the_end() -> None:
    """They are what a gain is measured against, so that a pruner does not cut them."""
    entry = {"args": ["x"], "type": "enum", "domain": "net", "targets": [[n] for n in range(6)]}
    found = simulate(
        GridController(), parse({"x": 1, "search": [entry]}),
        lambda named: Training([-float(named["x"])] * 9),
        workers=1, pruner=AshaPruner(grace=3, promote=False),
    )  # fmt: skip
    assert found.complaints == []
    trained = {job.parameters["x"]: (job.state, job.trained) for job in found.jobs}
    assert trained[1] == (JobState.FINISHED, 9)
    assert trained[2] == (JobState.PRUNED, 3)
