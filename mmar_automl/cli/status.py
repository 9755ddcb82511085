"""`mmar-automl status ROOT [RUN]`"""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from mmar_automl.cli.console import out, print_json

if TYPE_CHECKING:
    from mmar_automl.app.status import Status, WorkerStatus

_EXAMPLES = (
    "Examples:  mmar-automl status sample_mmar  ·  mmar-automl status sample_mmar run_b --json  ·  "
    "watch mmar-automl status sample_mmar"
)
_COLOURS = {"running": "cyan", "finished": "green", "failed": "red"}


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("status", epilog=_EXAMPLES)(status)


def status(
    root: Annotated[Path, typer.Argument(help="The MMAR's folder.", show_default=False)],
    run_id: Annotated[
        str | None,
        typer.Argument(
            metavar="RUN", help="Which search; the latest by default.", show_default=False
        ),
    ] = None,
    json_: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """How a search stands: its workers and jobs, the best so far, why anything waits.

    Read from the search's journal and the jobs' folders, in any terminal, whether the search
    lives or not. LOG GREW tells when a job last wrote anything: one that hangs shows there.
    """
    from mmar_automl.app.status import read_status, to_json

    now = time.time()
    found = read_status(root, run_id, now)
    if json_:
        print_json(to_json(found))
    else:
        _print(found, now, out)


def _print(status: Status, now: float, console: Console) -> None:
    from mmar_automl.engine.admin import clock
    from mmar_automl.handlers.progress import duration

    line = Text(f"{status.run_id}: ", style="bold")
    line.append(str(status.state), style=_COLOURS.get(str(status.state), "yellow"))
    if status.since is not None:
        line.append(f" since {clock(status.since)} ({duration(max(0.0, now - status.since))})")
    if status.holder is not None:
        line.append(f", pid {status.holder.pid}")
        line.append("" if status.holder.here else f" on {status.holder.host}")
    console.print(line, soft_wrap=True)
    lines = [f"stopping: {status.stopping}"] if status.stopping else []
    lines.append(_counts(status))
    if status.best is not None and status.best.score is not None:
        epoch = f" at epoch {status.best.epoch}" if status.best.epoch is not None else ""
        metric = status.best.metric or "score"
        lines.append(f"best {status.best.score:.4f} {metric}{epoch}: {status.best.name}")
    if status.seconds_left is not None:
        lines.append(f"about {duration(status.seconds_left)} left for what is proposed so far")
    for text in lines:
        console.print(Text(f"  {text}"), soft_wrap=True)
    if status.workers:
        console.print()
        console.print(_table(status.workers, now))
    if status.notes:
        console.print()
    for note in status.notes:
        console.print(Text(note, style="yellow"), soft_wrap=True)


def _counts(status: Status) -> str:
    """`3 of 10 ended (2 finished, 1 failed), 2 running, 5 wait`"""
    ended = {state: count for state, count in status.jobs.items() if state.ended}
    by_state = ", ".join(f"{n} {str(state).replace('_', ' ')}" for state, n in ended.items())
    parts = [f"{sum(ended.values())} of {status.proposed} ended"]
    parts[0] += f" ({by_state})" if by_state else ""
    running = sum(count for state, count in status.jobs.items() if str(state) == "running")
    if running:
        parts.append(f"{running} {'running' if status.workers else 'without an end'}")
    if status.queued:
        parts.append(f"{status.queued} wait{'s' if status.queued == 1 else ''}")
    if status.dropped:
        parts.append(f"{status.dropped} never started")
    return ", ".join(parts)


def _table(workers: tuple[WorkerStatus, ...], now: float) -> Table:
    from mmar_automl.engine.admin import gpu_list
    from mmar_automl.handlers.progress import duration

    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    for name in ("NAME", "GPUS", "STATE", "JOB", "RUNNING", "LOG GREW", "EPOCH", "METRIC"):
        table.add_column(name, no_wrap=True)
    for worker in workers:
        table.add_row(
            Text(worker.name),
            gpu_list(worker.gpus),
            Text(worker.state, style={"busy": "cyan", "suspended": "yellow"}.get(worker.state, "")),
            Text(worker.job or "–"),
            "–" if worker.since is None else duration(max(0.0, now - worker.since)),
            "–" if worker.log_grew is None else f"{duration(max(0.0, now - worker.log_grew))} ago",
            "–" if worker.epoch is None else str(worker.epoch),
            "–" if worker.metric is None else f"{worker.metric:.4f}",
        )
    return table
