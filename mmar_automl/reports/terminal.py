"""The report as a table, for a terminal of any width and for a pipe."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from mmar_automl.defs import JobState
from mmar_automl.reports.summary import Report, Row

_COLOURS = {
    JobState.FINISHED: "green",
    JobState.RUNNING: "cyan",
    JobState.FAILED: "red",
    JobState.INTERRUPTED: "yellow",
    JobState.FINISHED_NO_SCORE: "yellow",
    JobState.PRUNED: "yellow",
}


def print_report(report: Report, console: Console) -> None:
    """Jobs by score with their parameters, then what failed and why."""
    metric = next((row.metric for row in report.rows if row.metric), "score")
    table = Table(title=f"{report.run_id}: {report.state}", title_justify="left", expand=False)
    for name in ("job", metric, "state", "time", "parameters", "folder"):
        numeric = name in (metric, "time")
        table.add_column(name, justify="right" if numeric else "left", no_wrap=numeric)
    for row in report.rows:
        colour = _COLOURS.get(row.state, "")
        table.add_row(
            f"[bold]{row.name} *[/bold]" if row.name == report.best else row.name,
            "–" if row.score is None else f"{row.score:.4f}",
            f"[{colour}]{str(row.state).replace('_', ' ')}[/{colour}]" if colour else row.state,
            "–" if row.seconds is None else f"{row.seconds:.0f} s",
            escape(_values(row.parameters)),
            escape("deleted" if row.folder is None else _short(row.folder)),
        )
    console.print(table)
    console.print(_verdict(report, metric), highlight=False)
    for row in report.rows:
        if row.state in (JobState.FAILED, JobState.FINISHED_NO_SCORE):
            _explain(row, console)


def _verdict(report: Report, metric: str) -> str:
    best = next((row for row in report.rows if row.name == report.best), None)
    if best is None:
        line = "No job has a score."
    else:
        epoch = f" at epoch {best.epoch}" if best.epoch is not None else ""
        line = f"* best: {best.name}, {escape(metric)} {best.score:.4f}{epoch}."
    if report.dropped:
        line += f" {report.dropped} proposed configurations were never started."
    if report.reason and report.state not in ("finished", "running"):
        line += f" The search ended early: {escape(report.reason)}."
    return line


def _explain(row: Row, console: Console) -> None:
    log = "" if row.folder is None else f" ({_short(row.folder / 'log.txt')})"
    console.print(escape(f"{row.name} {row.state}: {row.message}{log}"), highlight=False)
    for line in row.tail.splitlines()[-3:]:
        console.print(escape(f"    {line}"), highlight=False, overflow="ellipsis", no_wrap=True)


def _values(parameters: Mapping[str, Any]) -> str:
    return "\n".join(f"{name} = {_value(value)}" for name, value in parameters.items())


def _value(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.4g}"
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _short(path: Path) -> str:
    """Relative to where the reader stands, if that is shorter."""
    relative = os.path.relpath(path)
    return relative if len(relative) < len(str(path)) else str(path)
