"""What the core wants done: the answers of `EngineState.handle`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Union

from mmar_automl.defs import Job, RunState


@dataclass(frozen=True)
class Schedule:
    """Ask the scheduler which waiting recommendation goes to which idle worker."""

    queue: tuple[int, ...]
    idle: tuple[str, ...]


@dataclass(frozen=True)
class StartJob:
    """Start this job's thread."""

    job: Job


@dataclass(frozen=True)
class TellController:
    """Tell the controller what came of this job, and take its next recommendations."""

    job: Job


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


Instruction = Union[Schedule, StartJob, TellController, EndRound, AbortJobs, EndRun]
