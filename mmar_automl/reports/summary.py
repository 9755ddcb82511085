"""Outcomes → one `Report`: the numbers that every form of the report shares."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mmar_automl.defs import FailureClass, Job, JobState, RunState, best_of, natural

_CUT_OFF = (JobState.QUEUED, JobState.RUNNING)


@dataclass(frozen=True, kw_only=True)
class Row:
    """A job as the report tells it, its score as the metric has it.

    `folder` is None once the job's MMAR has been deleted.
    """

    name: str
    state: JobState
    score: float | None
    parameters: Mapping[str, Any]
    folder: Path | None
    seconds: float | None
    worker: str
    gpus: tuple[int, ...]
    metric: str | None
    epoch: int | None
    trained: int | None
    failure: FailureClass | None
    message: str
    tail: str
    values: Mapping[str, Any]
    """As proposed: PRL → index of the choice or number, inactive ones among them."""
    attempt: int
    started: float
    ended: float | None
    minimised: bool


@dataclass(frozen=True, kw_only=True)
class Report:
    """A search, its jobs by score, best first. `best` is a job's name, `folder` the run's.

    Times are seconds since the epoch; `ended` and `seconds` are None while there is no end.
    """

    run_id: str
    state: RunState
    reason: str
    best: str | None
    folder: Path
    rows: tuple[Row, ...]
    dropped: int
    seconds: float | None
    proposed: int
    controller: str
    began: float | None
    ended: float | None

    @property
    def winner(self) -> Row | None:
        """The row of the best job."""
        return next((row for row in self.rows if row.name == self.best), None)

    @property
    def without_winner(self) -> str:
        """What is to be said where no job is the best."""
        if not self.rows and self.state is RunState.FINISHED:
            return "The controller proposed nothing, so no job was started."
        return f"No job has a score{' yet' if self.state is RunState.RUNNING else ''}."

    @property
    def metric(self) -> str:
        """The key metric's name, as the first job that has one tells it."""
        return next((row.metric for row in self.rows if row.metric), "score")

    @property
    def minimised(self) -> bool:
        """Whether less is better."""
        return any(row.minimised for row in self.rows)

    @property
    def scored(self) -> tuple[Row, ...]:
        """The jobs that may have won: trained to their end, or pruned, with a score."""
        ended = (JobState.FINISHED, JobState.PRUNED)
        return tuple(row for row in self.rows if row.score is not None and row.state in ended)


def summarise(
    jobs: Iterable[Job],
    *,
    run_id: str,
    run_root: Path,
    state: RunState,
    reason: str = "",
    dropped: int = 0,
    proposed: int = 0,
    controller: str = "",
    began: float | None = None,
    ended: float | None = None,
) -> Report:
    """The report of a run. Only the folders are looked up on disk; the rest is the journal's.

    In a search that is over, a job without an end is one that was interrupted.
    """
    known = list(jobs)
    best = best_of(known)
    over = state is not RunState.RUNNING
    rows = [
        Row(
            name=job.name,
            state=JobState.INTERRUPTED if over and job.state in _CUT_OFF else job.state,
            score=natural(job.score, job.minimised),
            parameters=job.parameters,
            folder=run_root / job.name if (run_root / job.name).is_dir() else None,
            seconds=job.seconds,
            worker=job.worker,
            gpus=job.gpus,
            metric=job.metric,
            epoch=job.epoch,
            trained=job.trained,
            failure=job.failure,
            message=job.message,
            tail=job.tail,
            values=job.values,
            attempt=job.attempt,
            started=job.started,
            ended=job.ended,
            minimised=job.minimised,
        )
        for job in sorted(known, key=lambda job: (job.score is None, -(job.score or 0.0)))
    ]
    return Report(
        run_id=run_id,
        state=state,
        reason=reason,
        best=best.name if best else None,
        folder=run_root,
        rows=tuple(rows),
        dropped=dropped,
        seconds=None if began is None or ended is None else ended - began,
        proposed=max(proposed, len(known)),
        controller=controller,
        began=began,
        ended=ended,
    )
