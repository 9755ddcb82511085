"""The thread that looks at running jobs, so that MLflow shows them while they train."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from mmar_automl.defs import Job
from mmar_automl.handlers.mlflow.jobs import curves
from mmar_automl.handlers.mlflow.machine import Sampler
from mmar_automl.handlers.mlflow.notes import Step, Steps
from mmar_automl.jobs.result import read_progress
from mmar_automl.mmar.layout import MmarLayout

_LOOK = 2.0
_SAMPLE = 5.0
_ENOUGH = 2000
"""Notes that wait during an outage, after which no more are made: a job's end has them all."""


@dataclass
class _Watched:
    job: Job
    layout: MmarLayout
    sampler: Sampler
    began: float = field(default_factory=time.monotonic)
    sampled: float = 0.0
    size: int = -1


class Watch:
    """Notes what running jobs write, and samples them. `errands` are done first, in the thread."""

    def __init__(self, notes: queue.SimpleQueue[Any], errands: Callable[[], None]) -> None:
        self._notes = notes
        self._errands = errands
        self._watched: dict[str, _Watched] = {}
        self._lock = threading.Lock()
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._work, name="mlflow-watch", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """No more notes after this."""
        self._end.set()
        self._thread.join(15.0)

    def add(self, job: Job, layout: MmarLayout) -> None:
        """Look at a job from now on."""
        with self._lock:
            self._watched[job.name] = _Watched(job, layout, Sampler(layout, job.gpus))

    def remove(self, name: str) -> None:
        """A job has ended: what comes after its run was closed would open nothing again."""
        with self._lock:
            self._watched.pop(name, None)

    def _work(self) -> None:
        self._errands()
        while not self._end.wait(_LOOK):
            with self._lock:
                names = list(self._watched)
            for name in names:
                watched = self._watched.get(name)
                steps = () if watched is None else tuple(self._look(watched))
                # A job that ended meanwhile has noted everything by itself.
                with self._lock:
                    if steps and name in self._watched and self._notes.qsize() < _ENOUGH:
                        self._notes.put(Steps(name, steps))

    def _look(self, watched: _Watched) -> list[Step]:
        steps: list[Step] = []
        now = time.monotonic()
        # Ever more seldom: a job of a day needs no sample every five seconds.
        if now - watched.sampled >= max(_SAMPLE, (now - watched.began) / 200):
            watched.sampled = now
            steps += watched.sampler.sample()
        try:
            size = watched.layout.progress.stat().st_size
        except OSError:
            size = -1
        if size != watched.size:
            watched.size = size
            lines = read_progress(watched.layout)
            steps += curves(watched.layout, lines, watched.job.started)
        return steps
