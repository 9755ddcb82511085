"""Outcomes → one `Report`: the numbers that every form of the report shares."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mmar_automl.defs import FailureClass, Job, JobState, RunState, best_of, natural


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
    failure: FailureClass | None
    message: str
    tail: str


@dataclass(frozen=True, kw_only=True)
class Report:
    """A search, its jobs by score, best first. `best` is a job's name, `folder` the run's."""

    run_id: str
    state: RunState
    reason: str
    best: str | None
    folder: Path
    rows: tuple[Row, ...]
    dropped: int
    seconds: float | None


def summarise(
    jobs: Iterable[Job],
    *,
    run_id: str,
    run_root: Path,
    state: RunState,
    reason: str = "",
    dropped: int = 0,
    seconds: float | None = None,
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
            state=JobState.INTERRUPTED if over and not job.state.ended else job.state,
            score=natural(job.score, job.minimised),
            parameters=job.parameters,
            folder=run_root / job.name if (run_root / job.name).is_dir() else None,
            seconds=job.seconds,
            worker=job.worker,
            gpus=job.gpus,
            metric=job.metric,
            epoch=job.epoch,
            failure=job.failure,
            message=job.message,
            tail=job.tail,
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
        seconds=seconds,
    )


def to_json(report: Report) -> dict[str, Any]:
    """The report for a script: strict JSON, a missing score or folder is null."""
    return {
        "run_id": report.run_id,
        "state": str(report.state),
        "best": report.best,
        "jobs": [
            {
                "name": row.name,
                "state": str(row.state),
                "score": row.score,
                "parameters": dict(row.parameters),
                "folder": None if row.folder is None else str(row.folder),
                "seconds": row.seconds,
                "worker": row.worker,
                "gpus": list(row.gpus),
                "failure": None if row.failure is None else str(row.failure),
                "message": row.message,
            }
            for row in report.rows
        ],
    }
