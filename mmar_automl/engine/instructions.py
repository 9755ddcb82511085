"""What the core wants done: the answers of `EngineState.handle`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Union

from mmar_automl.defs import Job, JobState, RunState


@dataclass(frozen=True)
class Schedule:
    """Ask the scheduler which waiting recommendation goes to which idle worker."""

    queue: tuple[int, ...]
    idle: tuple[str, ...]


@dataclass(frozen=True)
class Cut:
    """What a pruner has decided about a running job: it ends as pruned, or comes to be paused."""

    state: JobState
    reason: str


@dataclass(frozen=True)
class StartJob:
    """Start this job's thread. `cut`: only to end it, as was decided before the search died."""

    job: Job
    cut: Cut | None = None


@dataclass(frozen=True)
class CutJob:
    """End this running job: it is pruned or paused."""

    job: str
    cut: Cut


@dataclass(frozen=True)
class TellController:
    """Tell the controller what came of this job, and take its next recommendations."""

    job: Job


@dataclass(frozen=True)
class UpdateController:
    """Tell the controller what became of a job of which it has heard while that was paused."""

    job: Job


@dataclass(frozen=True)
class SettlePaused:
    """Ask which paused jobs go on: nothing else runs or waits. `ask`: the pruner, too."""

    paused: tuple[str, ...]
    ask: bool


@dataclass(frozen=True)
class GiveUp:
    """These jobs were paused and are pruned now: tell the executor and the handlers."""

    jobs: tuple[Job, ...]


@dataclass(frozen=True)
class EndRound:
    """Every recommendation of one answer of the controller has ended."""

    recommendation_ids: tuple[int, ...]


@dataclass(frozen=True)
class AbortJobs:
    """End these running jobs now."""

    jobs: tuple[str, ...]


@dataclass(frozen=True)
class EndRun:
    """Nothing is left to do."""

    state: RunState
    reason: str


Instruction = Union[
    Schedule,
    StartJob,
    CutJob,
    TellController,
    UpdateController,
    SettlePaused,
    GiveUp,
    EndRound,
    AbortJobs,
    EndRun,
]
