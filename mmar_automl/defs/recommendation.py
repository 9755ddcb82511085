"""What a controller proposes, and what came of it."""

from __future__ import annotations

import enum
import math
import numbers
from dataclasses import dataclass

from mmar_automl.defs.job import FailureClass, JobState, RunState
from mmar_automl.defs.space import SearchResult

NO_SCORE = -1000000.0
"""Clara's number for "no validation value". Only Clara plug-ins see it, never a report."""


def natural(score: float | None, minimised: bool) -> float | None:
    """A higher-is-better score as the metric's own value."""
    return -score if minimised and score is not None else score


@dataclass(frozen=True, kw_only=True)
class Score:
    """What an executor may return instead of a bare number: the score and where it is from."""

    value: float | None
    epoch: int | None = None
    metric: str | None = None
    complaint: str = ""
    """Why there is no value."""
    minimised: bool = False
    """Whether `value` is the negative of a metric where less is better."""


@dataclass(frozen=True)
class Recommendation:
    """A configuration to try. Ids are chosen by the controller and are unique in a run."""

    id: int
    result: SearchResult


class Status(enum.Enum):
    """How a job stands, in Clara's words; plug-ins read it under `ContextKey.JOB_STATUS`."""

    NOT_STARTED = "not_started"
    RUNNING = "running"
    COMPLETED = "completed"
    FAILED = "failed"
    ABORTED = "aborted"
    TIMEOUT = "timeout"


class ProcessStatus(enum.Enum):
    """How the process of a job stands: what an executor's `check_process` returns."""

    RUNNING = "running"
    SUCCESS = "success"
    ERROR = "error"


_CUT_SHORT = (JobState.INTERRUPTED, JobState.PAUSED, JobState.PRUNED, JobState.DROPPED)


def finite(value: object) -> float | None:
    """`value` as a score: a finite float, or None for NaN, inf, text, booleans and nothing."""
    if isinstance(value, bool) or not isinstance(value, numbers.Real):
        return None
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if math.isfinite(number) else None


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What came of one recommendation. Higher is better; `value` is None without a finite score.

    `value` is the best of its validations, `epoch` where that was. Where a pruner watches,
    `trained` is the last epoch that it validated, `max_epochs` how many it was to have, and `curve`
    the best score up to each epoch that it validated, as pairs in the order of epochs.
    """

    recommendation_id: int
    job_name: str
    state: JobState
    value: float | None = None
    failure: FailureClass | None = None
    message: str = ""
    exit_status: int | None = None
    epoch: int | None = None
    trained: int | None = None
    max_epochs: int | None = None
    curve: tuple[tuple[int, float], ...] = ()
    metric: str | None = None
    tail: str = ""
    minimised: bool = False

    @property
    def natural(self) -> float | None:
        """The metric's own value: what people read."""
        return natural(self.value, self.minimised)

    @property
    def score(self) -> float:
        """The score as Clara plug-ins expect it: `NO_SCORE` where there is none."""
        return NO_SCORE if self.value is None else self.value

    @property
    def status(self) -> Status:
        """The state in Clara's words."""
        if self.state is JobState.FAILED:
            return Status.FAILED
        if self.state in _CUT_SHORT:
            return Status.ABORTED
        return Status.COMPLETED if self.state.ended else Status.RUNNING


@dataclass(frozen=True, kw_only=True)
class RunOutcome:
    """How a search ended. `best` is a job's name, `score` that job's; None if no job has one."""

    run_id: str
    state: RunState
    reason: str
    best: str | None = None
    score: float | None = None
    jobs: int = 0
    failed: int = 0
    dropped: int = 0
    handler_errors: int = 0
    signal: int | None = None
