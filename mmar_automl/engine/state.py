"""The heart of the engine: `handle(event) -> instructions`, and nothing else.

Pure: no I/O, no threads, no clock. Only the engine's thread may call it. Replaying a journal
through it gives the state in which the search was.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from mmar_automl.api import Verdict
from mmar_automl.defs import Job, JobState, RunState, best_of
from mmar_automl.engine.events import (
    Event,
    JobAssigned,
    JobEnded,
    JobReported,
    JobRetried,
    PausedSettled,
    Proposal,
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
    Cut,
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


@dataclass
class WorkerState:
    """A worker's GPUs, the job that it has, and whether it gets another."""

    gpus: tuple[int, ...]
    job: str | None = None
    suspended: bool = False


class EngineState:
    """Where a search stands. Every proposal ends as a job or as dropped; none is lost."""

    def __init__(self) -> None:
        self.run_id = ""
        self.token = ""
        self.process: RunStarted | RunResumed | None = None
        """The latest process of this search."""
        self.began: float | None = None
        self.ended: RunEnded | None = None
        self.stop: StopRequested | None = None
        self.workers: dict[str, WorkerState] = {}
        self.idle: list[str] = []
        """Longest idle first; suspended ones among them."""
        self.proposals: dict[int, Proposal] = {}
        self.queue: list[int] = []
        self.dropped: list[int] = []
        self.jobs: dict[str, Job] = {}
        self.answered = False
        """Whether the controller has given its initial recommendations."""
        self._names: dict[int, str] = {}
        self._had: dict[str, int] = {}
        self.paused: dict[str, None] = {}
        """The paused jobs, the earliest first."""
        self.cuts: dict[str, Cut] = {}
        """The running jobs that are being pruned or paused."""
        self._promoted: set[str] = set()
        """Jobs that are to go on: paused, being paused, or waiting for a worker."""
        self._reported: dict[str, tuple[float, int]] = {}
        self._settling = False
        self._told: dict[str, tuple[JobState, int | None]] = {}
        self._untold: dict[str, Job] = {}
        """As they were when their workers became free: one may have been promoted since."""
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

    def job_name(self, recommendation_id: int, worker: str) -> str:
        """The name of a recommendation's job: the one that it had, else the worker's next."""
        known = self._names.get(recommendation_id)
        if known is not None:
            return known
        return f"{worker}_{self._had.get(worker, 0) + 1}_J{len(self.jobs) + 1}"

    def assignable(self, recommendation_id: int, worker: str) -> bool:
        """Whether a scheduler's choice still holds."""
        free = worker in self.idle and not self.workers[worker].suspended
        return self.stop is None and recommendation_id in self.queue and free

    def left_over(self) -> list[tuple[int, str]]:
        """Jobs of an earlier process that wait for a worker, with the worker that they had."""
        waiting = set(self.queue)
        return [
            (job.recommendation_id, job.worker)
            for job in self.jobs.values()
            if job.state is JobState.QUEUED and job.recommendation_id in waiting
        ]

    def scheduled(self, *, declined: bool = False) -> list[Instruction]:
        """The scheduler has answered; ask it again if there is still something to choose.

        One that declined is asked again after the next event, not at once.
        """
        self._scheduling = False
        return [] if declined else self._next()

    def handle(self, event: Event) -> list[Instruction]:
        """Take in what happened and say what is to be done about it."""
        if isinstance(event, RunStarted):
            return self._run_started(event)
        if isinstance(event, RunResumed):
            return self._run_resumed(event)
        if isinstance(event, RecommendationsMade):
            return self._recommendations_made(event)
        if isinstance(event, JobAssigned):
            return self._job_assigned(event)
        if isinstance(event, JobRetried):
            job = self.jobs[event.job]
            self.jobs[event.job] = replace(job, attempt=job.attempt + 1)
            return []
        if isinstance(event, JobReported):
            return self._job_reported(event)
        if isinstance(event, JobEnded):
            return self._job_ended(event)
        if isinstance(event, PausedSettled):
            return self._paused_settled(event)
        if isinstance(event, WorkerFreed):
            return self._worker_freed(event)
        if isinstance(event, (WorkerSuspended, WorkerResumed)):
            self.workers[event.worker].suspended = isinstance(event, WorkerSuspended)
            return self._next()
        if isinstance(event, StopRequested):
            return self._stop_requested(event)
        self.ended = event
        return []

    def _run_started(self, event: RunStarted) -> list[Instruction]:
        self.run_id = event.run_id
        self.token = event.token
        self.began = event.time
        self._man(event)
        return []

    def _man(self, event: RunStarted | RunResumed) -> None:
        self.process = event
        self.workers = {name: WorkerState(gpus) for name, gpus in event.workers}
        self.idle = list(self.workers)
        self._scheduling = self._settling = False

    def _run_resumed(self, event: RunResumed) -> list[Instruction]:
        """Jobs that had not ended go first, then what was queued, then what was dropped."""
        self._man(event)
        self.ended = None
        again = []
        for job in self.jobs.values():
            if job.state in (JobState.RUNNING, JobState.INTERRUPTED):
                self.jobs[job.name] = job.move(JobState.QUEUED)
                again.append(job.recommendation_id)
            elif job.state is not JobState.QUEUED and job.name not in self._told:
                self._untold.setdefault(job.name, job)
        if self.stop is None or not self.stop.final:
            self.stop = None
            self.queue += self.dropped
            self.dropped = []
        self.queue = again + [number for number in self.queue if number not in again]
        for number in again:
            if not any(number in left for _, left in self._rounds):
                self._rounds.append(((number,), {number}))
        for name in [name for name in self.paused if name in self._promoted]:
            self._promote(name)
        tell: list[Instruction] = [TellController(job) for job in self._untold.values()]
        tell += [update for job in self.jobs.values() for update in self._update(job)]
        return [*tell, *self._next()]

    def _recommendations_made(self, event: RecommendationsMade) -> list[Instruction]:
        self.answered = True
        if event.after is not None:
            job = self._untold.pop(event.after, self.jobs[event.after])
            self._told.setdefault(job.name, (job.state, job.trained))
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
        self.queue.remove(event.recommendation_id)
        self.idle.remove(event.worker)
        worker.job = event.job
        known = self.jobs.get(event.job)
        if known is not None:
            job = known.move(
                JobState.RUNNING,
                attempt=known.attempt + 1,
                worker=event.worker,
                gpus=worker.gpus,
                started=event.time,
                ended=None,
                earlier=(known.seconds or 0.0) if known.name in self._promoted else known.earlier,
            )
            self._promoted.discard(known.name)
        else:
            self._had[event.worker] = self._had.get(event.worker, 0) + 1
            proposal = self.proposals[event.recommendation_id]
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
        self._names[job.recommendation_id] = job.name
        return [StartJob(job, self.cuts.get(job.name))]

    def _job_reported(self, event: JobReported) -> list[Instruction]:
        best = self._reported.get(event.job)
        if event.score is not None and (best is None or event.score > best[0]):
            best = self._reported[event.job] = (event.score, event.epoch)
        known = self.jobs[event.job]
        job = self.jobs[event.job] = replace(
            known,
            trained=event.epoch,
            max_epochs=event.max_epochs,
            curve=known.curve if best is None else (*known.curve, (event.epoch, best[0])),
            minimised=event.minimised,
        )
        for name in event.promote:
            self._promote(name)
        instructions: list[Instruction] = []
        if event.verdict is not Verdict.GO_ON:
            state = JobState.PRUNED if event.verdict is Verdict.STOP else JobState.PAUSED
            cut = Cut(state, f"after epoch {event.epoch}: {event.reason}")
            self.cuts[job.name] = cut
            instructions.append(CutJob(job.name, cut))
        return instructions + self._next()

    def _promote(self, name: str) -> None:
        """Have a paused job go on; one that is still being paused, once it is.

        In a search that is being stopped it has no effect any more, unless that is resumed.
        """
        cut = self.cuts.get(name)
        if name not in self.paused and (cut is None or cut.state is not JobState.PAUSED):
            return
        self._promoted.add(name)
        if name in self.paused and self.stop is None:
            del self.paused[name]
            job = self.jobs[name] = self.jobs[name].move(JobState.QUEUED)
            ahead = sum(number in self._names for number in self.queue)
            self.queue.insert(ahead, job.recommendation_id)

    def _job_ended(self, event: JobEnded) -> list[Instruction]:
        score, epoch = event.score, event.epoch
        if score is None and event.state in (JobState.PRUNED, JobState.PAUSED):
            score, epoch = self._reported.get(event.job, (None, None))
        self.cuts.pop(event.job, None)
        if event.state is JobState.PAUSED:
            self.paused[event.job] = None
        self.jobs[event.job] = self.jobs[event.job].move(
            event.state,
            ended=event.time,
            score=score,
            epoch=epoch,
            metric=event.metric,
            minimised=event.minimised,
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
        instructions = self._rounds_ended([job]) if job.state.ended else []
        if self.stop is None or not self.stop.abort:
            if job.name in self._told:
                instructions += self._update(job)
            else:
                self._untold[job.name] = job
                instructions.append(TellController(job))
        if job.name in self._promoted:
            self._promote(job.name)
        return instructions + self._next()

    def _rounds_ended(self, jobs: Iterable[Job]) -> list[Instruction]:
        instructions: list[Instruction] = []
        gone = {job.recommendation_id for job in jobs}
        for ids, left in self._rounds:
            left -= gone
            if not left:
                instructions.append(EndRound(ids))
        self._rounds = [item for item in self._rounds if item[1]]
        return instructions

    def _update(self, job: Job) -> list[Instruction]:
        """What the controller is to hear anew of a job that it has been told of as paused."""
        now = (job.state, job.trained)
        old = self._told.get(job.name)
        settled = job.state.ended and job.state is not JobState.INTERRUPTED
        if old is None or old == now or not (settled or job.state is JobState.PAUSED):
            return []
        self._told[job.name] = now
        return [UpdateController(job)]

    def _paused_settled(self, event: PausedSettled) -> list[Instruction]:
        self._settling = False
        for name in event.promoted:
            self._promote(name)
        if event.promoted:
            return self._next()
        gone = [self.jobs[name].move(JobState.PRUNED) for name in self.paused]
        self.jobs.update((job.name, job) for job in gone)
        self.paused.clear()
        updates = [update for job in gone for update in self._update(job)]
        return [GiveUp(tuple(gone)), *self._rounds_ended(gone), *updates, *self._next()]

    def _stop_requested(self, event: StopRequested) -> list[Instruction]:
        self.dropped += [number for number in self.queue if not self._hold_back(number)]
        self.queue = []
        # A signal that comes while the search is stopping makes the end quicker, not milder.
        first = self.stop is None or not self.stop.abort
        if self.stop is None or event.abort:
            self.stop = event
        instructions: list[Instruction] = []
        if event.abort:
            self._untold.clear()
            # One that is being cut is saving already: to be told twice would end it at once.
            jobs = [job.name for job in self.running if not (first and job.name in self.cuts)]
            instructions.append(AbortJobs(tuple(jobs)))
        return instructions + self._next()

    def _hold_back(self, recommendation_id: int) -> bool:
        """Pause a promoted job again that no worker has taken yet, for a resume to promote."""
        name = self._names.get(recommendation_id)
        if name is None or name not in self._promoted:
            return False
        self.jobs[name] = self.jobs[name].move(JobState.PAUSED)
        self.paused[name] = None
        return True

    def _next(self) -> list[Instruction]:
        """Hand out work, or end the run if there is none left and none to come."""
        ready = [name for name in self.idle if not self.workers[name].suspended]
        if self.queue and ready and not self._scheduling:
            self._scheduling = True
            return [Schedule(tuple(self.queue), tuple(ready))]
        busy = any(worker.job is not None for worker in self.workers.values())
        waiting = not self.answered and self.stop is None
        if busy or self.queue or self._untold or waiting or self.ended is not None:
            return []
        aborted = self.stop is not None and self.stop.abort
        if self.paused and not aborted:
            if self._settling:
                return []
            self._settling = True
            return [SettlePaused(tuple(self.paused), ask=self.stop is None)]
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
