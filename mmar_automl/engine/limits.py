"""When a search has had enough. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from typing import Any

from mmar_automl.defs import POLICIES, Job, JobState, natural
from mmar_automl.engine.events import Event, JobEnded


@dataclass(frozen=True, kw_only=True)
class Limits:
    """What a search may take. `max_time` is in seconds, of this process; None for no limit.

    `target_score` is the metric's own value. `patience` jobs in a row that improve the best score
    by no more than `min_delta` end the search. `retries` is how often a job is tried again whose
    failure is not its configuration's fault. `max_consecutive_failures` identical failures, with
    no success before them, end the search.
    """

    max_time: float | None = None
    max_jobs: int | None = None
    target_score: float | None = None
    patience: int | None = None
    min_delta: float = 0.0
    retries: int = 1
    max_consecutive_failures: int = 5

    def told(self) -> dict[str, Any]:
        """Those that somebody asked for."""
        values = {item.name: getattr(self, item.name) for item in fields(self)}
        return {name: value for name, value in values.items() if value != _PLAIN[name]}


_PLAIN = {item.name: item.default for item in fields(Limits)}


class Plateau:
    """Counts the jobs since the best score was last improved by more than `min_delta`.

    A job counts once, paused or ended; one that says nothing about its configuration does not.
    """

    def __init__(self, limits: Limits, history: Iterable[Event] = ()) -> None:
        self._patience = limits.patience
        self._min_delta = limits.min_delta
        self._best: float | None = None
        self._since = 0
        self._counted: set[str] = set()
        for event in history:
            if isinstance(event, JobEnded):
                self.add(event)

    def add(self, ended: JobEnded) -> str:
        """Take in the end of a job; why the search has had enough, or nothing."""
        if self._patience is None or not _tells(ended):
            return ""
        if ended.job not in self._counted:
            self._counted.add(ended.job)
            self._since += 1
        score = ended.score
        if score is not None and (self._best is None or score > self._best + self._min_delta):
            self._best, self._since = score, 0
        if self._since < self._patience:
            return ""
        by = f" of more than {self._min_delta:g}" if self._min_delta else ""
        return f"{self._since} jobs in a row brought no improvement{by}"


def _tells(ended: JobEnded) -> bool:
    if ended.state is JobState.FAILED:
        return ended.failure is not None and POLICIES[ended.failure].observation
    return ended.state is not JobState.INTERRUPTED


def reached(job: Job, target: float | None) -> str:
    """Why a search that wants this score has it, or nothing."""
    if target is None or job.score is None:
        return ""
    if job.score < (-target if job.minimised else target):
        return ""
    return (
        f"{job.name} reached the target score {target:g} with {natural(job.score, job.minimised):g}"
    )


def hopeless(jobs: Sequence[Job], most: int) -> str:
    """Why it is no use going on: the last `most` jobs failed alike and none has ended well.

    Empty while there is hope.
    """
    if any(job.state in (JobState.FINISHED, JobState.PRUNED, JobState.PAUSED) for job in jobs):
        return ""
    ended = sorted((job for job in jobs if job.ended is not None), key=lambda job: job.ended or 0.0)
    last = [job for job in ended if job.state is JobState.FAILED][-most:]
    if len(last) < most or len({(job.failure, job.message) for job in last}) > 1:
        return ""
    end = last[-1].tail.strip().splitlines()
    return f"{most} jobs failed alike: {last[-1].message}" + (f"; {end[-1]}" if end else "")
