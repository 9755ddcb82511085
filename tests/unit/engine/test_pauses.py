"""The engine's core when jobs are cut: paused, promoted, pruned, and found again by a resume."""

from __future__ import annotations

import itertools
import json
from typing import Any

from mmar_automl.api import Verdict
from mmar_automl.defs import JobState, RunState
from mmar_automl.engine.events import (
    Event,
    JobEnded,
    JobReported,
    PausedSettled,
    RunResumed,
    StopRequested,
    WorkerFreed,
    from_json,
    to_json,
)
from mmar_automl.engine.instructions import (
    AbortJobs,
    Cut,
    CutJob,
    EndRun,
    GiveUp,
    Instruction,
    Schedule,
    SettlePaused,
    StartJob,
    TellController,
    UpdateController,
)
from mmar_automl.engine.state import EngineState, replay
from tests.unit.engine.test_state import assigned, begun, made

CLOCK = itertools.count(100.0)
FIRST = "W1_1_J1"
PAUSE = Cut(JobState.PAUSED, "after epoch 3: too low")


class Told:
    """A core and the events that it has had, through JSON, as a journal holds them."""

    def __init__(self, *workers: str) -> None:
        self.state = begun(*workers)
        self.events: list[Event] = [self.state.process]  # type: ignore[list-item]

    def handle(self, event: Event) -> list[Instruction]:
        self.events.append(from_json(json.loads(json.dumps(to_json(event)))))
        return self.state.handle(event)

    def start(self, number: int, worker: str) -> list[Instruction]:
        done = self.handle(assigned(self.state, number, worker))
        self.state.scheduled()
        return done


def reported(job: str, epoch: int, score: float | None = 0.1, **more: Any) -> JobReported:
    return JobReported(job=job, epoch=epoch, score=score, max_epochs=9, time=next(CLOCK), **more)


def ended(job: str, state: JobState, **more: Any) -> JobEnded:
    return JobEnded(job=job, state=state, time=next(CLOCK), **more)


def freed(job: str) -> WorkerFreed:
    return WorkerFreed(job=job, time=next(CLOCK))


def resumed(*workers: str) -> RunResumed:
    return RunResumed(
        workers=tuple((name, ()) for name in workers),
        version="0",
        host="here",
        pid=2,
        process_started=0.0,
        time=next(CLOCK),
    )


def stopped(abort: bool) -> StopRequested:
    return StopRequested(
        issuer="test", reason="enough", state=RunState.STOPPED, abort=abort, time=next(CLOCK)
    )


def paused() -> Told:
    """One worker, three proposals; the first job has been paused at epoch 3 and told of."""
    told = Told("W1")
    told.handle(made(1, 2, 3))
    told.start(1, "W1")
    cut = told.handle(reported(FIRST, 3, verdict=Verdict.PAUSE, reason="too low"))
    assert cut == [CutJob(FIRST, PAUSE)]
    told.handle(ended(FIRST, JobState.PAUSED, message=PAUSE.reason))
    tell, schedule = told.handle(freed(FIRST))
    assert isinstance(tell, TellController)
    assert (tell.job.state, tell.job.score, tell.job.epoch) == (JobState.PAUSED, 0.1, 3)
    assert schedule == Schedule((2, 3), ("W1",))
    told.handle(made(after=FIRST))
    return told


def test_a_pause_frees_the_worker_and_is_told_once() -> None:
    """Its best so far stands in for a score that the executor did not give."""
    told = paused()
    assert list(told.state.paused) == [FIRST]
    assert told.state.cuts == {}


def test_a_promoted_job_goes_first_and_under_its_name() -> None:
    """Before what was never started; what became of it is an update, not a second outcome."""
    told = paused()
    told.start(2, "W1")
    told.handle(reported("W1_2_J2", 3, 0.05, promote=(FIRST,)))
    assert told.state.queue == [1, 3]
    told.handle(ended("W1_2_J2", JobState.FINISHED, score=0.2))
    told.handle(freed("W1_2_J2"))
    (start,) = told.start(1, "W1")
    assert isinstance(start, StartJob)
    assert (start.job.name, start.job.attempt, start.cut) == (FIRST, 2, None)
    assert start.job.earlier > 0
    told.handle(made(after="W1_2_J2"))
    told.handle(ended(FIRST, JobState.FINISHED, score=0.7))
    update = told.handle(freed(FIRST))[0]
    assert isinstance(update, UpdateController)
    assert update.job.score == 0.7
    assert update.job.seconds is not None
    assert update.job.seconds > update.job.earlier


def test_a_promotion_may_come_before_the_pause_has_taken_effect() -> None:
    """Then it goes on as soon as it is off its worker."""
    told = Told("W1", "W2")
    told.handle(made(1, 2))
    told.start(1, "W1")
    told.start(2, "W2")
    told.handle(reported(FIRST, 3, verdict=Verdict.PAUSE, reason="too low"))
    told.handle(reported("W2_1_J2", 3, promote=(FIRST,)))
    told.handle(ended(FIRST, JobState.PAUSED))
    told.handle(freed(FIRST))
    assert told.state.queue == [1]


def test_what_nobody_promotes_is_pruned_when_nothing_else_is_left() -> None:
    """The pruner is asked once; an empty answer ends them all, and the run."""
    told = paused()
    for number, name in ((2, "W1_2_J2"), (3, "W1_3_J3")):
        told.start(number, "W1")
        told.handle(ended(name, JobState.FINISHED, score=0.2))
        told.handle(freed(name))
        asked = told.handle(made(after=name))
    assert asked == [SettlePaused((FIRST,), ask=True)]
    done = told.handle(PausedSettled(promoted=(), asked=True, time=next(CLOCK)))
    assert isinstance(done[0], GiveUp)
    assert [job.state for job in done[0].jobs] == [JobState.PRUNED]
    assert isinstance(done[-1], EndRun)
    assert any(isinstance(item, UpdateController) for item in done)
    assert told.state.jobs[FIRST].message == PAUSE.reason


def test_a_decision_whose_effect_was_prevented_is_carried_out_by_a_resume() -> None:
    """The job is started only to be ended."""
    told = Told("W1")
    told.handle(made(1))
    told.start(1, "W1")
    told.handle(reported(FIRST, 3, verdict=Verdict.PAUSE, reason="too low"))
    state = replay(told.events)
    state.handle(resumed("W1"))
    (start,) = state.handle(assigned(state, 1, "W1"))
    assert start == StartJob(state.jobs[FIRST], PAUSE)


def test_a_promoted_job_that_waits_survives_a_stop_and_a_resume() -> None:
    """It is paused again, and goes on first thing."""
    told = paused()
    told.start(2, "W1")
    told.handle(reported("W1_2_J2", 3, promote=(FIRST,)))
    assert told.handle(stopped(abort=True)) == [AbortJobs(("W1_2_J2",))]
    assert told.state.jobs[FIRST].state is JobState.PAUSED
    assert told.state.dropped == [3]
    told.handle(ended("W1_2_J2", JobState.INTERRUPTED))
    (end,) = told.handle(freed("W1_2_J2"))
    assert isinstance(end, EndRun)
    state = replay(told.events)
    state.handle(resumed("W1"))
    assert state.queue[:2] in ([1, 2], [2, 1])
    assert state.jobs[FIRST].state is JobState.QUEUED


def test_a_job_that_is_being_cut_is_not_ended_twice() -> None:
    """A first signal lets it save; a second one ends it with the others."""
    told = Told("W1")
    told.handle(made(1))
    told.start(1, "W1")
    told.handle(reported(FIRST, 3, verdict=Verdict.STOP, reason="too low"))
    assert told.handle(stopped(abort=True)) == [AbortJobs(())]
    assert told.handle(stopped(abort=True)) == [AbortJobs((FIRST,))]


def test_every_prefix_replays_to_the_same_state() -> None:
    """Through JSON, as a journal has it."""
    told = paused()
    told.start(2, "W1")
    told.handle(reported("W1_2_J2", 3, promote=(FIRST,)))
    told.handle(ended("W1_2_J2", JobState.PRUNED, message="x"))
    told.handle(freed("W1_2_J2"))
    again = EngineState()
    for event in told.events:
        again.handle(event)
        again.scheduled()
    assert again.jobs == told.state.jobs
    assert again.queue == told.state.queue
    assert again.paused == told.state.paused
