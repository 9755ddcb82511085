"""A search in virtual time: the engine's own core, with a function in place of trainings.

For benchmarks, and for trying a controller or a pruner of one's own in seconds.
"""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from mmar_automl import __version__
from mmar_automl.api import Controller, Pruner, Scheduler, Worker
from mmar_automl.defs import Context, ContextKey, Job, JobState, RunState, SearchSpace, finite
from mmar_automl.engine.dialogue import Dialogue
from mmar_automl.engine.events import (
    Event,
    JobAssigned,
    JobEnded,
    RecommendationsMade,
    RunEnded,
    RunStarted,
    StopRequested,
    WorkerFreed,
)
from mmar_automl.engine.instructions import (
    AbortJobs,
    CutJob,
    EndRun,
    GiveUp,
    Instruction,
    Schedule,
    SettlePaused,
    StartJob,
    TellController,
    UpdateController,
)
from mmar_automl.engine.limits import Limits, Plateau, reached
from mmar_automl.engine.pruning import Pruning
from mmar_automl.engine.scheduler import FifoScheduler
from mmar_automl.engine.state import EngineState


@dataclass(frozen=True)
class Training:
    """What a training would do: `scores` after each epoch, higher is better, and how long each
    takes, in virtual seconds. NaN, inf and None are epochs without a score, as of a training that
    diverges; one that has no finite score at all ends without a usable one."""

    scores: Sequence[float | None]
    seconds: float = 1.0


@dataclass(frozen=True)
class Step:
    """How the search stood after an epoch of some job. `best` is None before the first score."""

    time: float
    epochs: int
    best: float | None


@dataclass
class Simulated:
    """A simulated search: its jobs in the order of their start, and its progress, an epoch each."""

    jobs: list[Job] = field(default_factory=list)
    steps: list[Step] = field(default_factory=list)
    seconds: float = 0.0
    epochs: int = 0
    reason: str = ""
    complaints: list[str] = field(default_factory=list)

    @property
    def best(self) -> float | None:
        """The highest score that any job reported."""
        return self.steps[-1].best if self.steps else None

    def reached(self, score: float) -> Step | None:
        """When a job first reported this score."""
        steps = ((step, step.best) for step in self.steps)
        return next((step for step, best in steps if best is not None and best >= score), None)


def simulate(
    controller: Controller,
    space: SearchSpace,
    training: Callable[[Mapping[str, Any]], Training],
    *,
    workers: int = 4,
    pruner: Pruner | None = None,
    limits: Limits | None = None,
    scheduler: Scheduler | None = None,
    most_epochs: int | None = None,
) -> Simulated:
    """Run a search to its end, or until jobs have trained `most_epochs` in all.

    `limits.max_time` is in virtual seconds: what runs then is interrupted, as in a search.
    `training` is asked once for each configuration, by readable names (`learning_rate`,
    `RandFlipd.prob`). A job that is paused and promoted goes on where it was. What the controller
    raises is raised here.
    """
    search = _Search(controller, space, training, workers, pruner, limits, scheduler)
    return search.run(most_epochs)


class _Search:
    """One simulated search. Times are virtual seconds from its start."""

    def __init__(
        self,
        controller: Controller,
        space: SearchSpace,
        training: Callable[[Mapping[str, Any]], Training],
        workers: int,
        pruner: Pruner | None,
        limits: Limits | None,
        scheduler: Scheduler | None,
    ) -> None:
        self._controller, self._space, self._training = controller, space, training
        self._limits = limits or Limits()
        self._plateau = Plateau(self._limits, ())
        self._workers = {f"W{n}": Worker(f"W{n}", ()) for n in range(1, workers + 1)}
        self._scheduler = scheduler or FifoScheduler()
        self._found = Simulated()
        self._pruning = Pruning(pruner, self._found.complaints.append)
        self._dialogue = Dialogue(controller)
        self._state = EngineState()
        self._context = Context()
        self._trainings: dict[str, Training] = {}
        self._done: dict[str, int] = {}
        self._ahead: list[tuple[float, int, str]] = []
        self._counter = itertools.count()
        self._now = 0.0
        self._end: EndRun | None = None

    def run(self, most_epochs: int | None) -> Simulated:
        self._context.set_prop(ContextKey.NUM_WORKERS, len(self._workers))
        self._context.set_prop(ContextKey.SEARCH_SPACE, self._space)
        self._context.connect(on_stop=self._asked_to_stop)
        self._dialogue.begin(self._space, self._context)
        self._pruning.begin(self._space)
        self._take(
            RunStarted(
                run_id="simulated", token="", controller=type(self._controller).__name__,
                workers=tuple((name, ()) for name in self._workers), version=__version__,
                host="", pid=0, process_started=0.0, time=0.0,
            )
        )  # fmt: skip
        self._recommended(self._dialogue.initial(self._context), None)
        while self._end is None and self._ahead:
            if most_epochs is not None and self._found.epochs >= most_epochs:
                break
            at, _, name = heapq.heappop(self._ahead)
            if self._limits.max_time is not None and at > self._limits.max_time:
                self._now = self._limits.max_time
                self._stop("limits", f"the {self._now:g} s of max_time are over", abort=True)
                break
            self._now = at
            self._trained(name)
        if self._end is not None:
            self._take(RunEnded(state=self._end.state, reason=self._end.reason, time=self._now))
        self._controller.shutdown(self._context)
        self._found.jobs = list(self._state.jobs.values())
        self._found.seconds = self._now
        self._found.reason = self._end.reason if self._end else "the epochs are used up"
        return self._found

    def _trained(self, name: str) -> None:
        """An epoch of a running job is over."""
        training = self._trainings[name]
        epoch = self._done[name] + 1
        if epoch > len(training.scores):
            self._ended(name, JobState.FINISHED_NO_SCORE, "")
            return
        self._done[name] = epoch
        score, best = finite(training.scores[epoch - 1]), self._found.best
        if score is not None and (best is None or score > best):
            best = score
        self._found.epochs += 1
        self._found.steps.append(Step(self._now, self._found.epochs, best))
        whole = len(training.scores)
        event = self._pruning.heard(self._state, name, epoch, score, whole, False, self._now)
        if event is not None:
            self._take(event)
        if self._state.jobs[name].state is not JobState.RUNNING:
            return
        if epoch == whole:
            self._ended(name, JobState.FINISHED, "")
        else:
            self._go_on(name)

    def _go_on(self, name: str) -> None:
        at = self._now + self._trainings[name].seconds
        heapq.heappush(self._ahead, (at, next(self._counter), name))

    def _ended(self, name: str, state: JobState, message: str) -> None:
        scored: list[tuple[float, int]] = []
        if state is not JobState.INTERRUPTED:
            trained = map(finite, self._trainings[name].scores[: self._done[name]])
            scored = [(score, n) for n, score in enumerate(trained, 1) if score is not None]
        if state is JobState.FINISHED and not scored:
            state = JobState.FINISHED_NO_SCORE
        # The earliest of the best.
        score, epoch = max(scored, key=lambda pair: pair[0], default=(None, None))
        event = JobEnded(
            job=name, state=state, message=message, time=self._now, score=score, epoch=epoch
        )  # fmt: skip
        self._take(event)
        job = self._state.jobs[name]
        self._pruning.ended(job)
        enough = reached(job, self._limits.target_score) or self._plateau.add(event)
        if enough and self._state.stop is None:
            self._stop("limits", enough)
        self._take(WorkerFreed(job=name, time=self._now))

    def _asked_to_stop(self, issuer: str, reason: str) -> None:
        if self._state.stop is None:
            self._stop(issuer, reason)

    def _stop(self, issuer: str, reason: str, *, abort: bool = False) -> None:
        self._take(
            StopRequested(
                issuer=issuer, reason=reason, state=RunState.STOPPED, abort=abort,
                final=not abort, time=self._now,
            )
        )  # fmt: skip

    def _recommended(self, made: list[Any], after: str | None) -> None:
        most = self._limits.max_jobs
        if most is not None:
            made = made[: max(0, most - len(self._state.proposals))]
        proposals = tuple(self._dialogue.proposal(recommendation) for recommendation in made)
        self._take(RecommendationsMade(proposals=proposals, after=after, time=self._now))

    def _take(self, event: Event) -> None:
        for instruction in self._state.handle(event):
            self._carry_out(instruction)

    def _carry_out(self, instruction: Instruction) -> None:
        if isinstance(instruction, Schedule):
            self._schedule(instruction)
        elif isinstance(instruction, StartJob):
            self._start(instruction.job)
        elif isinstance(instruction, CutJob):
            self._ended(instruction.job, instruction.cut.state, instruction.cut.reason)
        elif isinstance(instruction, TellController):
            made = self._dialogue.tell(instruction.job, self._context)
            self._recommended(made, instruction.job.name)
        elif isinstance(instruction, UpdateController):
            self._dialogue.update(instruction.job, self._context)
        elif isinstance(instruction, SettlePaused):
            self._take(self._pruning.settle(instruction.paused, instruction.ask, self._now))
        elif isinstance(instruction, GiveUp):
            for job in instruction.jobs:
                self._pruning.ended(job)
        elif isinstance(instruction, AbortJobs):
            for name in instruction.jobs:
                self._ended(name, JobState.INTERRUPTED, "stopped with the search")
        elif isinstance(instruction, EndRun):
            self._end = instruction

    def _schedule(self, instruction: Schedule) -> None:
        known = self._dialogue.recommendations
        waiting = [known[number] for number in instruction.queue]
        numbers = {id(known[number]): number for number in instruction.queue}
        idle = [self._workers[name] for name in instruction.idle]
        picked = False
        while waiting and idle:
            choice = self._scheduler.pick(tuple(waiting), tuple(idle))
            if choice is None:
                break
            recommendation, worker = choice
            waiting.remove(recommendation)
            idle.remove(worker)
            number = numbers[id(recommendation)]
            if self._state.assignable(number, worker.name):
                picked = True
                name = self._state.job_name(number, worker.name)
                self._take(
                    JobAssigned(
                        job=name, recommendation_id=number, worker=worker.name, time=self._now
                    )
                )
        for more in self._state.scheduled(declined=not picked):
            self._carry_out(more)

    def _start(self, job: Job) -> None:
        if job.name not in self._trainings:
            self._trainings[job.name] = self._training(job.parameters)
            self._done[job.name] = 0
        self._go_on(job.name)
