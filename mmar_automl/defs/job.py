"""The states of a job and of a run, with the legal moves as a table."""

from __future__ import annotations

import enum


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
        """Whether no further move is legal."""
        return not MOVES[self]


MOVES: dict[JobState, frozenset[JobState]] = {
    JobState.QUEUED: frozenset({JobState.RUNNING, JobState.DROPPED}),
    JobState.RUNNING: frozenset(
        {
            JobState.FINISHED,
            JobState.FINISHED_NO_SCORE,
            JobState.PRUNED,
            JobState.FAILED,
            JobState.INTERRUPTED,
        }
    ),
    JobState.FINISHED: frozenset(),
    JobState.FINISHED_NO_SCORE: frozenset(),
    JobState.PRUNED: frozenset(),
    JobState.FAILED: frozenset(),
    JobState.INTERRUPTED: frozenset(),
    JobState.DROPPED: frozenset(),
}


class FailureClass(Word):
    """Why a job failed, as far as its exit status and its log tell."""

    EXIT_STATUS = "exit_status"
    """The training ended with a status other than 0."""
    KILLED = "killed"
    """Ended by a signal that the search did not send; signal 9 is often the OOM killer."""
    OUT_OF_MEMORY = "out_of_memory"
    """The log's end says that host or GPU memory ran out."""
    NOT_STARTED = "not_started"
    """The job MMAR could not be made or its script could not be started."""
    EXECUTOR = "executor"
    """The executor raised something that it does not promise to raise."""


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
