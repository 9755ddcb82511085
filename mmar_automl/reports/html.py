"""Searches as one page that opens anywhere: no other file, no other address."""

from __future__ import annotations

import json
import secrets
import shlex
from collections import Counter, defaultdict
from collections.abc import Sequence
from datetime import datetime
from importlib.resources import files
from typing import Any

from mmar_automl import __version__
from mmar_automl.defs import Choices, FailureClass, JobState, RunState
from mmar_automl.errors import MISSING, format_path
from mmar_automl.reports import charts, charts_parameters, evidence, importance
from mmar_automl.reports.axes import read_axes
from mmar_automl.reports.methods import methods
from mmar_automl.reports.record import Record
from mmar_automl.reports.summary import Report, Row
from mmar_automl.reports.words import duration, shortened, value_text
from mmar_automl.search import describe

_CONTENTS = (
    ("summary", "Summary"), ("progress", "Progress"), ("curves", "Curves"),
    ("parameters", "Parameters"), ("failures", "Failures"), ("time", "Time"), ("jobs", "Jobs"),
    ("space", "Space"), ("environment", "Environment"), ("methods", "Methods"),
)  # fmt: skip
MEANINGS: dict[FailureClass, str] = {
    FailureClass.BAD_CONFIGURATION: "The training refused its config.",
    FailureClass.OUT_OF_MEMORY: "Host or GPU memory ran out.",
    FailureClass.DIVERGED: "The loss became NaN or infinite.",
    FailureClass.TIMED_OUT: "It ran longer than a job may.",
    FailureClass.STALLED: "Its log and its progress file stood still for too long.",
    FailureClass.KILLED: "A signal that the search did not send; signal 9 is often the OOM killer.",
    FailureClass.LOST: "Its process is gone and nobody saw it end.",
    FailureClass.DISK_FULL: "No space was left on the disk.",
    FailureClass.NOT_STARTED: "The job's MMAR could not be made or its script not be started.",
    FailureClass.EXIT_STATUS: "The training ended badly, and nothing says why.",
    FailureClass.EXECUTOR: "The executor raised something unforeseen.",
}
_COLUMNS = 10
"""So many parameters get a column each in the table of jobs."""
_TAIL = 4000


def render(records: Sequence[Record]) -> str:
    """The page of one search, or of several side by side."""
    import jinja2
    import markupsafe
    from plotly.offline import get_plotlyjs

    drawn: list[dict[str, Any]] = []

    def add(chart: charts.Chart) -> int:
        drawn.append({"data": chart.data, "layout": chart.layout})
        return len(drawn) - 1

    def as_script() -> markupsafe.Markup:
        text = json.dumps(drawn, ensure_ascii=True, allow_nan=False, separators=(",", ":"))
        # Nothing in a value may end the script element, or begin a comment in it.
        for char in "<>&":
            text = text.replace(char, f"\\u{ord(char):04x}")
        return markupsafe.Markup(text)

    environment = jinja2.Environment(
        autoescape=True, trim_blocks=True, undefined=jinja2.StrictUndefined
    )
    parts = files("mmar_automl.reports") / "page"
    template = environment.from_string((parts / "page.html.j2").read_text(encoding="utf-8"))
    first = records[0]
    names = ", ".join(record.report.run_id for record in records)
    return template.render(
        add=add,
        charts=as_script,
        comparison=_comparison(records) if len(records) > 1 else None,
        css=markupsafe.Markup((parts / "page.css").read_text(encoding="utf-8")),
        js=markupsafe.Markup((parts / "page.js").read_text(encoding="utf-8")),
        nonce=secrets.token_urlsafe(12),
        now=_clock(first.now),
        plotly=markupsafe.Markup(get_plotlyjs()),
        running=any(record.report.state is RunState.RUNNING for record in records),
        runs=[_run(f"r{number}", record) for number, record in enumerate(records, start=1)],
        title=f"{first.mmar}: {names}",
        version=__version__,
    )


def _run(id_: str, record: Record) -> dict[str, Any]:
    """What the template asks of one search."""
    report, winner = record.report, record.report.winner
    axes = read_axes(report.rows, record.space)
    finished = {
        row.name: row.score
        for row in report.rows
        if row.state is JobState.FINISHED and row.score is not None
    }
    weighed = importance.weigh(axes, finished)
    order = {share.name: place for place, share in enumerate(weighed.shares)}
    axes.sort(key=lambda axis: order.get(axis.name, len(order)))
    columns, jobs = _jobs(report)
    early = report.state not in (RunState.FINISHED, RunState.RUNNING)
    return {
        "id": id_,
        "name": report.run_id,
        "contents": _CONTENTS,
        "running": report.state is RunState.RUNNING,
        "winner": winner.name if winner else None,
        "without_winner": report.without_winner,
        "score": "" if winner is None else f"{winner.score:.4f}",
        "metric": report.metric,
        "epoch": "" if winner is None or winner.epoch is None else f" at epoch {winner.epoch}",
        "folder": ""
        if winner is None
        else f"{report.folder.name}/{winner.name}" + ("" if winner.folder else " (deleted)"),
        "tiles": _tiles(record),
        "ending": f"The search ended early: {report.reason.rstrip('.')}."
        if early and report.reason
        else "",
        "notes": record.notes,
        "changes": None
        if record.changes is None
        else [
            (format_path(change.path), _side(change.before), _side(change.after))
            for change in record.changes
        ],
        "evidence": evidence.sentences(evidence.weigh(report)),
        "over_time": charts.over_time(record),
        "curves": charts.learning_curves(record),
        "deleted": any(row.folder is None for row in report.rows),
        "tensorboard": shlex.join(["tensorboard", "--logdir", record.tensorboard])
        if record.tensorboard
        else "",
        "importance": charts_parameters.importance(weighed),
        "importance_note": weighed.note,
        "parallel": charts_parameters.parallel(report, axes),
        "slices": charts_parameters.slices(report, axes),
        "failures": _failures(report),
        "pruned": _pruned(record),
        "timeline": charts.timeline(record),
        "workers": _workers(record),
        "cost": _cost(record),
        "columns": columns,
        "jobs": jobs,
        "space": _space(record),
        "size": "" if record.space is None else describe.size(record.space).capitalize(),
        "facts": list(record.facts.items())
        + [(f"--set {name}", value_text(value)) for name, value in record.overrides.items()],
        "methods": methods(record),
    }


def _tiles(record: Record) -> list[tuple[str, str]]:
    report = record.report
    states = Counter(charts.word(row.state) for row in report.rows)
    tiles = [
        ("state", str(report.state)),
        ("jobs", f"{len(report.rows)} of {report.proposed} proposed"),
    ]
    tiles += [(state, str(count)) for state, count in states.items()]
    if report.dropped:
        tiles.append(("never started", str(report.dropped)))
    tiles.append(("elapsed", duration(record.cost.elapsed)))
    if report.began is not None:
        tiles.append(("started", _clock(report.began)))
    return tiles


def _cost(record: Record) -> list[tuple[str, str]]:
    cost = record.cost
    alive = sum(worker.busy + worker.idle for worker in cost.workers)
    tiles = [
        ("worker hours", f"{cost.busy / 3600:.2f}"),
        ("GPU hours", f"{cost.gpu / 3600:.2f}" if cost.gpu else "0 (on CPU)"),
        ("workers busy", f"{cost.busy / alive:.1%}" if alive else "–"),
    ]
    if cost.retried:
        tiles.append(("of it, attempts tried again", duration(cost.retried)))
    return tiles


def _workers(record: Record) -> list[tuple[str, ...]]:
    return [
        (
            worker.name,
            ", ".join(map(str, worker.gpus)) or "CPU",
            str(worker.jobs),
            duration(worker.busy),
            duration(worker.idle),
            f"{worker.busy / (worker.busy + worker.idle):.1%}"
            if worker.busy + worker.idle
            else "–",
            duration(worker.longest_gap),
        )
        for worker in record.cost.workers
    ]


def _failures(report: Report) -> list[dict[str, Any]]:
    """What failed, the commonest class first, with one log's end each."""
    by_class: dict[tuple[str, str], list[Row]] = defaultdict(list)
    for row in report.rows:
        if row.state is JobState.FAILED:
            known = row.failure
            name = str(known).replace("_", " ") if known else "failed"
            by_class[name, MEANINGS[known] if known else ""].append(row)
        elif row.state is JobState.FINISHED_NO_SCORE:
            by_class[
                "finished without a score", "It ended well, but wrote no finite score."
            ].append(row)
    found = []
    for (name, meaning), rows in sorted(by_class.items(), key=lambda item: -len(item[1])):
        messages: dict[str, list[str]] = defaultdict(list)
        for row in rows:
            messages[row.message].append(row.name)
        shown = sorted(messages.items(), key=lambda item: -len(item[1]))[:8]
        example = next((row for row in rows if row.tail), None)
        found.append(
            {
                "name": name,
                "meaning": meaning,
                "count": f"{len(rows)} of {len(report.rows)} jobs",
                "messages": [(message or "no message", _listed(jobs)) for message, jobs in shown],
                "example": example.name if example else "",
                "tail": example.tail[-_TAIL:] if example else "",
            }
        )
    return found


def _listed(jobs: Sequence[str]) -> str:
    more = f" and {len(jobs) - 6} more" if len(jobs) > 6 else ""
    return f"{', '.join(jobs[:6])}{more}"


def _pruned(record: Record) -> list[tuple[str, ...]]:
    lines: list[tuple[str, ...]] = []
    for row in record.report.rows:
        if row.state is JobState.PRUNED:
            curve = record.curves.get(row.name)
            lines.append(
                (
                    row.name,
                    f"{curve[-1].epoch:g}" if curve else "unknown",
                    "–" if row.score is None else f"{row.score:.4f}",
                    "–" if row.epoch is None else str(row.epoch),
                    row.message,
                )
            )
    return lines


def _jobs(report: Report) -> tuple[list[str], list[dict[str, Any]]]:
    names = list(dict.fromkeys(name for row in report.rows for name in row.parameters))
    apart = len(names) <= _COLUMNS
    columns = ["job", report.metric, "epoch", "state", *(names if apart else ["parameters"])]
    columns += ["seconds", "worker", "attempt"]
    lines = []
    for row in report.rows:
        values = (
            [value_text(row.parameters[name]) if name in row.parameters else "–" for name in names]
            if apart
            else ["; ".join(f"{k} {value_text(v)}" for k, v in row.parameters.items())]
        )
        best = row.name == report.best
        lines.append(
            {
                "best": best,
                "cells": [
                    f"★ {row.name}" if best else row.name,
                    "–" if row.score is None else f"{row.score:.4f}",
                    "–" if row.epoch is None else str(row.epoch),
                    charts.word(row.state),
                    *(shortened(value, 400) for value in values),
                    "–" if row.seconds is None else f"{row.seconds:.0f}",
                    row.worker,
                    str(row.attempt),
                ],
            }
        )
    return columns, lines


def _space(record: Record) -> list[tuple[str, ...]]:
    space = record.space
    lines: list[tuple[str, ...]] = []
    for parameter in space or ():
        domain = parameter.domain
        for position, name in enumerate(parameter.names):
            if isinstance(domain, Choices):
                values = " | ".join(describe.text(option[position]) for option in domain.options)
                scale = ""
            else:
                step = "" if domain.step is None else f" step {domain.step}"
                values, scale = f"[{domain.min}, {domain.max}]{step}", domain.scale
            known = parameter.default is not None
            lines.append(
                (
                    f"& {name}" if position else name,
                    parameter.type,
                    values,
                    scale or "–",
                    describe.text(describe.default(parameter, position)) if known else "–",
                    (describe.in_words(parameter.active, space) if space else "") or "always",
                )
            )
    return lines


def _comparison(records: Sequence[Record]) -> dict[str, Any]:
    reports = [record.report for record in records]
    metrics = {(report.metric, report.minimised) for report in reports if report.winner}
    names = dict.fromkeys(
        name for report in reports if report.winner for name in report.winner.parameters
    )
    lines = {
        "state": [str(report.state) for report in reports],
        "best score": ["–" if r.winner is None else f"{r.winner.score:.4f}" for r in reports],
        "metric": [report.metric for report in reports],
        "jobs": [str(len(report.rows)) for report in reports],
        "with a score": [str(len(report.scored)) for report in reports],
        "failed": [str(sum(r.state is JobState.FAILED for r in report.rows)) for report in reports],
        "pruned": [str(sum(r.state is JobState.PRUNED for r in report.rows)) for report in reports],
        "controller": [record.facts.get("controller", "–") for record in records],
        "elapsed": [duration(record.cost.elapsed) for record in records],
        "worker hours": [f"{record.cost.busy / 3600:.2f}" for record in records],
        "GPU hours": [f"{record.cost.gpu / 3600:.2f}" for record in records],
    }
    return {
        "warning": "The searches have different metrics: their scores are not comparable."
        if len(metrics) > 1
        else "",
        "lines": list(lines.items()),
        "chart": charts.best_by_job(reports) if len(metrics) == 1 else None,
        "parameters": [
            (
                name,
                [
                    value_text(report.winner.parameters[name])
                    if report.winner and name in report.winner.parameters
                    else "–"
                    for report in reports
                ],
            )
            for name in names
        ],
    }


def _side(value: Any) -> str:
    return "not there" if value is MISSING else shortened(describe.text(value), 400)


def _clock(seconds: float) -> str:
    return datetime.fromtimestamp(seconds).strftime("%Y-%m-%d %H:%M")
