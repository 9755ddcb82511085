"""A job's thread: start_job, execute, the journal, end_job. Whatever happens, the job is ended."""

from __future__ import annotations

import queue
import threading
import time
import traceback
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from mmar_automl.api import Executor, JobFailed
from mmar_automl.defs import (
    POLICIES,
    Context,
    ContextKey,
    FailureClass,
    Job,
    JobState,
    Outcome,
    Recommendation,
    Score,
    SearchResult,
    finite,
)
from mmar_automl.engine.events import JobEnded, JobRetried, WorkerFreed
from mmar_automl.engine.instructions import Cut
from mmar_automl.engine.notify import Notifier


@dataclass(frozen=True)
class Ended:
    """A job's end on its way to the journal; `recorded` is set once it is there."""

    event: JobEnded
    recorded: threading.Event


class JobThreads:
    """Carries out jobs, a thread each, and puts what happens into the engine's inbox.

    `outcome_of` gives a recorded job's outcome; `stopping` whether the search is being stopped;
    `retries` how often a job is tried again that was not at fault.
    """

    def __init__(
        self,
        *,
        executor: Executor,
        notifier: Notifier,
        inbox: queue.SimpleQueue[Any],
        outcome_of: Callable[[str], Outcome],
        stopping: Callable[[], bool],
        retries: int,
        report: Callable[[str], None],
    ) -> None:
        self._executor = executor
        self._notifier = notifier
        self._inbox = inbox
        self._outcome_of = outcome_of
        self._stopping = stopping
        self._retries = retries
        self._report = report
        self._contexts: dict[str, Context] = {}
        self._open: set[str] = set()
        self._why: dict[str, str] = {}

    def expect(
        self, job: Job, recommendation: Recommendation, main: Context, cut: Cut | None = None
    ) -> None:
        """Make a job known before its thread starts, so that an abort finds it from the first.

        `cut`: it is only started to be ended, as was decided already.
        """
        ctx = Context(parent=main)
        ctx.set_prop(ContextKey.JOB_NAME, job.name)
        ctx.set_prop(ContextKey.JOB_START_TIME, job.started)
        ctx.set_prop(ContextKey.WORKER_NAME, job.worker)
        ctx.set_prop(ContextKey.GPUS, list(job.gpus))
        ctx.set_prop(ContextKey.ATTEMPT, job.attempt)
        ctx.set_prop(ContextKey.LEFT_OVER, job.attempt > 1)
        # Handlers see a copy: one that changes it must not change what the job trains.
        seen = SearchResult(recommendation.result.space, dict(recommendation.result.values))
        ctx.set_prop(ContextKey.RECOMMENDATION, Recommendation(recommendation.id, seen))
        ctx.set_prop(ContextKey.CONCRETE_SEARCH_VALUE, recommendation.result.concrete())
        ctx.set_prop(ContextKey.NAMED_VALUES, dict(job.parameters))
        if cut is not None:
            ctx.set_prop(ContextKey.CUT, (cut.state, cut.reason))
        self._contexts[job.name] = ctx

    def start(self, job: Job, recommendation: Recommendation) -> None:
        """Start the thread of a job that is expected."""
        args = (job, recommendation, self._contexts[job.name])
        threading.Thread(target=self._run, args=args, name=job.name, daemon=True).start()

    def abort(self, job: str, why: str = "") -> None:
        """Have the executor end a running job; `why` is what will be said of it."""
        ctx = self._contexts.get(job)
        if ctx is not None:
            if why:
                self._why[job] = why
            try:
                self._executor.abort(ctx)
            except Exception as error:
                self._report(f"{job} could not be ended: {error}")

    def cut(self, job: str, cut: Cut) -> None:
        """Have the executor end a running job that is pruned or paused."""
        ctx = self._contexts.get(job)
        if ctx is not None:
            ctx.set_prop(ContextKey.CUT, (cut.state, cut.reason))
            self.abort(job)

    def give_up(self, job: Job, recommendation: Recommendation, main: Context) -> None:
        """Tell the executor and the handlers of a job that was paused and will not go on."""
        if job.name not in self._contexts:
            self.expect(job, recommendation, main)
        ctx = self._contexts.pop(job.name)
        self._set_outcome(job.name, ctx)
        try:
            self._executor.give_up(ctx)
        except Exception as error:
            self._report(f"{type(self._executor).__name__} raised in give_up: {error}")
        self._open.discard(job.name)
        self._notifier.emit("end_job", ctx)

    def close(self, paused: Iterable[str]) -> None:
        """The search ends with these paused: the handlers hear of an end for every start."""
        for name in paused:
            if name in self._open:
                ctx = self._contexts.pop(name)
                self._set_outcome(name, ctx)
                self._open.discard(name)
                self._notifier.emit("end_job", ctx)

    def _set_outcome(self, job: str, ctx: Context) -> JobState:
        outcome = self._outcome_of(job)
        ctx.set_prop(ContextKey.OUTCOME, outcome)
        ctx.set_prop(ContextKey.SCORE, outcome.score)
        ctx.set_prop(ContextKey.JOB_STATUS, outcome.status)
        ctx.set_prop(ContextKey.PROCESS_EXIT_STATUS, outcome.exit_status)
        return outcome.state

    def _run(self, job: Job, recommendation: Recommendation, ctx: Context) -> None:
        try:
            self._notifier.emit("resume_job" if job.name in self._open else "start_job", ctx)
            self._open.add(job.name)
            event = self._attempts(job, recommendation, ctx)
        except BaseException as error:
            event = self._broken(job, error)
        recorded = threading.Event()
        self._inbox.put(Ended(event, recorded))
        recorded.wait()
        try:
            self.tell_end(job.name)
        finally:
            self._inbox.put(WorkerFreed(job=job.name, time=time.time()))

    def tell_end(self, job: str) -> None:
        """Tell the handlers that a job has ended or pauses, once: the job's thread does, or,
        where that hangs, whoever gives the job up."""
        ctx = self._contexts.get(job)
        if ctx is None:
            return
        if self._set_outcome(job, ctx) is JobState.PAUSED:
            self._notifier.emit("pause_job", ctx)
        elif self._contexts.pop(job, None) is not None:
            self._open.discard(job)
            self._notifier.emit("end_job", ctx)

    def _attempts(self, job: Job, recommendation: Recommendation, ctx: Context) -> JobEnded:
        """Execute, again as long as the failure is not the configuration's fault."""
        tried = 0
        while True:
            ended = self._execute(job, recommendation, ctx)
            failure = ended.failure if ended.state is JobState.FAILED else None
            may_retry = failure is not None and POLICIES[failure].retry
            may_retry = may_retry and ctx.get_prop(ContextKey.CUT) is None
            if not may_retry or tried >= self._retries or self._stopping():
                return ended
            tried += 1
            self._report(f"{job.name} {ended.message}; trying again ({tried} of {self._retries})")
            ctx.set_prop(ContextKey.LEFT_OVER, False)
            ctx.set_prop(ContextKey.ATTEMPT, ctx.get_prop(ContextKey.ATTEMPT) + 1)
            self._inbox.put(
                JobRetried(job=job.name, failure=failure, message=ended.message, time=time.time())
            )

    def _execute(self, job: Job, recommendation: Recommendation, ctx: Context) -> JobEnded:
        try:
            returned = self._executor.execute(recommendation, ctx)
        except JobFailed as failed:
            cut = ctx.get_prop(ContextKey.CUT)
            if cut is not None and failed.state is not JobState.FAILED:
                return self._cut(job, cut, failed.score, failed.exit_status)
            why = self._why.pop(job.name, "") if failed.state is JobState.INTERRUPTED else ""
            return JobEnded(
                job=job.name,
                state=failed.state,
                failure=failed.failure,
                exit_status=failed.exit_status,
                message=why or str(failed),
                tail=failed.tail,
                time=time.time(),
            )
        except BaseException as error:
            # Also SystemExit from a user's executor: a worker must not be lost to it.
            return self._broken(job, error)
        score = returned if isinstance(returned, Score) else Score(value=finite(returned))
        cut = ctx.get_prop(ContextKey.CUT)
        if cut is not None:
            # Whether it came to its own end or was quick to obey, nobody can tell.
            return self._cut(job, cut, score, 0)
        value = finite(score.value)
        complaint = score.complaint or f"the executor returned {returned!r}, not a finite number"
        return JobEnded(
            job=job.name,
            state=JobState.FINISHED if value is not None else JobState.FINISHED_NO_SCORE,
            score=value,
            epoch=score.epoch,
            metric=score.metric,
            minimised=score.minimised,
            exit_status=0,
            message="" if value is not None else complaint,
            time=time.time(),
        )

    @staticmethod
    def _cut(
        job: Job, cut: tuple[JobState, str], score: Score | None, exit_status: int | None
    ) -> JobEnded:
        had = score or Score(value=None)
        return JobEnded(
            job=job.name,
            state=cut[0],
            score=finite(had.value),
            epoch=had.epoch,
            metric=had.metric,
            minimised=had.minimised,
            exit_status=exit_status,
            message=cut[1],
            time=time.time(),
        )

    def _broken(self, job: Job, error: BaseException) -> JobEnded:
        return JobEnded(
            job=job.name,
            state=JobState.FAILED,
            failure=FailureClass.EXECUTOR,
            message=f"{type(self._executor).__name__} raised {type(error).__name__}: {error}",
            tail="".join(traceback.format_exception(error, limit=-3)),
            time=time.time(),
        )
