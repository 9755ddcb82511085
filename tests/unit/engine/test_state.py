"""The engine's core: what happened in, what is to be done out."""

from __future__ import annotations

import itertools
import random
from typing import Any

import pytest

from mmar_automl.defs import MOVES, FailureClass, IllegalMove, Job, JobState, RunState
from mmar_automl.engine.events import (
    Event,
    JobAssigned,
    JobEnded,
    Proposal,
    RecommendationsMade,
    RunEnded,
    RunStarted,
    StopRequested,
    WorkerFreed,
    from_json,
    to_json,
)
from mmar_automl.engine.instructions import (
    AbortJobs,
    EndRound,
    EndRun,
    Schedule,
    StartJob,
    TellController,
)
from mmar_automl.engine.state import EngineState, replay

CLOCK = itertools.count(1.0)


def started(*workers: str) -> RunStarted:
    return RunStarted(
        run_id="run_a",
        token="t",
        workers=tuple((name, ()) for name in workers),
        controller="Test",
        version="0",
        host="here",
        pid=1,
        process_started=0.0,
        time=next(CLOCK),
    )


def made(*ids: int, after: str | None = None) -> RecommendationsMade:
    proposals = tuple(Proposal(id=n, values={"k": n}, parameters={"k": n}) for n in ids)
    return RecommendationsMade(proposals=proposals, after=after, time=next(CLOCK))


def assigned(state: EngineState, number: int, worker: str) -> JobAssigned:
    return JobAssigned(
        job=state.job_name(number, worker),
        recommendation_id=number,
        worker=worker,
        time=next(CLOCK),
    )


def ended(job: str, **changes: Any) -> JobEnded:
    given = {"state": JobState.FINISHED, "score": 0.5, **changes}
    return JobEnded(job=job, time=next(CLOCK), **given)


def freed(job: str) -> WorkerFreed:
    return WorkerFreed(job=job, time=next(CLOCK))


def stop(abort: bool = False) -> StopRequested:
    state = RunState.INTERRUPTED if abort else RunState.STOPPED
    return StopRequested(issuer="test", reason="enough", state=state, abort=abort, time=next(CLOCK))


def begun(*workers: str) -> EngineState:
    state = EngineState()
    assert state.handle(started(*workers)) == []
    return state


def test_recommendations_are_offered_to_the_scheduler_once() -> None:
    """While the scheduler has not answered, it is not asked again."""
    state = begun("W1", "W2")
    assert state.handle(made(1, 2, 3)) == [Schedule((1, 2, 3), ("W1", "W2"))]
    assert state.handle(made(4)) == []
    assert state.scheduled() == [Schedule((1, 2, 3, 4), ("W1", "W2"))]


def test_jobs_are_named_by_worker_and_order() -> None:
    """W<worker>_<n-th of that worker>_J<n-th of all>."""
    state = begun("W1", "W2")
    state.handle(made(1, 2, 3))
    names = []
    for number, worker in ((1, "W1"), (2, "W2")):
        (start,) = state.handle(assigned(state, number, worker))
        assert isinstance(start, StartJob)
        names.append(start.job.name)
    state.handle(ended("W1_1_J1"))
    state.handle(freed("W1_1_J1"))
    (start,) = state.handle(assigned(state, 3, "W1"))
    assert isinstance(start, StartJob)
    assert [*names, start.job.name] == ["W1_1_J1", "W2_1_J2", "W1_2_J3"]


def test_a_worker_is_idle_only_after_its_handlers_have_heard() -> None:
    """Between the end of a job and WorkerFreed nothing new goes to that worker."""
    state = begun("W1")
    state.handle(made(1, 2))
    state.handle(assigned(state, 1, "W1"))
    state.scheduled()
    assert state.handle(ended("W1_1_J1")) == []
    assert not state.assignable(2, "W1")
    done = state.handle(freed("W1_1_J1"))
    assert isinstance(done[0], TellController)
    assert done[1] == Schedule((2,), ("W1",))


def test_the_longest_idle_worker_comes_first() -> None:
    """Idle workers take turns."""
    state = begun("W1", "W2", "W3")
    state.handle(made(1))
    state.handle(assigned(state, 1, "W1"))
    state.handle(ended("W1_1_J1"))
    state.handle(freed("W1_1_J1"))
    assert state.idle == ["W2", "W3", "W1"]


def test_the_run_ends_when_the_controller_has_nothing_more() -> None:
    """Not before the answer to the last outcome is there."""
    state = begun("W1")
    state.handle(made(1))
    state.handle(assigned(state, 1, "W1"))
    state.scheduled()
    state.handle(ended("W1_1_J1"))
    (tell,) = [i for i in state.handle(freed("W1_1_J1")) if not isinstance(i, EndRound)]
    assert isinstance(tell, TellController)
    (end,) = state.handle(made(after="W1_1_J1"))
    assert end == EndRun(RunState.FINISHED, "every recommendation has ended")


def test_an_empty_first_answer_ends_the_run_at_once() -> None:
    """No recommendation, no search."""
    assert isinstance(begun("W1").handle(made())[0], EndRun)


def test_a_round_ends_with_its_last_recommendation() -> None:
    """One list of the controller is one round."""
    state = begun("W1", "W2")
    state.handle(made(1, 2))
    for number, worker in ((1, "W1"), (2, "W2")):
        state.handle(assigned(state, number, worker))
    state.handle(ended("W1_1_J1"))
    assert not any(isinstance(i, EndRound) for i in state.handle(freed("W1_1_J1")))
    state.handle(made(3, after="W1_1_J1"))
    state.handle(ended("W2_1_J2"))
    assert EndRound((1, 2)) in state.handle(freed("W2_1_J2"))


def test_a_stop_drops_the_queue_and_lets_running_jobs_finish() -> None:
    """What the controller still proposes is dropped, too."""
    state = begun("W1")
    state.handle(made(1, 2, 3))
    state.handle(assigned(state, 1, "W1"))
    assert state.handle(stop()) == []
    assert state.dropped == [2, 3]
    assert not state.assignable(2, "W1")
    state.handle(ended("W1_1_J1", score=0.9))
    assert isinstance(state.handle(freed("W1_1_J1"))[0], TellController)
    (end,) = state.handle(made(4, after="W1_1_J1"))
    assert end == EndRun(RunState.STOPPED, "enough")
    assert state.dropped == [2, 3, 4]
    assert state.best is not None
    assert state.best.score == 0.9


def test_an_abort_ends_running_jobs_and_asks_the_controller_nothing_more() -> None:
    """As often as it is asked for."""
    state = begun("W1", "W2")
    state.handle(made(1, 2))
    for number, worker in ((1, "W1"), (2, "W2")):
        state.handle(assigned(state, number, worker))
    assert state.handle(stop(abort=True)) == [AbortJobs(("W1_1_J1", "W2_1_J2"))]
    state.handle(ended("W1_1_J1", state=JobState.INTERRUPTED, score=None))
    state.handle(freed("W1_1_J1"))
    assert state.handle(stop(abort=True)) == [AbortJobs(("W2_1_J2",))]
    state.handle(ended("W2_1_J2", state=JobState.INTERRUPTED, score=None))
    (end,) = [i for i in state.handle(freed("W2_1_J2")) if isinstance(i, EndRun)]
    assert end.state is RunState.INTERRUPTED


def test_an_abort_outranks_an_earlier_stop() -> None:
    """The run that was to stop mildly and then got a signal was interrupted."""
    state = begun("W1")
    state.handle(made(1))
    state.handle(assigned(state, 1, "W1"))
    state.handle(stop())
    state.handle(stop(abort=True))
    state.handle(ended("W1_1_J1", state=JobState.INTERRUPTED, score=None))
    (end,) = [i for i in state.handle(freed("W1_1_J1")) if isinstance(i, EndRun)]
    assert end.state is RunState.INTERRUPTED


def test_the_best_is_the_earlier_one_on_a_tie_and_never_a_failed_one() -> None:
    """Failed, interrupted and scoreless jobs do not count."""
    state = begun("W1")
    state.handle(made(1, 2, 3, 4))
    cases = [
        {"score": 0.7},
        {"score": 0.7},
        {"state": JobState.FAILED, "score": 0.9, "failure": FailureClass.KILLED},
        {"state": JobState.FINISHED_NO_SCORE, "score": None},
    ]
    for number, changes in enumerate(cases, start=1):
        event = assigned(state, number, "W1")
        state.handle(event)
        state.handle(ended(event.job, **changes))
        state.handle(freed(event.job))
    assert state.best is not None
    assert state.best.name == "W1_1_J1"


@pytest.mark.parametrize("source", list(JobState))
@pytest.mark.parametrize("target", list(JobState))
def test_only_the_moves_of_the_table_are_legal(source: JobState, target: JobState) -> None:
    """Any other move is a defect and says which."""
    job = Job(name="J", recommendation_id=1, worker="W1", started=0.0, state=source)
    if target in MOVES[source]:
        assert job.move(target).state is target
    else:
        with pytest.raises(IllegalMove, match="J: "):
            job.move(target)


def simulate(seed: int) -> tuple[list[Event], EngineState]:
    """A whole random search, its events in the order of their journal."""
    rng = random.Random(seed)
    state = EngineState()
    events: list[Event] = []

    def take(event: Event) -> list[Any]:
        events.append(event)
        return state.handle(event)

    ids = itertools.count(1)
    pending = take(started("W1", "W2", "W3"))
    pending += take(made(*(next(ids) for _ in range(rng.randrange(1, 6)))))
    running: list[str] = []
    hearing: list[str] = []
    while True:
        if any(isinstance(item, EndRun) for item in pending):
            end = next(item for item in pending if isinstance(item, EndRun))
            take(RunEnded(state=end.state, reason=end.reason, time=next(CLOCK)))
            return events, state
        moves = [*(["end"] if running else []), *(["free"] if hearing else []), *pending]
        move = rng.choice(moves)
        if isinstance(move, Schedule):
            pending.remove(move)
            for number, worker in zip(move.queue, move.idle, strict=False):
                if state.assignable(number, worker) and rng.random() < 0.8:
                    pending += take(assigned(state, number, worker))
            pending += state.scheduled()
        elif isinstance(move, StartJob):
            pending.remove(move)
            running.append(move.job.name)
        elif isinstance(move, TellController):
            pending.remove(move)
            more = range(rng.choice([0, 0, 1, 2])) if len(state.proposals) < 30 else range(0)
            pending += take(made(*(next(ids) for _ in more), after=move.job.name))
        elif move == "end":
            job = running.pop(rng.randrange(len(running)))
            take(ended(job, score=rng.random()))
            hearing.append(job)
        elif move == "free":
            pending += take(freed(hearing.pop(rng.randrange(len(hearing)))))
        else:
            pending.remove(move)
        if rng.random() < 0.01:
            pending += take(stop())


@pytest.mark.parametrize("seed", range(40))
def test_no_proposal_is_lost(seed: int) -> None:
    """Every proposal became exactly one job, or was dropped; nothing runs at the end."""
    _, state = simulate(seed)
    run = [job.recommendation_id for job in state.jobs.values()]
    assert sorted([*run, *state.dropped]) == sorted(state.proposals)
    assert state.running == []
    assert state.ended is not None


@pytest.mark.parametrize("seed", range(10))
def test_replaying_a_journal_gives_the_same_state_from_any_prefix(seed: int) -> None:
    """Through JSON, as the journal keeps it."""
    events, _ = simulate(seed)
    state = EngineState()
    for length, event in enumerate(events):
        prefix = replay(from_json(to_json(earlier)) for earlier in events[:length])
        state._scheduling = False
        assert vars(prefix) == vars(state)
        state.handle(event)
