"""The only loop. It feeds events to the core and carries out the core's instructions.

Three kinds of threads, as Clara has them: this one, which the controller shares; the scheduler's;
one for each running job. Nothing polls: every wait is on a queue or on a process.
"""

from __future__ import annotations

import contextlib
import os
import queue
import socket
import threading
import time
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Union

import psutil

from mmar_automl import __version__
from mmar_automl.api import Controller, Executor, Handler, JobFailed, Scheduler, Worker
from mmar_automl.defs import (
    Context,
    ContextKey,
    FailureClass,
    Job,
    JobState,
    Outcome,
    Recommendation,
    RunOutcome,
    RunState,
    Score,
    SearchResult,
    finite,
)
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
)
from mmar_automl.engine.instructions import (
    AbortJobs,
    EndRound,
    EndRun,
    Instruction,
    Schedule,
    StartJob,
    TellController,
)
from mmar_automl.engine.journal import Journal
from mmar_automl.engine.notify import Notifier
from mmar_automl.engine.state import EngineState
from mmar_automl.errors import EnvironmentFault

HUNG = 60.0
"""Seconds after which a job that does not answer an abort is given up."""


@dataclass(frozen=True)
class _Picked:
    """What the scheduler chose; by now it may no longer hold."""

    pairs: tuple[tuple[int, str], ...]


@dataclass(frozen=True)
class _Ended:
    """A job's end on its way to the journal; `recorded` is set once it is there."""

    event: JobEnded
    recorded: threading.Event


_Message = Union[_Picked, _Ended, WorkerFreed, StopRequested]


class Engine:
    """One search. `run` once; `interrupt` and `ask_to_stop` from any thread or signal handler."""

    def __init__(
        self,
        *,
        run_id: str,
        workers: Sequence[Worker],
        controller: Controller,
        executor: Executor,
        handlers: Sequence[Handler],
        scheduler: Scheduler,
        journal: Journal,
        report: Callable[[str], None],
    ) -> None:
        self._run_id = run_id
        self._workers = {worker.name: worker for worker in workers}
        self._controller = controller
        self._executor = executor
        self._notifier = Notifier(handlers, report)
        self._scheduler = scheduler
        self._journal = journal
        self._report = report
        self._state = EngineState()
        self._inbox: queue.SimpleQueue[_Message] = queue.SimpleQueue()
        self._work: queue.SimpleQueue[Schedule | StartJob | None] = queue.SimpleQueue()
        self._recommendations: dict[int, Recommendation] = {}
        self._contexts: dict[str, Context] = {}
        self._fault: OSError | None = None
        self._abort_deadline: float | None = None
        self._end: EndRun | None = None

    def interrupt(self, signal_number: int) -> None:
        """End now: nothing new starts, running jobs are ended. A second time: at once."""
        self._inbox.put(
            StopRequested(
                issuer="signal",
                reason=f"signal {signal_number}",
                state=RunState.INTERRUPTED,
                abort=True,
                signal=signal_number,
                time=time.time(),
            )
        )

    def ask_to_stop(self, issuer: str, reason: str) -> None:
        """End soon: nothing new starts, running jobs finish."""
        stop = StopRequested(issuer=issuer, reason=reason, state=RunState.STOPPED, time=time.time())
        self._inbox.put(stop)

    def run(self, ctx: Context) -> RunOutcome:
        """Search until nothing is left to do.

        Raises `EnvironmentFault` if a handler refuses to start or the journal cannot be written;
        no job runs any more by then.
        """
        ctx.connect(on_stop=self.ask_to_stop)
        ctx.set_prop(ContextKey.NUM_WORKERS, len(self._workers))
        self._main = ctx
        self._record(self._run_started())
        try:
            self._notifier.startup(ctx)
        except EnvironmentFault as fault:
            self._record(RunEnded(state=RunState.FAILED, reason=str(fault), time=time.time()))
            self._notifier.emit("shutdown", ctx)
            raise
        scheduling = threading.Thread(target=self._schedule, name="scheduler", daemon=True)
        scheduling.start()
        try:
            self._begin()
            while self._end is None:
                self._loop_once()
        except BaseException:
            # A defect of ours must not leave trainings behind that nobody knows of.
            self._abort([job.name for job in self._state.running])
            raise
        self._work.put(None)
        scheduling.join()
        return self._finish(self._end)

    def _run_started(self) -> RunStarted:
        process = psutil.Process()
        return RunStarted(
            run_id=self._run_id,
            workers=tuple((worker.name, worker.gpus) for worker in self._workers.values()),
            controller=type(self._controller).__name__,
            version=__version__,
            host=socket.gethostname(),
            pid=os.getpid(),
            process_started=process.create_time(),
            time=time.time(),
        )

    def _begin(self) -> None:
        self._notifier.emit("start_automl", self._main)
        try:
            space = self._executor.determine_search_space(self._main)
            self._main.set_prop(ContextKey.SEARCH_SPACE, space)
            self._notifier.emit("search_space_available", self._main)
            self._controller.set_search_space(space, self._main)
            made = self._controller.initial_recommendation(self._main)
            self._recommended(made, None)
        except Exception as error:
            self._take(_blame("the controller or the executor", error))
            self._recommended([], None)

    def _loop_once(self) -> None:
        timeout = None
        if self._abort_deadline is not None:
            timeout = max(0.0, self._abort_deadline - time.monotonic())
        try:
            message = self._inbox.get(timeout=timeout)
        except queue.Empty:
            self._give_up()
            return
        if isinstance(message, _Picked):
            self._assign(message)
        elif isinstance(message, _Ended):
            self._take(message.event)
            message.recorded.set()
        else:
            self._take(message)

    def _assign(self, picked: _Picked) -> None:
        for recommendation_id, worker in picked.pairs:
            if self._state.assignable(recommendation_id, worker):
                self._take(
                    JobAssigned(
                        job=self._state.next_job(worker),
                        recommendation_id=recommendation_id,
                        worker=worker,
                        time=time.time(),
                    )
                )
        self._carry_out(self._state.scheduled())

    def _take(self, event: Event) -> None:
        """Journal an event, let the core handle it, do as it says."""
        self._carry_out(self._record(event))

    def _record(self, event: Event) -> list[Instruction]:
        if self._fault is None:
            try:
                self._journal.append(event)
            except OSError as error:
                # Without a journal nothing may have effects any more; what runs is ended.
                self._fault = error
                self._report(f"the journal cannot be written ({error.strerror}): ending the search")
                self._inbox.put(
                    StopRequested(
                        issuer="journal",
                        reason=f"the journal cannot be written: {error.strerror}",
                        state=RunState.FAILED,
                        abort=True,
                        time=time.time(),
                    )
                )
        return self._state.handle(event)

    def _carry_out(self, instructions: Sequence[Instruction]) -> None:
        for instruction in instructions:
            if isinstance(instruction, (Schedule, StartJob)):
                self._work.put(instruction)
            elif isinstance(instruction, TellController):
                self._tell(instruction.job)
            elif isinstance(instruction, EndRound):
                self._notifier.emit("round_ended", self._main)
            elif isinstance(instruction, AbortJobs):
                self._abort(instruction.jobs)
            else:
                self._end = instruction

    def _tell(self, job: Job) -> None:
        try:
            made = self._controller.refine_recommendation(_outcome(job), self._main)
            self._recommended(made, job.name)
        except Exception as error:
            self._take(_blame(type(self._controller).__name__, error))
            self._recommended([], job.name)

    def _recommended(self, made: Sequence[Recommendation] | None, after: str | None) -> None:
        proposals = [self._proposal(recommendation) for recommendation in made or ()]
        self._recommendations.update({item.id: item for item in made or ()})
        if proposals and self._state.stop is None:
            self._main.set_prop(ContextKey.RECOMMENDATIONS, list(made or ()))
            self._notifier.emit("recommendations_available", self._main)
        self._take(RecommendationsMade(proposals=tuple(proposals), after=after, time=time.time()))

    def _proposal(self, recommendation: Recommendation) -> Proposal:
        """The recommendation for the journal; raises if it is none that could be run."""
        name = type(self._controller).__name__
        if not isinstance(recommendation, Recommendation):
            raise TypeError(f"{name} returned {recommendation!r}, which is no Recommendation")
        if recommendation.id in self._recommendations:
            raise ValueError(f"{name} used the recommendation id {recommendation.id!r} twice")
        space = self._main.get_prop(ContextKey.SEARCH_SPACE)
        for key, value in recommendation.result.values.items():
            if key not in space:
                raise ValueError(f"{name} proposed a value for {key!r}, which is no parameter")
            space[key].values(value)
        return Proposal(
            id=recommendation.id,
            values=dict(recommendation.result.values),
            parameters=SearchResult(space, recommendation.result.values).named(),
        )

    def _abort(self, jobs: Sequence[str]) -> None:
        self._abort_deadline = time.monotonic() + HUNG
        for job in jobs:
            ctx = self._contexts.get(job)
            if ctx is not None:
                try:
                    self._executor.abort(ctx)
                except Exception as error:
                    self._report(f"{job} could not be ended: {error}")

    def _give_up(self) -> None:
        """The jobs that do not answer an abort are recorded as what they are."""
        self._abort_deadline = None
        for job in self._state.running:
            self._take(
                JobEnded(
                    job=job.name,
                    state=JobState.INTERRUPTED,
                    message=f"did not end within {HUNG:g} s of being told to",
                    time=time.time(),
                )
            )
            self._take(WorkerFreed(job=job.name, time=time.time()))

    def _finish(self, end: EndRun) -> RunOutcome:
        self._record(RunEnded(state=end.state, reason=end.reason, time=time.time()))
        best, stop = self._state.best, self._state.stop
        jobs = self._state.jobs.values()
        outcome = RunOutcome(
            run_id=self._run_id,
            state=end.state,
            reason=end.reason,
            best=best.name if best else None,
            score=best.score if best else None,
            jobs=len(jobs),
            failed=sum(job.state is JobState.FAILED for job in jobs),
            dropped=len(self._state.dropped),
            handler_errors=self._notifier.errors,
            signal=stop.signal if stop else None,
        )
        self._main.set_prop(ContextKey.RUN_OUTCOME, outcome)
        self._notifier.emit("end_automl", self._main)
        for component in (self._controller, self._executor):
            try:
                component.shutdown(self._main)
            except Exception as error:
                self._report(f"{type(component).__name__} raised in shutdown: {error}")
        self._notifier.emit("shutdown", self._main)
        # What a full disk refused before, it refuses again.
        with contextlib.suppress(OSError):
            self._journal.close()
        if self._fault is not None:
            raise EnvironmentFault(f"the journal cannot be written: {self._fault.strerror}")
        return outcome

    def _schedule(self) -> None:
        """The scheduler's thread: choose when asked, start a thread for each job."""
        while (instruction := self._work.get()) is not None:
            if isinstance(instruction, StartJob):
                thread = threading.Thread(
                    target=self._job,
                    args=(instruction.job,),
                    name=instruction.job.name,
                    daemon=True,
                )
                thread.start()
                continue
            pairs: list[tuple[int, str]] = []
            waiting = [self._recommendations[number] for number in instruction.queue]
            idle = [self._workers[name] for name in instruction.idle]
            try:
                while waiting and idle and (choice := self._scheduler.pick(waiting, idle)):
                    recommendation, worker = choice
                    waiting.remove(recommendation)
                    idle.remove(worker)
                    pairs.append((recommendation.id, worker.name))
            except Exception as error:
                self._inbox.put(_blame(type(self._scheduler).__name__, error))
            self._inbox.put(_Picked(tuple(pairs)))

    def _job(self, job: Job) -> None:
        """A job's thread: start_job, execute, journal, end_job."""
        recommendation = self._recommendations[job.recommendation_id]
        ctx = Context(parent=self._main)
        ctx.set_prop(ContextKey.JOB_NAME, job.name)
        ctx.set_prop(ContextKey.JOB_START_TIME, job.started)
        ctx.set_prop(ContextKey.WORKER_NAME, job.worker)
        ctx.set_prop(ContextKey.GPUS, list(job.gpus))
        ctx.set_prop(ContextKey.RECOMMENDATION, recommendation)
        ctx.set_prop(ContextKey.CONCRETE_SEARCH_VALUE, recommendation.result.concrete())
        ctx.set_prop(ContextKey.NAMED_VALUES, dict(job.parameters))
        self._contexts[job.name] = ctx
        self._notifier.emit("start_job", ctx)
        event = self._execute(job, recommendation, ctx)
        recorded = threading.Event()
        self._inbox.put(_Ended(event, recorded))
        recorded.wait()
        outcome = _outcome(self._state.jobs[job.name])
        ctx.set_prop(ContextKey.OUTCOME, outcome)
        ctx.set_prop(ContextKey.SCORE, outcome.score)
        ctx.set_prop(ContextKey.JOB_STATUS, outcome.status)
        ctx.set_prop(ContextKey.PROCESS_EXIT_STATUS, outcome.exit_status)
        self._notifier.emit("end_job", ctx)
        del self._contexts[job.name]
        self._inbox.put(WorkerFreed(job=job.name, time=time.time()))

    def _execute(self, job: Job, recommendation: Recommendation, ctx: Context) -> JobEnded:
        try:
            returned = self._executor.execute(recommendation, ctx)
        except JobFailed as failed:
            return JobEnded(
                job=job.name,
                state=failed.state,
                failure=failed.failure,
                exit_status=failed.exit_status,
                message=str(failed),
                tail=failed.tail,
                time=time.time(),
            )
        except Exception as error:
            return JobEnded(
                job=job.name,
                state=JobState.FAILED,
                failure=FailureClass.EXECUTOR,
                message=f"{type(self._executor).__name__} raised {type(error).__name__}: {error}",
                tail=traceback.format_exc(limit=-3),
                time=time.time(),
            )
        score = returned if isinstance(returned, Score) else Score(value=finite(returned))
        complaint = score.complaint or f"the executor returned {returned!r}, not a finite number"
        return JobEnded(
            job=job.name,
            state=JobState.FINISHED if score.value is not None else JobState.FINISHED_NO_SCORE,
            score=score.value,
            epoch=score.epoch,
            metric=score.metric,
            exit_status=0,
            message="" if score.value is not None else complaint,
            time=time.time(),
        )


def _blame(who: str, error: Exception) -> StopRequested:
    """The end of a search because of a component that it cannot go on without."""
    frame = traceback.extract_tb(error.__traceback__)[-1]
    where = f"{os.path.basename(frame.filename)}:{frame.lineno}"
    return StopRequested(
        issuer=who,
        reason=f"{who} raised {type(error).__name__}: {error} ({where})",
        state=RunState.FAILED,
        time=time.time(),
    )


def _outcome(job: Job) -> Outcome:
    return Outcome(
        recommendation_id=job.recommendation_id,
        job_name=job.name,
        state=job.state,
        value=job.score,
        failure=job.failure,
        message=job.message,
        exit_status=job.exit_status,
        epoch=job.epoch,
        metric=job.metric,
        tail=job.tail,
    )
