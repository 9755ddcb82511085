"""Who worked on what, when, and what that cost."""

from __future__ import annotations

from typing import Any

from mmar_automl.app import timeline
from mmar_automl.defs import FailureClass, JobState, RunState
from mmar_automl.engine.events import (
    Event,
    JobAssigned,
    JobEnded,
    JobRetried,
    RunEnded,
    RunResumed,
    RunStarted,
)

WORKERS = (("W1", (0,)), ("W2", (0,)))
PROCESS: dict[str, Any] = {"version": "1", "host": "box", "pid": 1, "process_started": 0.0}


def started(at: float) -> RunStarted:
    return RunStarted(run_id="r", token="t", workers=WORKERS, controller="C", time=at, **PROCESS)


def assigned(job: str, worker: str, at: float) -> JobAssigned:
    return JobAssigned(job=job, recommendation_id=1, worker=worker, time=at)


def ended(job: str, at: float) -> JobEnded:
    return JobEnded(job=job, state=JobState.FINISHED, score=1.0, time=at)


def test_attempts_gaps_and_shared_gpus_are_counted_once() -> None:
    """Two workers on one GPU: its hours are those in which any of them had a job."""
    events: list[Event] = [
        started(0),
        assigned("A", "W1", 10),
        assigned("B", "W2", 20),
        JobRetried(job="A", failure=FailureClass.KILLED, message="", time=30),
        ended("B", 40),
        ended("A", 50),
        RunEnded(state=RunState.FINISHED, reason="", time=60),
    ]
    spans = timeline.spans(events, alive=False)
    assert [(s.job, s.attempt, s.start, s.end) for s in spans] == [
        ("A", 1, 10, 30),
        ("B", 1, 20, 40),
        ("A", 2, 30, 50),
    ]
    cost = timeline.cost(spans, timeline.lives(events, None), now=99)
    assert (cost.elapsed, cost.busy, cost.gpu, cost.retried) == (60, 60, 40, 20)
    first, second = cost.workers
    assert (first.busy, first.idle, first.longest_gap) == (40, 20, 10)
    assert (second.busy, second.idle, second.longest_gap) == (20, 40, 20)


def test_a_killed_search_ends_what_ran_with_its_last_event() -> None:
    """The night between a crash and the resume is nobody's time."""
    events: list[Event] = [
        started(0),
        assigned("A", "W1", 10),
        assigned("B", "W2", 15),
        RunResumed(workers=WORKERS, time=10_000, **PROCESS),
        assigned("A", "W1", 10_010),
        ended("A", 10_020),
        RunEnded(state=RunState.FINISHED, reason="", time=10_020),
    ]
    spans = timeline.spans(events, alive=False)
    cut = [span for span in spans if not span.known]
    assert [(span.job, span.end, span.state) for span in cut] == [
        ("A", 15, JobState.INTERRUPTED),
        ("B", 15, JobState.INTERRUPTED),
    ]
    cost = timeline.cost(spans, timeline.lives(events, None), now=20_000)
    assert cost.elapsed == 15 + 20
    assert cost.busy == 5 + 0 + 10


def test_what_runs_now_is_open() -> None:
    """And counts until now."""
    events: list[Event] = [started(0), assigned("A", "W1", 10)]
    (span,) = timeline.spans(events, alive=True)
    assert span.end is None
    cost = timeline.cost((span,), timeline.lives(events, 110.0), now=110)
    assert (cost.elapsed, cost.busy) == (110, 100)
