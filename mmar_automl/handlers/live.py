"""The search as a person watches it: a view on a terminal, or every validation as a line."""

from __future__ import annotations

import threading
import time
from collections import deque
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from mmar_automl.defs import Context, ContextKey, finite
from mmar_automl.handlers.progress import ProgressHandler, describe_values, duration
from mmar_automl.jobs.result import read_progress
from mmar_automl.mmar.layout import MmarLayout, RunLayout

_EVENTS = 4
_WORKERS = 12
"""So many workers have a line: the view must fit a terminal, also that of a large machine."""
_OTHERS = 52
"""Columns that all but a job's values take."""
_LOOK = 2.0


@dataclass
class Running:
    """A job under way, and how much of its progress file was told."""

    name: str
    worker: str
    layout: MmarLayout
    values: str
    began: float = field(default_factory=time.time)
    told: int = 0


class _Watching(ProgressHandler):
    """Knows which jobs are under way."""

    def __init__(self, say: Any) -> None:
        super().__init__(say)
        self._running: dict[str, Running] = {}
        self._lock = threading.Lock()

    def start_job(self, ctx: Context) -> None:
        super().start_job(ctx)
        self._add(ctx)

    def resume_job(self, ctx: Context) -> None:
        super().resume_job(ctx)
        self._add(ctx)

    def pause_job(self, ctx: Context) -> None:
        self._remove(ctx)
        super().pause_job(ctx)

    def end_job(self, ctx: Context) -> None:
        self._remove(ctx)
        super().end_job(ctx)

    def close(self) -> None:
        """Let go of the terminal; also after a fault, and more than once."""

    def _add(self, ctx: Context) -> None:
        name = ctx.get_prop(ContextKey.JOB_NAME)
        layout = RunLayout(Path(ctx.get_prop(ContextKey.AUTOML_ROOT))).job(name)
        values = describe_values(ctx.get_prop(ContextKey.NAMED_VALUES))
        with self._lock:
            self._running[name] = Running(
                name, ctx.get_prop(ContextKey.WORKER_NAME), layout, values
            )

    def _remove(self, ctx: Context) -> None:
        with self._lock:
            self._running.pop(ctx.get_prop(ContextKey.JOB_NAME), None)

    def _under_way(self) -> list[Running]:
        with self._lock:
            return list(self._running.values())


class LiveView(_Watching):
    """Workers, queue, best, time left and the last events, redrawn each second at the bottom.

    A job's end stays above it for good, like everything else that is printed meanwhile.
    """

    def __init__(self, console: Console) -> None:
        super().__init__(self._note)
        self._console = console
        self._run_id = ""
        self._keep = False
        self._workers: list[str] = []
        self._events: deque[str] = deque(maxlen=_EVENTS)
        self._live = Live(
            console=console,
            get_renderable=self.render,
            refresh_per_second=1,
            transient=True,
            redirect_stdout=False,
            redirect_stderr=False,
        )

    def start_automl(self, ctx: Context) -> None:
        """Show the view."""
        self._run_id = str(ctx.get_prop(ContextKey.RUN_ID))
        self._workers = [worker.name for worker in ctx.get_prop(ContextKey.WORKERS, [])]
        self._live.start()

    def end_job(self, ctx: Context) -> None:
        """Its lines stay."""
        self._keep = True
        super().end_job(ctx)
        self._keep = False

    def shutdown(self, ctx: Context) -> None:
        """The view goes; what follows is the report."""
        self.close()

    def close(self) -> None:
        """Give the terminal back."""
        self._live.stop()

    def render(self) -> RenderableType:
        """The view as it is now."""
        now = time.time()
        running = self._under_way()
        with self._lock:
            events = list(self._events)
        parts: list[RenderableType] = [self._headline(len(running)), self._table(running, now)]
        parts += [Text(line, style="dim", no_wrap=True, overflow="ellipsis") for line in events]
        return Group(*parts)

    def _note(self, line: str) -> None:
        if self._keep:
            self._console.print(Text(line), soft_wrap=True)
        if line.startswith(" "):
            # The end of a log belongs above, not among the events.
            return
        with self._lock:
            self._events.append(f"{time.strftime('%H:%M:%S')} {line}")

    def _headline(self, running: int) -> Text:
        wait = max(0, self._proposed - self._ended - running)
        parts = [f"{self._ended}/{self._proposed} ended, {running} running, {wait} waiting"]
        if self._best:
            parts.append(f"best {self._best[2]} ({self._best[1]})")
        left = self._proposed - self._ended
        if left > 0 and self._ended:
            parts.append(f"about {duration(self._left(left))} left")
        text = Text(f"{self._run_id}  ", style="bold", no_wrap=True, overflow="ellipsis")
        return text.append(" · ".join(parts), style="not bold")

    def _left(self, jobs: int) -> float:
        """Seconds that so many jobs take if they take what the others did, less what they took."""
        mean = self._seconds / self._ended
        now = time.time()
        done = sum(min(mean, max(0.0, now - job.began)) for job in self._under_way())
        return (mean * jobs - done) / max(1, min(len(self._workers) or 1, jobs))

    def _table(self, running: list[Running], now: float) -> Table:
        table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
        for name in ("WORKER", "JOB", "TIME", "EPOCH", "METRIC"):
            table.add_column(name, no_wrap=True)
        table.add_column("VALUES", no_wrap=True)
        # Cut here: to fit, rich would take from every column.
        rest = max(10, self._console.width - _OTHERS)
        by_worker = {job.worker: job for job in running}
        shown = self._workers or list(by_worker)
        for worker in shown[:_WORKERS]:
            job = by_worker.get(worker)
            if job is None:
                table.add_row(Text(worker), "–", "", "", "", Text("idle", style="dim"))
                continue
            lines = read_progress(job.layout)
            last = lines[-1] if lines else {}
            metric, epoch = finite(last.get("metric")), last.get("epoch")
            table.add_row(
                Text(worker),
                Text(job.name, style="cyan"),
                duration(max(0.0, now - job.began)),
                str(epoch) if isinstance(epoch, int) else "–",
                "–" if metric is None else f"{metric:.4f}",
                Text(job.values if len(job.values) <= rest else f"{job.values[: rest - 1]}…"),
            )
        if len(shown) > _WORKERS:
            table.add_row(f"… {len(shown) - _WORKERS} more", "", "", "", "", "")
        return table


class EveryValidation(_Watching):
    """`--verbose`: the plain lines, and one for each validation of each job."""

    def __init__(self, say: Any) -> None:
        super().__init__(say)
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._work, name="verbose", daemon=True)

    def start_automl(self, ctx: Context) -> None:
        """Begin to look."""
        self._thread.start()

    def end_job(self, ctx: Context) -> None:
        """What it wrote last comes before its end."""
        name = ctx.get_prop(ContextKey.JOB_NAME)
        for job in self._under_way():
            if job.name == name:
                self._tell(job)
        super().end_job(ctx)

    def shutdown(self, ctx: Context) -> None:
        """Look no more."""
        self.close()

    def close(self) -> None:
        """Look no more."""
        self._end.set()

    def _work(self) -> None:
        while not self._end.wait(_LOOK):
            for job in self._under_way():
                self._tell(job)

    def _tell(self, job: Running) -> None:
        lines = read_progress(job.layout)
        with self._lock:
            # A training that begins anew has taken its lines back.
            fresh = lines[job.told :] if job.told <= len(lines) else lines
            job.told = len(lines)
        for line in fresh:
            values = {k: v for k, v in line.items() if finite(v) is not None}
            epoch = values.pop("epoch", "?")
            for key in ("seconds", "time"):
                values.pop(key, None)
            self._say(f"{job.name} epoch {epoch}: {describe_values(values)}")
