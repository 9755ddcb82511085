"""The states of a job and of a run, with the legal moves as a table."""

from __future__ import annotations

import dataclasses
import enum
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any


class Word(str, enum.Enum):
    """An enum whose members are their words, in JSON and in print (`StrEnum` is Python 3.11's)."""

    def __str__(self) -> str:
        return str(self.value)


class JobState(Word):
    """Where a job stands. Only `engine.state` moves a job, and only along `MOVES`."""

    QUEUED = "queued"
    """Proposed and waiting for a worker."""
    RUNNING = "running"
    """A worker has it; its training may not have written anything yet."""
    PAUSED = "paused"
    """Off its worker, its checkpoint kept: a pruner may have it go on."""
    FINISHED = "finished"
    """Ended well, with a finite score."""
    FINISHED_NO_SCORE = "finished_no_score"
    """Ended well, but wrote no finite score: NaN, inf, text or nothing."""
    PRUNED = "pruned"
    """Stopped early as hopeless; its best score so far stands."""
    FAILED = "failed"
    """Ended badly; a `FailureClass` says how."""
    INTERRUPTED = "interrupted"
    """Stopped because the search was; says nothing about its configuration."""
    DROPPED = "dropped"
    """Proposed, never started."""

    @property
    def ended(self) -> bool:
        """Whether nothing more will happen to the job, unless the search is resumed."""
        return self not in (JobState.QUEUED, JobState.RUNNING, JobState.PAUSED)


MOVES: dict[JobState, frozenset[JobState]] = {
    # Back to paused: promoted, and the search was stopped before a worker was free.
    JobState.QUEUED: frozenset({JobState.RUNNING, JobState.PAUSED, JobState.DROPPED}),
    JobState.RUNNING: frozenset(
        {
            # The search died or was stopped under it, and has been resumed.
            JobState.QUEUED,
            JobState.PAUSED,
            JobState.FINISHED,
            JobState.FINISHED_NO_SCORE,
            JobState.PRUNED,
            JobState.FAILED,
            JobState.INTERRUPTED,
        }
    ),
    JobState.PAUSED: frozenset({JobState.QUEUED, JobState.PRUNED}),
    JobState.FINISHED: frozenset(),
    JobState.FINISHED_NO_SCORE: frozenset(),
    JobState.PRUNED: frozenset(),
    JobState.FAILED: frozenset(),
    JobState.INTERRUPTED: frozenset({JobState.QUEUED}),
    JobState.DROPPED: frozenset(),
}


class FailureClass(Word):
    """Why a job failed, as far as its exit status and its log tell."""

    BAD_CONFIGURATION = "bad_configuration"
    """The training refused its config (exit status 2)."""
    OUT_OF_MEMORY = "out_of_memory"
    """The log's end says that host or GPU memory ran out."""
    DIVERGED = "diverged"
    """The loss became NaN or infinite."""
    TIMED_OUT = "timed_out"
    """It ran longer than a job may."""
    STALLED = "stalled"
    """Its log and its progress file stood still for too long."""
    KILLED = "killed"
    """Ended by a signal that the search did not send; signal 9 is often the OOM killer."""
    LOST = "lost"
    """Its process is gone and nobody saw it end: the machine went down."""
    DISK_FULL = "disk_full"
    """No space was left; the whole search stops."""
    NOT_STARTED = "not_started"
    """The job MMAR could not be made or its script could not be started."""
    EXIT_STATUS = "exit_status"
    """The training ended with a status other than 0, and nothing says why."""
    EXECUTOR = "executor"
    """The executor raised something that it does not promise to raise."""


@dataclass(frozen=True)
class Policy:
    """What a failure means. `retry`: the configuration is not at fault, so it may be tried again.
    `observation`: it is a fact about the configuration, worse than the worst score."""

    retry: bool
    observation: bool


POLICIES: dict[FailureClass, Policy] = {
    FailureClass.BAD_CONFIGURATION: Policy(retry=False, observation=True),
    FailureClass.OUT_OF_MEMORY: Policy(retry=False, observation=True),
    FailureClass.DIVERGED: Policy(retry=False, observation=True),
    FailureClass.TIMED_OUT: Policy(retry=False, observation=True),
    FailureClass.STALLED: Policy(retry=True, observation=False),
    FailureClass.KILLED: Policy(retry=True, observation=True),
    FailureClass.LOST: Policy(retry=True, observation=False),
    FailureClass.DISK_FULL: Policy(retry=False, observation=False),
    FailureClass.NOT_STARTED: Policy(retry=True, observation=False),
    FailureClass.EXIT_STATUS: Policy(retry=False, observation=True),
    FailureClass.EXECUTOR: Policy(retry=False, observation=False),
}
"""The whole steering by failures; docs/job-states.md has the same table."""


class RunState(Word):
    """Where a whole search stands."""

    RUNNING = "running"
    FINISHED = "finished"
    """Everything that the controller proposed has ended."""
    STOPPED = "stopped"
    """A component, a threshold or a person asked for the end."""
    INTERRUPTED = "interrupted"
    """A signal ended it."""
    FAILED = "failed"
    """A fault of the controller, of the machine or of ours ended it."""


@dataclass(frozen=True, kw_only=True)
class Job:
    """One configuration on its way through the search; a new value at each move.

    `name` is `W<worker>_<n-th job of that worker>_J<n-th job of the search>`. `values` are as
    proposed (PRL → index or number), `parameters` as people read them, inactive ones absent.
    Times are seconds since the epoch, of the last attempt. `score` is None unless it is a finite
    number; higher is better. `trained` of `max_epochs` is how far it has come, where a pruner
    watches, and `curve` its best score up to each epoch that it validated; `earlier` is the seconds
    before it was paused. `tail` holds the last telling lines of
    a failed job's log.
    """

    name: str
    recommendation_id: int
    worker: str
    gpus: tuple[int, ...] = ()
    state: JobState = JobState.RUNNING
    attempt: int = 1
    values: Mapping[str, Any] = field(default_factory=dict)
    parameters: Mapping[str, Any] = field(default_factory=dict)
    started: float
    ended: float | None = None
    earlier: float = 0.0
    score: float | None = None
    epoch: int | None = None
    trained: int | None = None
    max_epochs: int | None = None
    curve: tuple[tuple[int, float], ...] = ()
    metric: str | None = None
    minimised: bool = False
    failure: FailureClass | None = None
    exit_status: int | None = None
    message: str = ""
    tail: str = ""

    @property
    def seconds(self) -> float | None:
        """How long it ran in all; None while it does."""
        return None if self.ended is None else self.ended - self.started + self.earlier

    def move(self, state: JobState, **changes: Any) -> Job:
        """The job in its next state; raises `IllegalMove` for a move that `MOVES` has not."""
        if state not in MOVES[self.state]:
            raise IllegalMove(f"{self.name}: {self.state} → {state}")
        return dataclasses.replace(self, state=state, **changes)


class IllegalMove(Exception):
    """A job was to enter a state that does not follow from its own: a defect, never a user's."""


def best_of(jobs: Iterable[Job]) -> Job | None:
    """The job with the highest score, the earlier one on a tie; None if none has a score."""
    best, highest = None, -math.inf
    for job in jobs:
        ended_well = job.state in (JobState.FINISHED, JobState.PRUNED)
        if ended_well and job.score is not None and job.score > highest:
            best, highest = job, job.score
    return best
