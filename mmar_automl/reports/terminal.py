"""The report as a table, for a terminal of any width and for a pipe."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.measure import Measurement
from rich.table import Table

from mmar_automl.defs import JobState, RunState
from mmar_automl.reports import evidence
from mmar_automl.reports.summary import Report, Row
from mmar_automl.reports.words import duration

_COLOURS = {
    JobState.FINISHED: "green",
    JobState.RUNNING: "cyan",
    JobState.FAILED: "red",
    JobState.INTERRUPTED: "yellow",
    JobState.FINISHED_NO_SCORE: "yellow",
    JobState.PAUSED: "yellow",
    JobState.PRUNED: "yellow",
}


def print_report(report: Report, console: Console) -> None:
    """Jobs by score with their parameters, then what failed and why."""
    metric = report.metric
    table = _table(report, metric, apart=True)
    unbounded = console.options.update(max_width=10_000)
    if Measurement.get(console, unbounded, table).minimum > console.width:
        table = _table(report, metric, apart=False)
    console.print(table)
    console.print(f"folders: {escape(_short(report.folder))}{os.sep}")
    console.print(_verdict(report, metric))
    line = evidence.in_a_line(evidence.weigh(report))
    if line:
        console.print(line, soft_wrap=True)
    for row in report.rows:
        if row.state in (JobState.FAILED, JobState.FINISHED_NO_SCORE):
            _explain(row, console)
    cut = [row for row in report.rows if row.state in (JobState.PAUSED, JobState.PRUNED)]
    for row in cut:
        console.print(escape(f"{row.name} {row.state} {row.message}"))


def print_comparison(reports: Sequence[Report], console: Console) -> None:
    """Several searches side by side, a line each, and what their winners' values are."""
    table = Table(header_style="bold")
    for title in ("run", "state", "jobs", "failed", "best", "at epoch", "took", "winner"):
        table.add_column(title, overflow="fold")
    for report in reports:
        winner = report.winner
        table.add_row(
            escape(report.run_id),
            str(report.state),
            str(len(report.rows)),
            str(sum(row.state is JobState.FAILED for row in report.rows)),
            "–" if winner is None else f"{winner.score:.4f}",
            "–" if winner is None or winner.epoch is None else str(winner.epoch),
            "–" if report.seconds is None else duration(report.seconds),
            "–" if winner is None else escape(f"{winner.name}: {_values(winner.parameters)}"),
        )
    console.print(table)
    metrics = {(report.metric, report.minimised) for report in reports if report.winner}
    if len(metrics) > 1:
        names = ", ".join(sorted(name for name, _ in metrics))
        console.print(f"These are different metrics: {escape(names)}.", style="yellow")
    for report in reports:
        line = evidence.in_a_line(evidence.weigh(report))
        if line:
            console.print(escape(f"{report.run_id}: {line}"), soft_wrap=True)


def _table(report: Report, metric: str, *, apart: bool) -> Table:
    """`apart`: a column for each parameter; else all of them in one, which any width can take."""
    names = list(dict.fromkeys(name for row in report.rows for name in row.parameters))
    table = Table(
        title=f"{escape(report.run_id)}: {report.state}", title_justify="left", header_style="bold"
    )
    table.add_column(escape(metric), justify="right", no_wrap=True)
    table.add_column("state", no_wrap=True)
    table.add_column("time", justify="right", no_wrap=True)
    if apart:
        for name in names:
            table.add_column(escape(name), no_wrap=True)
    else:
        table.add_column("parameters", overflow="fold", ratio=1)
    table.add_column("folder", no_wrap=True)
    for row in report.rows:
        colour = _COLOURS.get(row.state, "none")
        values = (
            [escape(_value(row.parameters[n])) if n in row.parameters else "–" for n in names]
            if apart
            else [escape(_values(row.parameters))]
        )
        best = row.name == report.best
        table.add_row(
            "–" if row.score is None else f"{row.score:.4f}",
            f"[{colour}]{str(row.state).replace('_', ' ')}[/]",
            "–" if row.seconds is None else f"{row.seconds:.0f} s",
            *values,
            f"{row.name}{' (deleted)' if row.folder is None else ''}{' *' if best else ''}",
            style="bold" if best else "",
        )
    return table


def _verdict(report: Report, metric: str) -> str:
    best = next((row for row in report.rows if row.name == report.best), None)
    if best is None:
        line = report.without_winner
    else:
        epoch = f" at epoch {best.epoch}" if best.epoch is not None else ""
        line = f"* best: {best.name}, {escape(metric)} {best.score:.4f}{epoch}."
    failed = sum(row.state is JobState.FAILED for row in report.rows)
    if failed:
        line += f" {failed} of {len(report.rows)} jobs failed."
    if report.dropped:
        line += f" {report.dropped} proposed configurations were never started."
    if report.reason and report.state not in (RunState.FINISHED, RunState.RUNNING):
        line += f" The search ended early: {escape(report.reason.rstrip('.'))}."
    return line


def _explain(row: Row, console: Console) -> None:
    log = "" if row.folder is None else f" ({_short(row.folder / 'log.txt')})"
    state = str(row.state).replace("_", " ")
    kind = "" if row.failure is None else f" ({str(row.failure).replace('_', ' ')})"
    console.print(escape(f"{row.name} {state}{kind}: {row.message}{log}"))
    for line in row.tail.splitlines()[-3:]:
        console.print(escape(f"    {line}"), overflow="ellipsis", no_wrap=True)


def _values(parameters: Mapping[str, Any]) -> str:
    return "; ".join(f"{name} {_value(value)}" for name, value in parameters.items())


def _value(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.4g}"
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _short(path: Path) -> str:
    """Relative to where the reader stands, if that is shorter."""
    relative = os.path.relpath(path)
    return relative if len(relative) < len(str(path)) else str(path)
