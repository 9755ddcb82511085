"""The pictures in MLflow: a job's curves, a search's scores."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from mmar_automl.handlers.mlflow.notes import Step


def draw(steps: Sequence[Step], names: Sequence[str], title: str) -> Any:
    """A figure with a panel for each of these metrics; None where there is no curve to see."""
    curves = {
        name: sorted({step: value for key, value, step, _ in steps if key == name}.items())
        for name in names
    }
    shown = {name: points for name, points in curves.items() if len(points) > 1}
    if not shown:
        return None
    # Not by pyplot, which keeps every figure and asks for a display.
    from matplotlib.figure import Figure

    figure = Figure(figsize=(5.0 * len(shown), 3.2), dpi=90, layout="constrained")
    panels = figure.subplots(1, len(shown), squeeze=False)[0]
    for panel, (name, points) in zip(panels, shown.items(), strict=True):
        panel.plot(*zip(*points, strict=True), marker="o", markersize=3, linewidth=1.2)
        panel.set_title(name.replace("$", r"\$"), fontsize=10)
        panel.set_xlabel("epoch" if title else "jobs that ended", fontsize=9)
        panel.grid(alpha=0.3)
    if title:
        figure.suptitle(title.replace("$", r"\$"), fontsize=10)
    return figure
