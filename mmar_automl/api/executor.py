"""Who runs a job: the class that turns a recommendation into a score."""

from __future__ import annotations

import abc

from mmar_automl.defs import Context, FailureClass, JobState, Recommendation, Score, SearchSpace


class JobFailed(Exception):
    """Raised by `execute` when the job gave no score because it did not end well.

    `state` is FAILED, INTERRUPTED, PRUNED or PAUSED; `failure` says how it failed, `exit_status` is
    the process's (negative for a signal), `tail` the last telling lines of its log, `score` the
    best that it had before it was cut.
    """

    def __init__(
        self,
        message: str,
        *,
        state: JobState = JobState.FAILED,
        failure: FailureClass | None = None,
        exit_status: int | None = None,
        tail: str = "",
        score: Score | None = None,
    ) -> None:
        super().__init__(message)
        self.state = state
        self.failure = failure
        self.exit_status = exit_status
        self.tail = tail
        self.score = score


class Executor(abc.ABC):
    """Clara's executor. `execute` runs in a job thread, several at a time; the rest in the main
    thread."""

    @abc.abstractmethod
    def determine_search_space(self, ctx: Context) -> SearchSpace:
        """What may vary; called once, first."""

    @abc.abstractmethod
    def execute(self, recommendation: Recommendation, ctx: Context) -> object:
        """Run one job to its end and return its score, or None for "no score".

        `ctx` is the job's own: JOB_NAME, GPUS and CONCRETE_SEARCH_VALUE are set. Raises
        `JobFailed`; anything else that escapes counts as a failed job too.
        """

    @abc.abstractmethod
    def abort(self, ctx: Context) -> None:
        """End the job of this context now; `execute` then returns or raises.

        A pruner may be behind it: CUT is then set, and the job is to keep what it has, since one
        that is paused may be executed again, with LEFT_OVER set.
        """

    def give_up(self, ctx: Context) -> None:
        """A paused job will not be executed again; OUTCOME says what it is now. Main thread."""

    def shutdown(self, ctx: Context) -> None:
        """Release what is held; called once, after the last job."""
