"""When a search has had enough. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from mmar_automl.defs import Job, JobState


@dataclass(frozen=True, kw_only=True)
class Limits:
    """What a search may take. `max_time` is in seconds, of this process; None for no limit.

    `retries` is how often a job is tried again whose failure is not its configuration's fault.
    `max_consecutive_failures` identical failures, with no success before them, end the search.
    """

    max_time: float | None = None
    max_jobs: int | None = None
    target_score: float | None = None
    retries: int = 1
    max_consecutive_failures: int = 5


def hopeless(jobs: Sequence[Job], most: int) -> str:
    """Why it is no use going on: the last `most` jobs failed alike and none has ended well.

    Empty while there is hope.
    """
    if any(job.state in (JobState.FINISHED, JobState.PRUNED) for job in jobs):
        return ""
    ended = sorted((job for job in jobs if job.ended is not None), key=lambda job: job.ended or 0.0)
    last = [job for job in ended if job.state is JobState.FAILED][-most:]
    if len(last) < most or len({(job.failure, job.message) for job in last}) > 1:
        return ""
    end = last[-1].tail.strip().splitlines()
    return f"{most} jobs failed alike: {last[-1].message}" + (f"; {end[-1]}" if end else "")
