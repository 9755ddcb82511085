"""The heart of the engine: `handle(event) -> instructions`, and nothing else.

Pure: no I/O, no threads, no clock. Only the engine's thread may call it. Replaying a journal
through it gives the state in which the search was.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from mmar_automl.defs import Job, JobState, RunState, best_of
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


@dataclass
class WorkerState:
    """A worker's GPUs, how many jobs it has had, and the one that it has."""

    gpus: tuple[int, ...]
    jobs: int = 0
    job: str | None = None


class EngineState:
    """Where a search stands. Every proposal ends as a job or as dropped; none is lost."""

    def __init__(self) -> None:
        self.run_id = ""
        self.started: RunStarted | None = None
        self.ended: RunEnded | None = None
        self.stop: StopRequested | None = None
        self.workers: dict[str, WorkerState] = {}
        self.idle: list[str] = []
        """Longest idle first."""
        self.proposals: dict[int, Proposal] = {}
        self.queue: list[int] = []
        self.dropped: list[int] = []
        self.jobs: dict[str, Job] = {}
        self._untold: set[str] = set()
        self._answered = False
        self._rounds: list[tuple[tuple[int, ...], set[int]]] = []
        self._scheduling = False

    @property
    def running(self) -> list[Job]:
        """The jobs that a worker has."""
        return [job for job in self.jobs.values() if job.state is JobState.RUNNING]

    @property
    def best(self) -> Job | None:
        """The job with the highest score so far, the earlier one on a tie."""
        return best_of(self.jobs.values())

    def next_job(self, worker: str) -> str:
        """The name of the worker's next job, as Clara counts."""
        return f"{worker}_{self.workers[worker].jobs + 1}_J{len(self.jobs) + 1}"

    def assignable(self, recommendation_id: int, worker: str) -> bool:
        """Whether a scheduler's choice still holds."""
        return self.stop is None and recommendation_id in self.queue and worker in self.idle

    def scheduled(self) -> list[Instruction]:
        """The scheduler has answered; ask it again if there is still something to choose."""
        self._scheduling = False
        return self._next()

    def handle(self, event: Event) -> list[Instruction]:
        """Take in what happened and say what is to be done about it."""
        if isinstance(event, RunStarted):
            return self._run_started(event)
        if isinstance(event, RecommendationsMade):
            return self._recommendations_made(event)
        if isinstance(event, JobAssigned):
            return self._job_assigned(event)
        if isinstance(event, JobEnded):
            return self._job_ended(event)
        if isinstance(event, WorkerFreed):
            return self._worker_freed(event)
        if isinstance(event, StopRequested):
            return self._stop_requested(event)
        self.ended = event
        return []

    def _run_started(self, event: RunStarted) -> list[Instruction]:
        self.run_id = event.run_id
        self.started = event
        self.workers = {name: WorkerState(gpus) for name, gpus in event.workers}
        self.idle = list(self.workers)
        return []

    def _recommendations_made(self, event: RecommendationsMade) -> list[Instruction]:
        self._answered = True
        if event.after is not None:
            self._untold.discard(event.after)
        ids = tuple(proposal.id for proposal in event.proposals)
        for proposal in event.proposals:
            self.proposals[proposal.id] = proposal
        if self.stop is not None:
            self.dropped += ids
            return self._next()
        self.queue += ids
        if ids:
            self._rounds.append((ids, set(ids)))
        return self._next()

    def _job_assigned(self, event: JobAssigned) -> list[Instruction]:
        worker = self.workers[event.worker]
        proposal = self.proposals[event.recommendation_id]
        self.queue.remove(event.recommendation_id)
        self.idle.remove(event.worker)
        worker.jobs += 1
        worker.job = event.job
        job = Job(
            name=event.job,
            recommendation_id=event.recommendation_id,
            worker=event.worker,
            gpus=worker.gpus,
            values=proposal.values,
            parameters=proposal.parameters,
            started=event.time,
        )
        self.jobs[job.name] = job
        return [StartJob(job)]

    def _job_ended(self, event: JobEnded) -> list[Instruction]:
        self.jobs[event.job] = self.jobs[event.job].move(
            event.state,
            ended=event.time,
            score=event.score,
            epoch=event.epoch,
            metric=event.metric,
            failure=event.failure,
            exit_status=event.exit_status,
            message=event.message,
            tail=event.tail,
        )
        return []

    def _worker_freed(self, event: WorkerFreed) -> list[Instruction]:
        job = self.jobs[event.job]
        self.workers[job.worker].job = None
        self.idle.append(job.worker)
        instructions: list[Instruction] = []
        for ids, left in self._rounds:
            left.discard(job.recommendation_id)
            if not left:
                instructions.append(EndRound(ids))
        self._rounds = [item for item in self._rounds if item[1]]
        if self.stop is None or not self.stop.abort:
            self._untold.add(job.name)
            instructions.append(TellController(job))
        return instructions + self._next()

    def _stop_requested(self, event: StopRequested) -> list[Instruction]:
        self.dropped += self.queue
        self.queue = []
        # A signal that comes while the search is stopping makes the end quicker, not milder.
        if self.stop is None or event.abort:
            self.stop = event
        instructions: list[Instruction] = []
        if event.abort:
            self._untold.clear()
            instructions.append(AbortJobs(tuple(job.name for job in self.running)))
        return instructions + self._next()

    def _next(self) -> list[Instruction]:
        """Hand out work, or end the run if there is none left and none to come."""
        if self.queue and self.idle and not self._scheduling:
            self._scheduling = True
            return [Schedule(tuple(self.queue), tuple(self.idle))]
        busy = any(worker.job is not None for worker in self.workers.values())
        waiting = not self._answered and self.stop is None
        if busy or self.queue or self._untold or waiting or self.ended is not None:
            return []
        if self.stop is not None:
            return [EndRun(self.stop.state, self.stop.reason)]
        return [EndRun(RunState.FINISHED, "every recommendation has ended")]


def replay(events: Iterable[Event]) -> EngineState:
    """The state after these events; their instructions were carried out when they happened."""
    state = EngineState()
    for event in events:
        state.handle(event)
        state._scheduling = False
    return state


def order(jobs: Sequence[Job]) -> list[Job]:
    """Jobs by score, best first; those without one last, in the order in which they started."""
    return sorted(jobs, key=lambda job: (job.score is None, -(job.score or 0.0), job.started))
