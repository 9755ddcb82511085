"""Everything that a page tells of one search: plain values, gathered by `app.record`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from mmar_automl.defs import JobState, SearchSpace
from mmar_automl.reports.summary import Report
from mmar_automl.search.diff import Change


@dataclass(frozen=True)
class Span:
    """An attempt of a job on a worker. `end` is None while it runs; `known` is False where
    nobody saw the end, so that it is the last sign of the search."""

    worker: str
    job: str
    attempt: int
    start: float
    end: float | None
    state: JobState
    gpus: tuple[int, ...] = ()
    known: bool = True


@dataclass(frozen=True)
class Life:
    """A process of a search: from when to when it could give work to its workers."""

    start: float
    end: float
    workers: tuple[tuple[str, tuple[int, ...]], ...]
    version: str
    host: str


@dataclass(frozen=True)
class WorkerTime:
    """How a worker spent the time in which the search lived, in seconds."""

    name: str
    gpus: tuple[int, ...]
    jobs: int
    busy: float
    idle: float
    longest_gap: float


@dataclass(frozen=True, kw_only=True)
class Cost:
    """What a search took, in seconds. A GPU that workers share counts once."""

    elapsed: float
    busy: float
    gpu: float
    retried: float
    """Of `busy`, what went into attempts that were tried again."""
    workers: tuple[WorkerTime, ...]


@dataclass(frozen=True)
class Point:
    """A validation of a training; None for what was no finite number or was not told."""

    epoch: float
    metric: float | None
    loss: float | None = None


@dataclass(frozen=True, kw_only=True)
class Record:
    """A search as its files tell it at the time `now`.

    `base` is the training config as it was when the search began, `space` what was searched in
    it; None where that cannot be read any more. `changes` is what the best job changed in `base`.
    `curves` are the validations by job. `facts` are short answers, by question; `notes` tell what
    could not be read. `tensorboard` is the folder, below the MMAR's, in which TensorBoard finds
    something, or nothing.
    """

    mmar: str
    report: Report
    now: float
    spans: tuple[Span, ...]
    lives: tuple[Life, ...]
    cost: Cost
    base: Mapping[str, Any] | None = None
    automl: Mapping[str, Any] | None = None
    overrides: Mapping[str, Any] = field(default_factory=dict)
    space: SearchSpace | None = None
    changes: Sequence[Change] | None = None
    curves: Mapping[str, Sequence[Point]] = field(default_factory=dict)
    facts: Mapping[str, str] = field(default_factory=dict)
    tensorboard: str = ""
    notes: Sequence[str] = ()
