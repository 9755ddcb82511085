"""The report for scripts, spreadsheets and wikis: JSON, CSV, Markdown."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping, Sequence
from datetime import datetime, timezone
from typing import Any

from mmar_automl.defs import JobState
from mmar_automl.reports import evidence
from mmar_automl.reports.methods import methods
from mmar_automl.reports.record import Cost, Record
from mmar_automl.reports.summary import Report, Row

COLUMNS = (
    "run", "job", "state", "score", "metric", "epoch", "seconds", "started", "worker", "gpus",
    "attempt", "failure", "message",
)  # fmt: skip
"""Of the CSV; a column `params.NAME` for each parameter follows."""


def to_json(report: Report, cost: Cost | None = None) -> dict[str, Any]:
    """A search for a script: strict JSON, a missing score or folder is null."""
    found: dict[str, Any] = {
        "run_id": report.run_id,
        "state": str(report.state),
        "best": report.best,
        "metric": report.metric,
        "minimised": report.minimised,
        "started": report.began,
        "ended": report.ended,
        "proposed": report.proposed,
        "dropped": report.dropped,
        "uncertainty": evidence.to_json(evidence.weigh(report)),
        "jobs": [_job(row) for row in report.rows],
    }
    if cost is not None:
        found["cost"] = {
            "worker_hours": cost.busy / 3600,
            "gpu_hours": cost.gpu / 3600,
            "elapsed_hours": cost.elapsed / 3600,
            "retried_hours": cost.retried / 3600,
        }
    return found


def _job(row: Row) -> dict[str, Any]:
    return {
        "name": row.name,
        "state": str(row.state),
        "score": row.score,
        "metric": row.metric,
        "epoch": row.epoch,
        "trained": row.trained,
        "parameters": dict(row.parameters),
        "folder": None if row.folder is None else str(row.folder),
        "seconds": row.seconds,
        "started": row.started,
        "worker": row.worker,
        "gpus": list(row.gpus),
        "attempt": row.attempt,
        "failure": None if row.failure is None else str(row.failure),
        "message": row.message,
    }


def to_csv(reports: Sequence[Report]) -> str:
    """A row for each job of every search; what a job does not have is an empty field."""
    names = dict.fromkeys(
        name for report in reports for row in report.rows for name in row.parameters
    )
    buffer = io.StringIO()
    table = csv.writer(buffer, lineterminator="\n")
    table.writerow([*COLUMNS, *(f"params.{name}" for name in names)])
    for report in reports:
        for row in report.rows:
            started = datetime.fromtimestamp(row.started, timezone.utc).isoformat(
                timespec="seconds"
            )
            fields = (
                report.run_id, row.name, row.state, row.score, row.metric, row.epoch, row.seconds,
                started, row.worker, " ".join(map(str, row.gpus)), row.attempt, row.failure,
                row.message,
            )  # fmt: skip
            values = (_cell(row.parameters, name) for name in names)
            table.writerow([*("" if field is None else field for field in fields), *values])
    return buffer.getvalue()


def to_markdown(record: Record) -> str:
    """A search as GitHub's Markdown: verdict, jobs, failures, uncertainty, methods."""
    report = record.report
    names = list(dict.fromkeys(name for row in report.rows for name in row.parameters))
    head = [report.metric, "state", "time", *names, "job"]
    winner = report.winner
    lines = [f"## {_md(record.mmar)}: {_md(report.run_id)}, {report.state}", ""]
    if winner is None or winner.score is None:
        lines.append(report.without_winner)
    else:
        epoch = "" if winner.epoch is None else f" at epoch {winner.epoch}"
        lines.append(
            f"Best: **{winner.name}**, {_md(report.metric)} **{winner.score:.4f}**{epoch}."
        )
    lines += [
        "",
        _md_row([_md(name) for name in head]),
        _md_row(["---:"] + ["---"] * (len(head) - 1)),
    ]
    for row in report.rows:
        lines.append(
            _md_row(
                [
                    "–" if row.score is None else f"{row.score:.4f}",
                    str(row.state).replace("_", " "),
                    "–" if row.seconds is None else f"{row.seconds:.0f} s",
                    *(_md(_cell(row.parameters, name)) or "–" for name in names),
                    f"**{row.name}**" if row.name == report.best else row.name,
                ]
            )
        )
    failed = [row for row in report.rows if row.state is JobState.FAILED]
    if failed:
        lines += ["", "### What failed", ""]
        lines += [
            f"- {row.name} ({str(row.failure or 'failed').replace('_', ' ')}): {_md(row.message)}"
            for row in failed
        ]
    lines += ["", "### What this can and cannot show", ""]
    lines += [_md(sentence) for sentence in evidence.sentences(evidence.weigh(report))]
    lines += ["", "### Methods", "", _md(methods(record)), ""]
    return "\n".join(lines)


def _cell(parameters: Mapping[str, Any], name: str) -> str:
    if name not in parameters:
        return ""
    value = parameters[name]
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _md_row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _md(text: str) -> str:
    """Text that Markdown takes as it stands."""
    for char in "\\`*_[]<>|#":
        text = text.replace(char, f"\\{char}")
    return " ".join(text.split())
