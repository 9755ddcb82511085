"""Clara's admin commands on an engine's state, without a search."""

from __future__ import annotations

import queue
from collections.abc import Callable
from typing import Any

import pytest

from mmar_automl.defs import JobState
from mmar_automl.engine.admin import COMMANDS, Admin
from mmar_automl.engine.console import Refused
from mmar_automl.engine.events import (
    JobAssigned,
    JobEnded,
    Proposal,
    RecommendationsMade,
    RunStarted,
    WorkerFreed,
    WorkerResumed,
    WorkerSuspended,
)
from mmar_automl.engine.state import EngineState


class StateOnly:
    """An engine that is only its state; like the real one, it dies of what is raised in `call`."""

    def __init__(self) -> None:
        self.state = EngineState()
        self.stopped: list[str] = []
        self.dead = False

    def call(self, function: Callable[[EngineState], Any]) -> Any:
        if self.dead:
            raise queue.Empty
        return function(self.state)

    def suspend(self, worker: str) -> None:
        self.state.handle(WorkerSuspended(worker=worker, time=9.0))

    def resume(self, worker: str) -> None:
        self.state.handle(WorkerResumed(worker=worker, time=9.0))

    def abort_worker(self, worker: str) -> str | None:
        return self.state.workers[worker].job

    def stop_now(self, issuer: str, reason: str) -> None:
        self.stopped.append(issuer)


@pytest.fixture
def engine() -> StateOnly:
    """W1 (GPUs 0 and 1) has ended two jobs and has a third, W2 is idle."""
    made = StateOnly()
    events: list[Any] = [
        RunStarted(
            run_id="x",
            token="t",
            workers=(("W1", (0, 1)), ("W2", ())),
            controller="C",
            version="0",
            host="h",
            pid=1,
            process_started=0.0,
            time=0.0,
        ),
        RecommendationsMade(
            proposals=tuple(Proposal(id=n, values={}, parameters={"n": n}) for n in range(3)),
            after=None,
            time=0.0,
        ),
    ]
    for number, score in ((0, 0.25), (1, 0.75)):
        name = f"W1_{number + 1}_J{number + 1}"
        events += [
            JobAssigned(job=name, recommendation_id=number, worker="W1", time=1.0),
            JobEnded(job=name, state=JobState.FINISHED, score=score, time=2.0),
            WorkerFreed(job=name, time=2.0),
        ]
    events.append(JobAssigned(job="W1_3_J3", recommendation_id=2, worker="W1", time=3.0))
    for event in events:
        made.state.handle(event)
    return made


def test_the_workers_are_listed_as_clara_lists_them(engine: StateOnly) -> None:
    """NAME, GPUS, STATE, JOBS; a suspended worker may still have a job."""
    admin = Admin(engine)
    assert admin.answer(["list_workers"]).splitlines() == [
        "NAME  GPUS  STATE  JOBS",
        "W1    0,1   busy   3",
        "W2    cpu   idle   0",
    ]
    assert "finishes W1_3_J3" in admin.answer(["suspend_worker", "W1"])
    assert "W1    0,1   suspended  3" in admin.answer(["list_workers"])
    admin.answer(["resume_worker", "W1"])
    assert "W1    0,1   busy   3" in admin.answer(["list_workers"])


def test_a_worker_is_shown_with_its_job(engine: StateOnly) -> None:
    """And with the best that it has made."""
    shown = Admin(engine).answer(["show_worker", "W1"])
    for part in ("W1_3_J3", "n=2", "0.7500 (W1_2_J2)"):
        assert part in shown


def test_the_summary_is_by_score_and_as_long_as_what_is_kept(engine: StateOnly) -> None:
    """START, END, ROOT, SCORE, WORKER."""
    lines = Admin(engine).answer(["summary"]).splitlines()
    assert lines[0].split() == ["START", "END", "ROOT", "SCORE", "WORKER"]
    assert [line.split()[-3:] for line in lines[1:3]] == [
        ["W1_2_J2", "0.7500", "W1"],
        ["W1_1_J1", "0.2500", "W1"],
    ]
    assert lines[3] == "1 running, 0 without a score"
    kept = Admin(engine, keep=1).answer(["summary"]).splitlines()
    assert kept[0] == "Top MMARs to keep: 1"
    assert len(kept) == 4


@pytest.mark.parametrize(
    ("words", "hint"),
    [
        ([], "help"),
        (["list_worker"], "list_workers"),
        (["STOP"], "did you mean stop?"),
        (["reboot"], "help"),
        (["show_worker"], "show_worker W1"),
        (["show_worker", "W1", "W2"], "show_worker W1"),
        (["show_worker", "w1"], "did you mean W1? (W1, W2)"),
        (["abort_worker", "gpu"], "(W1, W2)"),
        (["help", "sumary"], "did you mean summary?"),
    ],
)
def test_a_slip_is_refused_with_what_was_meant(
    engine: StateOnly, words: list[str], hint: str
) -> None:
    """Before the engine hears of it: a name that it does not know would end it."""
    with pytest.raises(Refused) as refused:
        Admin(engine).answer(words)
    assert hint in refused.value.hint


def test_stop_takes_no_arguments(engine: StateOnly) -> None:
    """`stop W1` must not end the whole search."""
    with pytest.raises(Refused, match="no arguments"):
        Admin(engine).answer(["stop", "W1"])
    assert engine.stopped == []
    Admin(engine).answer(["stop"])
    assert engine.stopped == ["admin"]


def test_help_knows_every_command(engine: StateOnly) -> None:
    """All at a glance, or one in full; `?` is the same, with or without a space."""
    admin = Admin(engine)
    listed = admin.answer(["help"])
    assert all(name in listed for name in COMMANDS)
    assert max(map(len, listed.splitlines())) <= 80
    assert admin.answer(["?"]) == listed
    assert admin.answer(["?stop"]) == admin.answer(["?", "stop"]) == admin.answer(["help", "stop"])


def test_an_engine_that_does_not_answer_is_said_to(engine: StateOnly) -> None:
    """It is starting or ending, or its controller takes its time."""
    engine.dead = True
    with pytest.raises(Refused, match="does not answer"):
        Admin(engine).answer(["list_workers"])
