"""A search as charts: dictionaries that plotly.js draws. No colour alone tells anything.

Names and values are escaped here, since plotly reads a subset of HTML in every text.
"""

from __future__ import annotations

import html
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mmar_automl.defs import JobState
from mmar_automl.reports.record import Point, Record
from mmar_automl.reports.summary import Report, Row
from mmar_automl.reports.words import duration, shortened, value_text

BLUE, ORANGE, GREEN, RED, GREY, VIOLET = (
    "#2f86c9", "#d9730d", "#1f9d74", "#c8443a", "#8a8f98", "#8e6bbf",
)  # fmt: skip
DASHES = ("solid", "dash", "dot", "dashdot", "longdash")
COLOURS = (BLUE, ORANGE, GREEN, VIOLET, RED)
POINTS = 40_000
"""So many points of learning curves are drawn in all; longer curves are thinned."""

LOOKS: Mapping[JobState, tuple[str, str, str]] = {
    JobState.FINISHED: (BLUE, "circle", ""),
    JobState.PRUNED: (ORANGE, "triangle-down", "/"),
    JobState.PAUSED: (ORANGE, "triangle-right", "/"),
    JobState.FAILED: (RED, "x", "x"),
    JobState.FINISHED_NO_SCORE: (VIOLET, "diamond", "."),
    JobState.INTERRUPTED: (GREY, "square", "-"),
    JobState.RUNNING: (GREEN, "hexagon", "|"),
    JobState.QUEUED: (GREY, "square", "-"),
    JobState.DROPPED: (GREY, "square", "-"),
}
"""Colour, symbol and hatching of each state."""


@dataclass(frozen=True, kw_only=True)
class Chart:
    """A figure and what it shows, in words for who cannot see it. `height` is in pixels."""

    data: list[dict[str, Any]]
    layout: dict[str, Any]
    words: str
    height: int = 380


def safe(value: object, most: int = 60) -> str:
    """A text as plotly shows it literally."""
    return html.escape(shortened(str(value), most), quote=False)


def told(row: Row) -> str:
    """What a point says when one points at it."""
    score = "no score" if row.score is None else f"{row.score:.4f}"
    lines = [f"<b>{safe(row.name)}</b> {safe(row.state)}, {score}"]
    values = list(row.parameters.items())
    lines += [f"{safe(name, 40)}: {safe(value_text(value), 40)}" for name, value in values[:12]]
    return "<br>".join(lines)


def word(state: JobState) -> str:
    """A state as people read it."""
    return str(state).replace("_", " ")


def over_time(record: Record) -> Chart | None:
    """Every score when it came in, and the best so far."""
    report = record.report
    scored = [row for row in report.scored if row.ended is not None]
    if not scored or report.began is None:
        return None
    unit, divisor = _unit(max(row.ended or 0 for row in scored) - report.began)
    began = report.began

    def at(row: Row) -> float:
        return round(((row.ended or began) - began) / divisor, 4)

    data: list[dict[str, Any]] = [
        {
            "type": "scatter",
            "mode": "markers",
            "name": word(state),
            "x": [at(row) for row in rows],
            "y": [row.score for row in rows],
            "text": [told(row) for row in rows],
            "hovertemplate": "%{text}<extra></extra>",
            "marker": {"color": LOOKS[state][0], "symbol": LOOKS[state][1], "size": 8},
        }
        for state, rows in by_state(scored)
    ]
    best = best_so_far(report)
    ends = [at(row) for row in best]
    last = max(at(row) for row in scored)
    data.append(
        {
            "type": "scatter",
            "mode": "lines",
            "name": "best so far",
            "x": [*ends, last],
            "y": [*(row.score for row in best), best[-1].score],
            "line": {"shape": "hv", "color": ORANGE, "width": 2.5},
            "hovertemplate": "best so far %{y:.4f}<extra></extra>",
        }
    )
    winner = report.winner
    if winner is not None and winner.score is not None:
        data.append(
            {
                "type": "scatter",
                "mode": "markers",
                "name": "winner",
                "x": [at(winner)],
                "y": [winner.score],
                "text": [told(winner)],
                "hovertemplate": "%{text}<extra></extra>",
                "marker": {
                    "color": ORANGE,
                    "symbol": "star",
                    "size": 16,
                    "line": {"width": 1, "color": "#fff"},
                },
            }
        )
    failed = [row for row in report.rows if row.state is JobState.FAILED and row.ended]
    words = f"{len(scored)} scores over {duration(last * divisor)}"
    if winner is not None and winner.score is not None:
        words += f"; the best, {winner.score:.4f}, came after {duration(at(winner) * divisor)}"
    if failed:
        words += f"; {len(failed)} failed jobs have no point"
    return Chart(
        data=data,
        layout={
            "xaxis": {"title": {"text": f"{unit} since the start"}, "rangemode": "tozero"},
            "yaxis": {"title": {"text": safe(report.metric)}, **_range(scored)},
        },
        words=words,
    )


def learning_curves(record: Record) -> Chart | None:
    """The validations of every job; the winner's on top."""
    report = record.report
    curves = {
        name: [point for point in curve if point.metric is not None]
        for name, curve in record.curves.items()
    }
    curves = {name: curve for name, curve in curves.items() if curve}
    if not curves:
        return None
    each = max(6, POINTS // len(curves))
    thinned = any(len(curve) > each for curve in curves.values())
    data: list[dict[str, Any]] = []
    drawn = {row.name: row for row in report.rows if row.name in curves}
    rest = [row for row in drawn.values() if row.name != report.best]
    for number, (state, rows) in enumerate(by_state(rest)):
        xs: list[float | None] = []
        ys: list[float | None] = []
        texts: list[str] = []
        for row in rows:
            points = _thin(curves[row.name], each)
            xs += [*(_whole(point.epoch) for point in points), None]
            ys += [*(_digits(point.metric) for point in points), None]
            texts += [row.name] * len(points) + [""]
        data.append(
            {
                "type": "scatter",
                "mode": "lines",
                "name": word(state),
                "x": xs,
                "y": ys,
                "text": texts,
                "hovertemplate": "%{text}: %{y:.4f} at epoch %{x}<extra></extra>",
                "opacity": max(0.3, min(0.8, 20 / len(rows))),
                "line": {
                    "color": LOOKS[state][0],
                    "width": 1.2,
                    "dash": "solid" if state is JobState.FINISHED else DASHES[1 + number % 4],
                },
            }
        )
    if report.best in curves:
        points = _thin(curves[report.best], max(each, 500))
        data.append(
            {
                "type": "scatter",
                "mode": "lines+markers",
                "name": f"winner {report.best}",
                "x": [_whole(point.epoch) for point in points],
                "y": [point.metric for point in points],
                "hovertemplate": "winner: %{y:.4f} at epoch %{x}<extra></extra>",
                "line": {"color": ORANGE, "width": 2.5},
                "marker": {"symbol": "star", "size": 7},
            }
        )
    words = f"The validations of {len(curves)} jobs by epoch"
    words += ", long curves thinned" if thinned else ""
    return Chart(
        data=data,
        layout={
            "xaxis": {"title": {"text": "epoch"}, "rangemode": "tozero"},
            "yaxis": {"title": {"text": safe(report.metric)}, **_range(report.scored)},
            "hovermode": "closest",
        },
        words=words,
        height=420,
    )


def timeline(record: Record) -> Chart | None:
    """Who worked when: a line for each worker, a bar for each attempt."""
    if not record.spans or record.report.began is None:
        return None
    began = record.report.began
    ends = [span.end if span.end is not None else record.now for span in record.spans]
    unit, divisor = _unit(max(ends) - began)
    data = []
    for state in LOOKS:
        spans = [(s, end) for s, end in zip(record.spans, ends, strict=True) if s.state is state]
        if spans:
            colour, _, shape = LOOKS[state]
            data.append(
                {
                    "type": "bar",
                    "orientation": "h",
                    "name": word(state),
                    "y": [safe(span.worker) for span, _ in spans],
                    "base": [round((span.start - began) / divisor, 5) for span, _ in spans],
                    "x": [round((end - span.start) / divisor, 5) for span, end in spans],
                    "text": [
                        f"{safe(span.job)}, attempt {span.attempt}: {word(state)}, "
                        f"{duration(end - span.start)}"
                        for span, end in spans
                    ],
                    "textposition": "none",
                    "hovertemplate": "%{text}<extra></extra>",
                    "marker": {
                        "color": colour,
                        "pattern": {
                            "shape": shape,
                            "fillmode": "overlay",
                            "solidity": 0.3,
                            "size": 6,
                        },
                        "line": {"width": 0.5, "color": "#fff"},
                    },
                }
            )
    workers = record.cost.workers
    share = sum(worker.idle for worker in workers) / max(
        1e-9, sum(w.idle + w.busy for w in workers)
    )
    return Chart(
        data=data,
        layout={
            "barmode": "overlay",
            "bargap": 0.35,
            "xaxis": {"title": {"text": f"{unit} since the start"}, "rangemode": "tozero"},
            "yaxis": {
                "autorange": "reversed",
                "type": "category",
                "categoryarray": [safe(worker.name) for worker in workers],
            },
        },
        words=f"{len(workers)} workers; empty stretches are idle, {share:.1%} of their time",
        height=150 + 34 * len(workers),
    )


def best_by_job(reports: Sequence[Report]) -> Chart | None:
    """The best so far of several searches, over the number of jobs that had ended."""
    data = []
    for number, report in enumerate(reports):
        ended = sorted((row for row in report.rows if row.ended), key=lambda row: row.ended or 0)
        places = {row.name: place for place, row in enumerate(ended, start=1)}
        best = best_so_far(report)
        if best:
            data.append(
                {
                    "type": "scatter",
                    "mode": "lines+markers",
                    "name": safe(report.run_id),
                    "x": [*(places[row.name] for row in best), len(ended)],
                    "y": [*(row.score for row in best), best[-1].score],
                    "line": {
                        "shape": "hv",
                        "width": 2.5,
                        "color": COLOURS[number % len(COLOURS)],
                        "dash": DASHES[number % len(DASHES)],
                    },
                    "hovertemplate": "%{y:.4f} after %{x} jobs<extra></extra>",
                }
            )
    if not data:
        return None
    return Chart(
        data=data,
        layout={
            "xaxis": {"title": {"text": "jobs that have ended"}, "rangemode": "tozero"},
            "yaxis": {"title": {"text": safe(reports[0].metric)}},
        },
        words="The best score so far of each search by the number of jobs that had ended",
    )


def by_state(rows: Iterable[Row]) -> list[tuple[JobState, list[Row]]]:
    """The rows of each state, in the order of the legend."""
    found: dict[JobState, list[Row]] = {}
    for row in rows:
        found.setdefault(row.state, []).append(row)
    return [(state, found[state]) for state in LOOKS if state in found]


def best_so_far(report: Report) -> list[Row]:
    """The jobs that were the best when they ended, in that order."""
    sign = -1.0 if report.minimised else 1.0
    found: list[Row] = []
    for row in sorted(report.scored, key=lambda row: row.ended or 0.0):
        if row.ended is None or row.score is None:
            continue
        if not found or sign * row.score > sign * (found[-1].score or 0.0):
            found.append(row)
    return found


def _range(rows: Sequence[Row]) -> dict[str, Any]:
    """An axis on which one diverged job does not squash all the others; none if none would."""
    scores = sorted(row.score for row in rows if row.score is not None)
    if len(scores) < 8:
        return {}
    low, high = scores[len(scores) // 4], scores[3 * len(scores) // 4]
    reach = 4 * (high - low)
    if reach <= 0:
        return {}
    bottom, top = max(scores[0], low - reach), min(scores[-1], high + reach)
    if (bottom, top) == (scores[0], scores[-1]):
        return {}
    margin = 0.06 * (top - bottom)
    return {"range": [bottom - margin, top + margin]}


def _unit(seconds: float) -> tuple[str, float]:
    if seconds < 300:
        return "seconds", 1.0
    return ("minutes", 60.0) if seconds < 3 * 3600 else ("hours", 3600.0)


def _thin(points: Sequence[Point], most: int) -> Sequence[Point]:
    """At most about so many, the first and the last among them."""
    if len(points) <= most:
        return points
    step = -(-(len(points) - 1) // (most - 1))
    return [*points[:-1:step], points[-1]]


def _whole(number: float) -> float:
    return int(number) if number == int(number) else number


def _digits(number: float | None) -> float | None:
    return None if number is None else float(f"{number:.5g}")
