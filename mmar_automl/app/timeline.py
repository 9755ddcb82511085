"""A journal → who worked on what, when, and what that cost."""

from __future__ import annotations

import dataclasses
import itertools
from collections import defaultdict
from collections.abc import Iterable, Sequence

from mmar_automl.defs import JobState
from mmar_automl.engine.events import (
    Event,
    JobAssigned,
    JobEnded,
    JobRetried,
    RunEnded,
    RunResumed,
    RunStarted,
)
from mmar_automl.reports.record import Cost, Life, Span, WorkerTime


def lives(events: Sequence[Event], now: float | None) -> tuple[Life, ...]:
    """The processes of a search; one that is gone without a word lived to its last event.

    `now` is given while the last of them lives.
    """
    found: list[Life] = []
    began: RunStarted | RunResumed | None = None
    last = 0.0
    for event in events:
        if isinstance(event, (RunStarted, RunResumed)):
            if began is not None:
                found.append(_life(began, last))
            began = event
        last = event.time
        if isinstance(event, RunEnded) and began is not None:
            found.append(_life(began, event.time))
            began = None
    if began is not None:
        found.append(_life(began, last if now is None else max(now, last)))
    return tuple(found)


def _life(began: RunStarted | RunResumed, end: float) -> Life:
    return Life(began.time, max(end, began.time), began.workers, began.version, began.host)


def spans(events: Sequence[Event], alive: bool) -> tuple[Span, ...]:
    """Every attempt of every job, in the order in which they began.

    An attempt that was cut by the end of its search's process ends with that process's last
    event. Of a search that is not `alive` nothing is left open.
    """
    found: list[Span] = []
    open_: dict[str, Span] = {}
    gpus: dict[str, tuple[int, ...]] = {}
    attempts: dict[str, int] = defaultdict(int)
    last = 0.0

    def close(job: str, end: float, state: JobState, *, known: bool = True) -> Span | None:
        span = open_.pop(job, None)
        if span is not None:
            found.append(dataclasses.replace(span, end=end, state=state, known=known))
        return span

    def begin(job: str, worker: str, start: float) -> None:
        attempts[job] += 1
        open_[job] = Span(
            worker, job, attempts[job], start, None, JobState.RUNNING, gpus.get(worker, ())
        )

    for event in events:
        if isinstance(event, (RunStarted, RunResumed)):
            for job in list(open_):
                close(job, last, JobState.INTERRUPTED, known=False)
            gpus = dict(event.workers)
        elif isinstance(event, JobAssigned):
            begin(event.job, event.worker, event.time)
        elif isinstance(event, JobRetried):
            before = close(event.job, event.time, JobState.FAILED)
            if before is not None:
                begin(event.job, before.worker, event.time)
        elif isinstance(event, JobEnded):
            close(event.job, event.time, event.state)
        last = event.time
    if not alive:
        for job in list(open_):
            close(job, last, JobState.INTERRUPTED, known=False)
    return tuple(sorted([*found, *open_.values()], key=lambda span: span.start))


def cost(all_spans: Sequence[Span], all_lives: Sequence[Life], now: float) -> Cost:
    """What the attempts took, by worker and in all."""
    names = list(dict.fromkeys(name for life in all_lives for name, _ in life.workers))
    taken = [(span, span.end if span.end is not None else max(now, span.start))
             for span in all_spans]  # fmt: skip
    tried = {(span.job, span.attempt) for span in all_spans}
    gpus: dict[int, list[tuple[float, float]]] = defaultdict(list)
    for span, end in taken:
        for gpu in span.gpus:
            gpus[gpu].append((span.start, end))
    return Cost(
        elapsed=sum(life.end - life.start for life in all_lives),
        busy=sum(end - span.start for span, end in taken),
        gpu=sum(_covered(intervals) for intervals in gpus.values()),
        retried=sum(
            end - span.start for span, end in taken if (span.job, span.attempt + 1) in tried
        ),
        workers=tuple(_worker(name, taken, all_lives) for name in names),
    )


def _worker(
    name: str, taken: Iterable[tuple[Span, float]], all_lives: Sequence[Life]
) -> WorkerTime:
    mine = [(span, end) for span, end in taken if span.worker == name]
    own = [life for life in all_lives if name in dict(life.workers)]
    busy = _covered([(span.start, end) for span, end in mine])
    alive = sum(life.end - life.start for life in own)
    gaps = [0.0]
    for life in own:
        within = sorted((span.start, end) for span, end in mine if life.start <= span.start)
        edges = [(life.start, life.start), *(w for w in within if w[0] <= life.end)]
        edges.append((life.end, life.end))
        gaps += [after[0] - before[1] for before, after in itertools.pairwise(edges)]
    return WorkerTime(
        name=name,
        gpus=dict(own[-1].workers)[name] if own else (),
        jobs=len({span.job for span, _ in mine}),
        busy=busy,
        idle=max(0.0, alive - busy),
        longest_gap=max(gaps),
    )


def _covered(intervals: Iterable[tuple[float, float]]) -> float:
    """How long at least one of these lasted."""
    total, reached = 0.0, float("-inf")
    for start, end in sorted(intervals):
        total += max(0.0, end - max(start, reached))
        reached = max(reached, end)
    return total
