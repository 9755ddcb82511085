"""The searched parameters as charts: parallel coordinates, slices, importance."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from mmar_automl.reports.axes import Axis
from mmar_automl.reports.charts import (
    BLUE,
    GREY,
    LOOKS,
    ORANGE,
    Chart,
    by_state,
    safe,
    told,
    word,
)
from mmar_automl.reports.importance import Importance
from mmar_automl.reports.summary import Report, Row

AXES = 12
"""So many parameters are drawn, the most important or else the first."""
_INACTIVE = -0.12
_BANDS = (
    ("winner", ORANGE, "solid", 3.5, 1.0),
    ("best tenth", BLUE, "solid", 2.0, 0.9),
    ("best half", BLUE, "dash", 1.1, 0.5),
    ("the others", GREY, "dot", 0.9, 0.45),
)


def importance(found: Importance) -> Chart | None:
    """Bars with what the draws range over."""
    if not found.shares:
        return None
    shares = found.shares[:AXES]
    return Chart(
        data=[
            {
                "type": "bar",
                "orientation": "h",
                "y": [safe(share.name, 30) for share in shares],
                "x": [round(share.share, 4) for share in shares],
                "text": [f"{share.share:.0%} of {share.jobs} jobs' variance" for share in shares],
                "textposition": "none",
                "hovertemplate": "%{y}: %{text}<extra></extra>",
                "marker": {"color": BLUE},
                "error_x": {
                    "type": "data",
                    "symmetric": False,
                    "array": [round(share.greatest - share.share, 4) for share in shares],
                    "arrayminus": [round(share.share - share.least, 4) for share in shares],
                    "color": GREY,
                    "thickness": 1.5,
                },
            }
        ],
        layout={
            "showlegend": False,
            "xaxis": {
                "title": {"text": "share of the score's variance"},
                "tickformat": ".0%",
                "nticks": 6,
                "tickangle": 0,
                "rangemode": "tozero",
            },
            "yaxis": {"autorange": "reversed", "type": "category", "automargin": True},
        },
        words=", ".join(f"{share.name} {share.share:.0%}" for share in shares),
        height=130 + 34 * len(shares),
    )


def parallel(report: Report, axes: Sequence[Axis]) -> Chart | None:
    """A line for each job through all its values; an inactive value is below the axis."""
    rows = list(report.scored)
    axes = [axis for axis in axes if axis.varies][: AXES - 1]
    if len(rows) < 2 or not axes:
        return None
    scores = [row.score for row in rows if row.score is not None]
    score = Axis(
        name=report.metric,
        values={row.name: row.score for row in rows if row.score is not None},
        low=min(scores),
        high=max(scores),
    )
    every = [*axes, score]
    data = []
    for (name, colour, dash, width, opacity), members in zip(
        reversed(_BANDS), reversed(_bands(report, rows)), strict=True
    ):
        if not members:
            continue
        xs: list[int | None] = []
        ys: list[float | None] = []
        texts: list[str] = []
        for row in members:
            xs += [*range(len(every)), None]
            ys += [*(_place(axis, row.name) for axis in every), None]
            texts += [told(row) if len(rows) <= 200 else safe(row.name)] * len(every) + [""]
        data.append(
            {
                "type": "scatter",
                "mode": "lines",
                "name": f"{name} ({len(members)})" if name != "winner" else name,
                "x": xs,
                "y": ys,
                "text": texts,
                "hovertemplate": "%{text}<extra></extra>",
                "opacity": opacity,
                "line": {"color": colour, "dash": dash, "width": width},
            }
        )
    return Chart(
        data=data,
        layout={
            "xaxis": {
                "tickvals": list(range(len(every))),
                "ticktext": [safe(axis.name, 22) for axis in every],
                "showgrid": False,
                "zeroline": False,
                "range": [-0.25, len(every) - 0.5],
                "automargin": True,
            },
            "yaxis": {"visible": False, "range": [_INACTIVE - 0.06, 1.08]},
            "shapes": [
                {
                    "type": "line",
                    "x0": place,
                    "x1": place,
                    "y0": 0,
                    "y1": 1,
                    "line": {"color": GREY, "width": 1},
                }
                for place in range(len(every))
            ],
            "annotations": [
                mark for place, axis in enumerate(every) for mark in _marks(place, axis)
            ],
            "hovermode": "closest",
        },
        words=f"{len(rows)} jobs over {len(axes)} parameters; the last axis is the score",
        height=460,
    )


def slices(report: Report, axes: Sequence[Axis]) -> list[tuple[str, Chart]]:
    """The score over each parameter."""
    rows = {row.name: row for row in report.scored}
    charts: list[tuple[str, Chart]] = []
    for axis in axes:
        if not axis.varies or len(charts) == AXES:
            continue
        inside = [rows[job] for job in axis.values if job in rows]
        if not inside:
            continue
        data = [
            {
                "type": "scatter",
                "mode": "markers",
                "name": word(state),
                "x": [_spread(axis, row.name) for row in members],
                "y": [row.score for row in members],
                "text": [safe(row.name) for row in members],
                "hovertemplate": "%{text}: %{y:.4f}<extra></extra>",
                "marker": {"color": LOOKS[state][0], "symbol": LOOKS[state][1], "size": 7},
                "opacity": 0.75,
            }
            for state, members in by_state(inside)
        ]
        winner = report.winner
        if winner is not None and winner.name in axis.values:
            data.append(
                {
                    "type": "scatter",
                    "mode": "markers",
                    "name": "winner",
                    "x": [_spread(axis, winner.name)],
                    "y": [winner.score],
                    "text": [safe(winner.name)],
                    "hovertemplate": "%{text}: %{y:.4f}<extra></extra>",
                    "marker": {"color": ORANGE, "symbol": "star", "size": 14},
                }
            )
        xaxis: dict[str, Any] = {"automargin": True, "nticks": 6}
        if axis.choices:
            xaxis = {
                "automargin": True,
                "tickvals": list(range(len(axis.choices))),
                "ticktext": [safe(choice, 18) for choice in axis.choices],
                "range": [-0.5, len(axis.choices) - 0.5],
            }
        elif axis.log:
            xaxis["type"] = "log"
        charts.append(
            (
                axis.name,
                Chart(
                    data=data,
                    layout={
                        "showlegend": False,
                        "xaxis": xaxis,
                        "yaxis": {"title": {"text": safe(report.metric, 24)}, "automargin": True},
                        "margin": {"l": 50, "r": 10, "t": 10, "b": 40},
                    },
                    words=f"the score over {axis.name}, {len(inside)} jobs",
                    height=270,
                ),
            )
        )
    return charts


def _bands(report: Report, rows: Sequence[Row]) -> list[list[Row]]:
    """Winner, the rest of the best tenth, of the best half, the others; rows come best first."""
    others = [row for row in rows if row.name != report.best]
    tenth, half = math.ceil(len(others) / 10), math.ceil(len(others) / 2)
    winner = [row for row in rows if row.name == report.best]
    return [winner, others[:tenth], others[tenth:half], others[half:]]


def _place(axis: Axis, job: str) -> float:
    """Where a job stands on an axis from 0 to 1."""
    if job not in axis.values:
        return _INACTIVE
    value, low, high = axis.values[job], axis.low, axis.high
    if axis.log and value > 0:
        value, low, high = math.log(value), math.log(low), math.log(high)
    return round((value - low) / (high - low), 4) if high > low else 0.5


def _spread(axis: Axis, job: str) -> float:
    """The value; jobs with the same choice a little apart, always alike for the same job."""
    value = axis.values[job]
    if not axis.choices:
        return float(f"{value:.6g}")
    return round(value + (sum(map(ord, job)) * 37 % 41 - 20) / 110, 3)


def _marks(place: int, axis: Axis) -> list[dict[str, Any]]:
    """The words beside an axis."""
    if axis.choices:
        last = max(1, len(axis.choices) - 1)
        shown = axis.choices if len(axis.choices) <= 8 else ()
        marks = [(number / last, choice) for number, choice in enumerate(shown)]
    else:
        marks = [(0.0, f"{axis.low:.4g}"), (1.0, f"{axis.high:.4g}")]
    return [
        {
            "x": place,
            "y": height,
            "text": safe(words, 16),
            "showarrow": False,
            "xanchor": "left",
            "xshift": 4,
            "yanchor": "bottom",
            "font": {"size": 11},
        }
        for height, words in marks
    ]
