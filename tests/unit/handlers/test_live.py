"""The view of a terminal, and the line for each validation."""

from __future__ import annotations

import io
import time
from pathlib import Path

import pytest
from rich.console import Console

from mmar_automl.api import Worker
from mmar_automl.defs import Context, ContextKey, JobState, Outcome
from mmar_automl.handlers.live import EveryValidation, LiveView
from mmar_automl.jobs.result import append_progress
from mmar_automl.mmar.layout import RunLayout


def context(root: Path, workers: int = 2) -> Context:
    ctx = Context()
    ctx.set_prop(ContextKey.RUN_ID, "run_a")
    ctx.set_prop(ContextKey.AUTOML_ROOT, str(root))
    ctx.set_prop(ContextKey.NUM_WORKERS, workers)
    ctx.set_prop(ContextKey.WORKERS, [Worker(f"W{n}", ()) for n in range(1, workers + 1)])
    ctx.set_prop(ContextKey.RECOMMENDATIONS, [1, 2, 3, 4])
    return ctx


def job(ctx: Context, name: str, worker: str) -> Context:
    inner = Context(parent=ctx)
    inner.set_prop(ContextKey.JOB_NAME, name)
    inner.set_prop(ContextKey.WORKER_NAME, worker)
    inner.set_prop(ContextKey.JOB_START_TIME, time.time() - 20)
    inner.set_prop(ContextKey.GPUS, [])
    inner.set_prop(ContextKey.NAMED_VALUES, {"learning_rate": 0.00321, "long": list(range(60))})
    outcome = Outcome(
        recommendation_id=1, job_name=name, state=JobState.FINISHED, value=0.78125, metric="dice"
    )
    inner.set_prop(ContextKey.OUTCOME, outcome)
    return inner


@pytest.mark.parametrize("workers", [2, 40])
def test_the_view_fits_a_terminal_of_80_columns(tmp_path: Path, workers: int) -> None:
    """Workers, queue, best, time left, the last events; a job's end stays above it."""
    told = io.StringIO()
    console = Console(file=told, width=80, height=24, force_terminal=True, color_system=None)
    view = LiveView(console)
    ctx = context(tmp_path, workers)
    view.startup(ctx)
    view.start_automl(ctx)
    try:
        view.recommendations_available(ctx)
        first, second = job(ctx, "W1_1_J1", "W1"), job(ctx, "W2_1_J2", "W2")
        view.start_job(first)
        view.start_job(second)
        append_progress(RunLayout(tmp_path).job("W2_1_J2"), {"epoch": 4, "metric": 0.61234})
        view.end_job(first)
        shown = Console(file=io.StringIO(), width=80, color_system=None)
        shown.print(view.render())
        assert isinstance(shown.file, io.StringIO)
        lines = shown.file.getvalue().splitlines()
    finally:
        view.shutdown(ctx)
        view.close()
    assert max(map(len, lines)) <= 80
    assert len(lines) < 24
    text = "\n".join(lines)
    assert "1/4 ended, 1 running, 2 waiting" in text
    assert "best 0.7812 (W1_1_J1)" in text
    assert "left" in lines[0] or "…" in lines[0]
    assert "W2_1_J2" in text
    assert "0.6123" in text
    assert "idle" in text
    assert ("28 more" in text) == (workers == 40)
    assert "W1_1_J1 0.7812 dice in 20 s" in told.getvalue()


def test_every_validation_is_a_line(tmp_path: Path) -> None:
    """Once each, the last ones before the job's end."""
    told: list[str] = []
    handler = EveryValidation(told.append)
    ctx = context(tmp_path)
    inner = job(ctx, "W1_1_J1", "W1")
    handler.start_job(inner)
    layout = RunLayout(tmp_path).job("W1_1_J1")
    append_progress(layout, {"epoch": 1, "metric": 0.25, "seconds": 3, "train_loss": 0.5})
    append_progress(layout, {"epoch": 2, "metric": None})
    handler.end_job(inner)
    handler.shutdown(ctx)
    assert told[1:3] == ["W1_1_J1 epoch 1: metric=0.25, train_loss=0.5", "W1_1_J1 epoch 2: "]
    assert told[3].startswith("W1_1_J1 0.7812 dice")
    assert len(told) == 4
