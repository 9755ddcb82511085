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
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Union

import psutil

from mmar_automl import __version__
from mmar_automl.api import Controller, Executor, Handler, Pruner, Scheduler, Worker
from mmar_automl.defs import (
    Context,
    ContextKey,
    FailureClass,
    Job,
    JobState,
    Recommendation,
    RunOutcome,
    RunState,
    SearchSpace,
    natural,
)
from mmar_automl.engine.dialogue import Dialogue
from mmar_automl.engine.events import (
    Event,
    JobAssigned,
    JobEnded,
    JobRetried,
    RecommendationsMade,
    RunEnded,
    RunResumed,
    RunStarted,
    StopRequested,
    WorkerFreed,
    WorkerResumed,
    WorkerSuspended,
)
from mmar_automl.engine.instructions import (
    AbortJobs,
    CutJob,
    EndRound,
    EndRun,
    GiveUp,
    Instruction,
    Schedule,
    SettlePaused,
    StartJob,
    TellController,
    UpdateController,
)
from mmar_automl.engine.job_thread import Ended, JobThreads
from mmar_automl.engine.journal import Journal
from mmar_automl.engine.limits import Limits, Plateau, hopeless, reached
from mmar_automl.engine.notify import Notifier
from mmar_automl.engine.pruning import Pruning
from mmar_automl.engine.state import EngineState, replay
from mmar_automl.errors import EnvironmentFault, MmarAutomlError

WAITING = 1000
"""So many recommendations may wait for a worker, or as many as the controller began with."""
HUNG = 60.0
"""Seconds after which a job that does not answer an abort is given up."""
_INDISPENSABLE = "the controller or the executor"


@dataclass(frozen=True)
class _Picked:
    """What the scheduler chose; by now it may no longer hold."""

    pairs: tuple[tuple[int, str], ...]


@dataclass(frozen=True)
class _Call:
    """Something to be done in the engine's thread, for somebody who waits for the answer."""

    function: Callable[[EngineState], Any]
    answer: queue.SimpleQueue[Any]


@dataclass(frozen=True)
class _Validated:
    """How a running job is doing, from its executor."""

    job: str
    epoch: int
    score: float | None
    max_epochs: int | None
    minimised: bool


_Message = Union[_Picked, _Call, _Validated, Ended, JobRetried, WorkerFreed, StopRequested]


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
        limits: Limits | None = None,
        pruner: Pruner | None = None,
        history: Sequence[Event] = (),
        opened: Callable[[], None] = lambda: None,
    ) -> None:
        """`opened` is called once, when the controller and the pruner know the space."""
        self._run_id = run_id
        self._workers = {worker.name: worker for worker in workers}
        self._controller = controller
        self._executor = executor
        self._notifier = Notifier(handlers, report)
        self._scheduler = scheduler
        self._journal = journal
        self._report = report
        self._limits = limits or Limits()
        self._history = history
        self._opened = opened
        self._state = replay(history)
        self._dialogue = Dialogue(controller)
        self._pruning = Pruning(pruner, report)
        self._plateau = Plateau(self._limits, history)
        self._main = Context()
        self._inbox: queue.SimpleQueue[_Message] = queue.SimpleQueue()
        self._work: queue.SimpleQueue[Schedule | StartJob | None] = queue.SimpleQueue()
        self._jobs = JobThreads(
            executor=executor,
            notifier=self._notifier,
            inbox=self._inbox,
            outcome_of=lambda name: self._dialogue.outcome(self._state.jobs[name]),
            stopping=lambda: self._state.stop is not None,
            retries=self._limits.retries,
            report=report,
        )
        begun = next((e for e in history if isinstance(e, RecommendationsMade)), None)
        self._waiting = max(WAITING, len(begun.proposals) if begun else 0)
        self._flooded = False
        self._fault: OSError | None = None
        self._abort_deadline: float | None = None
        self._time_is_up: float | None = None
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
        """End soon: nothing new starts, running jobs finish; the search has what it wanted."""
        self._inbox.put(
            StopRequested(
                issuer=issuer, reason=reason, state=RunState.STOPPED, final=True, time=time.time()
            )
        )

    @property
    def busy(self) -> bool:
        """Whether any job runs; may be asked from a signal handler."""
        return bool(self._state.running)

    def call(self, function: Callable[[EngineState], Any]) -> Any:
        """What `function(state)` returns, called in the engine's thread between two events."""
        answer: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self._inbox.put(_Call(function, answer))
        result, error = answer.get(timeout=HUNG)
        if error is not None:
            raise error
        return result

    def _validated(
        self, job: str, epoch: int, score: float | None, max_epochs: int | None, minimised: bool
    ) -> None:
        self._inbox.put(_Validated(job, epoch, score, max_epochs, minimised))

    def suspend(self, worker: str) -> None:
        """Let a worker finish its job and give it no other. Raises `KeyError`."""
        self._set_suspended(worker, WorkerSuspended(worker=worker, time=time.time()))

    def resume(self, worker: str) -> None:
        """Give a suspended worker jobs again. Raises `KeyError`."""
        self._set_suspended(worker, WorkerResumed(worker=worker, time=time.time()))

    def abort_worker(self, worker: str) -> str | None:
        """End the worker's current job; its name, or None if it has none. Raises `KeyError`."""
        if worker not in self._workers:
            raise KeyError(worker)

        def abort(state: EngineState) -> str | None:
            job = state.workers[worker].job
            if job is not None:
                # Not by `_abort`: when its deadline passes, every other job is given up, too.
                self._jobs.abort(job, "ended by abort_worker")
            return job

        name: str | None = self.call(abort)
        return name

    def stop_now(self, issuer: str, reason: str) -> None:
        """End now: nothing new starts, running jobs are ended; a resume goes on."""
        self._inbox.put(
            StopRequested(
                issuer=issuer, reason=reason, state=RunState.STOPPED, abort=True, time=time.time()
            )
        )

    def _set_suspended(self, worker: str, event: Event) -> None:
        if worker not in self._workers:
            raise KeyError(worker)
        self.call(lambda _state: self._take(event))

    def run(self, ctx: Context) -> RunOutcome:
        """Search until nothing is left to do. With a history, go on from there.

        Raises `EnvironmentFault` if a handler refuses to start, the journal cannot be written or
        the disk is full, and `MmarAutomlError` if the controller cannot take up its history; no job
        runs any more by then.
        """
        self._main = ctx
        ctx.set_prop(ContextKey.NUM_WORKERS, len(self._workers))
        ctx.set_prop(ContextKey.HISTORY, list(self._state.jobs.values()))
        ctx.set_prop(ContextKey.PROPOSED, len(self._state.proposals))
        more = self._recall()
        if self._history and not more and self._is_over():
            return self._outcome_now(RunState.FINISHED, "nothing is left to do")
        ctx.connect(
            on_stop=self.ask_to_stop,
            on_progress=self._validated if self._pruning.listens else None,
        )
        begun = self._record(self._run_resumed() if self._history else self._run_started())
        ctx.set_prop(ContextKey.RUN_TOKEN, self._state.token)
        try:
            self._notifier.startup(ctx)
        except EnvironmentFault as fault:
            self._record(RunEnded(state=RunState.FAILED, reason=str(fault), time=time.time()))
            self._notifier.emit("shutdown", ctx)
            raise
        if self._limits.max_time is not None:
            self._time_is_up = time.monotonic() + self._limits.max_time
        scheduling = threading.Thread(target=self._schedule, name="scheduler", daemon=True)
        scheduling.start()
        try:
            self._begin(begun, more)
            while self._end is None:
                self._loop_once()
        except BaseException:
            # A defect of ours must not leave trainings behind that nobody knows of.
            self._abort([job.name for job in self._state.running])
            raise
        self._work.put(None)
        scheduling.join()
        return self._finish(self._end)

    def _is_over(self) -> bool:
        stop, ended = self._state.stop, self._state.ended
        return ended is not None and (ended.state is RunState.FINISHED or bool(stop and stop.final))

    def _recall(self) -> list[Recommendation]:
        """Give the controller its history back; what it proposes beyond the journal."""
        if not self._history:
            return []
        try:
            self._meet(self._executor.determine_search_space(self._main))
            more = self._dialogue.recall(self._history, self._state, self._main)
        except (Exception, SystemExit) as error:
            raise MmarAutomlError(_blame(_INDISPENSABLE, error).reason) from error
        self._pruning.recall(self._history)
        self._main.forget_stop()
        return more

    def _meet(self, space: SearchSpace) -> None:
        self._main.set_prop(ContextKey.SEARCH_SPACE, space)
        if not self._history:
            self._notifier.emit("search_space_available", self._main)
        self._dialogue.begin(space, self._main)
        self._pruning.begin(space)
        self._opened()

    def _run_started(self) -> RunStarted:
        return RunStarted(
            run_id=self._run_id,
            token=uuid.uuid4().hex,
            controller=type(self._controller).__name__,
            **self._process(),
        )

    def _run_resumed(self) -> RunResumed:
        return RunResumed(**self._process())

    def _process(self) -> dict[str, Any]:
        return {
            "workers": tuple((worker.name, worker.gpus) for worker in self._workers.values()),
            "version": __version__,
            "host": socket.gethostname(),
            "pid": os.getpid(),
            "process_started": psutil.Process().create_time(),
            "time": time.time(),
        }

    def _begin(self, begun: Sequence[Instruction], more: list[Recommendation]) -> None:
        self._notifier.emit("start_automl", self._main)
        try:
            if self._history:
                self._notifier.emit("search_space_available", self._main)
            else:
                self._meet(self._executor.determine_search_space(self._main))
            if not self._state.answered:
                self._recommended(self._dialogue.initial(self._main), None)
        except (Exception, SystemExit) as error:
            self._take(_blame(_INDISPENSABLE, error))
            self._recommended([], None)
        if self._history:
            # A job that may still run goes to the worker that it had, whose GPUs it uses.
            for number, worker in self._state.left_over():
                if worker in self._workers and self._state.assignable(number, worker):
                    self._assign_one(number, worker)
            if more:
                # There is something to do after all.
                begun = [item for item in begun if not isinstance(item, EndRun)]
                self._recommended(more, None)
            self._carry_out(begun)

    def _loop_once(self) -> None:
        deadlines = [at for at in (self._abort_deadline, self._time_is_up) if at is not None]
        timeout = max(0.0, min(deadlines) - time.monotonic()) if deadlines else None
        try:
            message = self._inbox.get(timeout=timeout)
        except queue.Empty:
            self._deadline_passed()
            return
        if isinstance(message, _Picked):
            for recommendation_id, worker in message.pairs:
                if self._state.assignable(recommendation_id, worker):
                    self._assign_one(recommendation_id, worker)
            self._carry_out(self._state.scheduled(declined=not message.pairs))
            if not message.pairs and not self._state.running and self._state.stop is None:
                name = type(self._scheduler).__name__
                said = f"{name} chose nothing for an idle worker, and nothing else can happen"
                self._stop(name, said, state=RunState.FAILED)
        elif isinstance(message, _Call):
            try:
                message.answer.put((message.function(self._state), None))
            except Exception as error:
                # The asker's mistake is the asker's to hear.
                message.answer.put((None, error))
        elif isinstance(message, _Validated):
            self._heard(message)
        elif isinstance(message, Ended):
            # One that was given up as hung may still come to its end.
            if self._state.jobs[message.event.job].state is JobState.RUNNING:
                self._take(message.event)
                self._judge(message.event)
            message.recorded.set()
        elif isinstance(message, WorkerFreed):
            if self._state.workers[self._state.jobs[message.job].worker].job == message.job:
                self._take(message)
        else:
            self._take(message)

    def _heard(self, message: _Validated) -> None:
        event = self._pruning.heard(
            self._state,
            message.job,
            message.epoch,
            message.score,
            message.max_epochs,
            message.minimised,
            time.time(),
        )
        if event is not None:
            self._take(event)

    def _assign_one(self, recommendation_id: int, worker: str) -> None:
        self._take(
            JobAssigned(
                job=self._state.job_name(recommendation_id, worker),
                recommendation_id=recommendation_id,
                worker=worker,
                time=time.time(),
            )
        )

    def _judge(self, ended: JobEnded) -> None:
        """Whether this end of a job is the end of the search."""
        job, limits = self._state.jobs[ended.job], self._limits
        self._pruning.ended(job)
        enough = self._plateau.add(ended)
        if self._state.stop is not None:
            return
        enough = reached(job, limits.target_score) or enough
        if ended.failure is FailureClass.DISK_FULL:
            self._stop("disk", f"{ended.job}: {ended.message}", state=RunState.FAILED, abort=True)
        elif enough:
            self._stop("limits", enough, final=True)
        elif ended.state is JobState.FAILED:
            jobs = list(self._state.jobs.values())
            reason = hopeless(jobs, limits.max_consecutive_failures)
            if reason:
                self._stop("limits", reason)

    def _stop(self, issuer: str, reason: str, **given: Any) -> None:
        """Stop, from the engine's own thread."""
        state = given.pop("state", RunState.STOPPED)
        self._take(
            StopRequested(issuer=issuer, reason=reason, state=state, time=time.time(), **given)
        )

    def _deadline_passed(self) -> None:
        if self._time_is_up is not None and time.monotonic() >= self._time_is_up:
            self._time_is_up = None
            said = f"the {self._limits.max_time:g} s of --max-time are over"
            self._stop("limits", said, abort=True)
        elif self._abort_deadline is not None:
            self._give_up()

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
        if self._fault is not None and isinstance(event, JobAssigned):
            # It is not on disk, so it has not happened.
            return []
        return self._state.handle(event)

    def _carry_out(self, instructions: Sequence[Instruction]) -> None:
        for instruction in instructions:
            if isinstance(instruction, StartJob):
                job = instruction.job
                known = self._dialogue.recommendations[job.recommendation_id]
                self._jobs.expect(job, known, self._main, instruction.cut)
                self._work.put(instruction)
            elif isinstance(instruction, CutJob):
                self._jobs.cut(instruction.job, instruction.cut)
            elif isinstance(instruction, Schedule):
                self._work.put(instruction)
            elif isinstance(instruction, TellController):
                self._tell(instruction.job)
            elif isinstance(instruction, UpdateController):
                self._update(instruction.job)
            elif isinstance(instruction, SettlePaused):
                self._take(self._pruning.settle(instruction.paused, instruction.ask, time.time()))
            elif isinstance(instruction, GiveUp):
                for job in instruction.jobs:
                    known = self._dialogue.recommendations[job.recommendation_id]
                    self._pruning.ended(job)
                    self._jobs.give_up(job, known, self._main)
            elif isinstance(instruction, EndRound):
                self._notifier.emit("round_ended", self._main)
            elif isinstance(instruction, AbortJobs):
                self._abort(instruction.jobs)
            else:
                self._end = instruction

    def _tell(self, job: Job) -> None:
        try:
            self._recommended(self._dialogue.tell(job, self._main), job.name)
        except (Exception, SystemExit) as error:
            self._take(_blame(type(self._controller).__name__, error))
            self._recommended([], job.name)

    def _update(self, job: Job) -> None:
        try:
            self._dialogue.update(job, self._main)
        except (Exception, SystemExit) as error:
            self._take(_blame(type(self._controller).__name__, error))

    def _recommended(self, made: list[Recommendation], after: str | None) -> None:
        made = self._within_bounds(self._within_budget(made), after)
        proposals = tuple(self._dialogue.proposal(recommendation) for recommendation in made)
        stopping = self._state.stop is not None
        instructions = self._record(
            RecommendationsMade(proposals=proposals, after=after, time=time.time())
        )
        if proposals and not stopping:
            self._main.set_prop(ContextKey.RECOMMENDATIONS, made)
            self._notifier.emit("recommendations_available", self._main)
        self._carry_out(instructions)

    def _within_budget(self, made: list[Recommendation]) -> list[Recommendation]:
        """What --max-jobs leaves of an answer."""
        most = self._limits.max_jobs
        if most is None:
            return made
        left = max(0, most - len(self._state.proposals))
        if made and left == 0 and self._state.stop is None:
            self._report(f"--max-jobs {most} reached: what the controller proposes now is dropped")
        return made[:left]

    def _within_bounds(self, made: list[Recommendation], after: str | None) -> list[Recommendation]:
        """What keeps the queue bounded, whatever the controller floods it with."""
        if after is None:
            self._waiting = max(self._waiting, len(made))
            return made
        room = max(0, self._waiting - len(self._state.queue))
        if len(made) > room and not self._flooded:
            self._flooded = True
            name = type(self._controller).__name__
            self._report(
                f"{name} proposes faster than jobs end: {len(self._state.queue)} recommendations "
                f"wait, and what comes beyond {self._waiting} is dropped"
            )
        return made[:room]

    def _abort(self, jobs: Sequence[str]) -> None:
        self._abort_deadline = time.monotonic() + HUNG
        for job in jobs:
            self._jobs.abort(job)

    def _give_up(self) -> None:
        """The jobs that do not answer an abort are recorded as what they are."""
        self._abort_deadline = None
        for worker in self._state.workers.values():
            job = worker.job
            if job is None:
                continue
            if self._state.jobs[job].state is JobState.RUNNING:
                self._take(
                    JobEnded(
                        job=job,
                        state=JobState.INTERRUPTED,
                        message=f"did not end within {HUNG:g} s of being told to",
                        time=time.time(),
                    )
                )
                self._jobs.tell_end(job)
            self._take(WorkerFreed(job=job, time=time.time()))

    def _outcome_now(self, state: RunState, reason: str) -> RunOutcome:
        best, stop = self._state.best, self._state.stop
        jobs = self._state.jobs.values()
        return RunOutcome(
            run_id=self._run_id,
            state=state,
            reason=reason,
            best=best.name if best else None,
            score=natural(best.score, best.minimised) if best else None,
            jobs=len(jobs),
            failed=sum(job.state is JobState.FAILED for job in jobs),
            dropped=len(self._state.dropped),
            handler_errors=self._notifier.errors,
            signal=stop.signal if stop else None,
        )

    def _finish(self, end: EndRun) -> RunOutcome:
        self._record(RunEnded(state=end.state, reason=end.reason, time=time.time()))
        self._jobs.close(tuple(self._state.paused))
        self._main.set_prop(ContextKey.RUN_OUTCOME, self._outcome_now(end.state, end.reason))
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
        outcome = self._outcome_now(end.state, end.reason)
        if self._state.stop is not None and self._state.stop.issuer == "disk":
            raise EnvironmentFault(outcome.reason)
        return outcome

    def _schedule(self) -> None:
        """The scheduler's thread: choose when asked, start a thread for each job."""
        while (instruction := self._work.get()) is not None:
            known = self._dialogue.recommendations
            if isinstance(instruction, StartJob):
                job = instruction.job
                self._jobs.start(job, known[job.recommendation_id])
                continue
            numbers = {id(known[number]): number for number in instruction.queue}
            waiting = [known[number] for number in instruction.queue]
            idle = [self._workers[name] for name in instruction.idle]
            pairs: list[tuple[int, str]] = []
            try:
                while waiting and idle:
                    choice = self._scheduler.pick(tuple(waiting), tuple(idle))
                    if choice is None:
                        break
                    recommendation, worker = choice
                    waiting.remove(recommendation)
                    idle.remove(worker)
                    pairs.append((numbers[id(recommendation)], worker.name))
            except (Exception, SystemExit) as error:
                self._inbox.put(_blame(type(self._scheduler).__name__, error))
            self._inbox.put(_Picked(tuple(pairs)))


def _blame(who: str, error: BaseException) -> StopRequested:
    """The end of a search because of a component that it cannot go on without."""
    frame = traceback.extract_tb(error.__traceback__)[-1]
    where = f"{os.path.basename(frame.filename)}:{frame.lineno}"
    return StopRequested(
        issuer=who,
        reason=f"{who} raised {type(error).__name__}: {error} ({where})",
        state=RunState.FAILED,
        time=time.time(),
    )
