"""The report's numbers and its table."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest
from rich.console import Console

from mmar_automl.defs import FailureClass, Job, JobState, RunState
from mmar_automl.reports.summary import Report, summarise
from mmar_automl.reports.tabular import to_json
from mmar_automl.reports.terminal import print_report


def job(number: int, score: float | None, state: JobState, **changes: object) -> Job:
    given = {
        "name": f"W1_{number}_J{number}",
        "recommendation_id": number,
        "worker": "W1",
        "started": 10.0 * number,
        "ended": 10.0 * number + 4,
        "score": score,
        "state": state,
        "metric": "val_mean_dice" if score is not None else None,
        "parameters": {"learning_rate": 0.00123456, "UNet.channels": [8, 16]},
        **changes,
    }
    return Job(**given)  # type: ignore[arg-type]


@pytest.fixture
def report(tmp_path: Path) -> Report:
    """Four jobs: one failed, one interrupted, two with scores; one folder is gone."""
    (tmp_path / "W1_2_J2").mkdir()
    return summarise(
        [
            job(1, 0.5, JobState.FINISHED),
            job(2, 0.75, JobState.FINISHED, epoch=12),
            job(
                3,
                None,
                JobState.FAILED,
                failure=FailureClass.OUT_OF_MEMORY,
                message="out of memory (exit status 1)",
                tail="[red]not markup[/red]\nCUDA out of memory",
            ),
            job(4, None, JobState.RUNNING, ended=None),
        ],
        run_id="run_[a]",
        run_root=tmp_path,
        state=RunState.INTERRUPTED,
        reason="signal 2",
        dropped=3,
    )


def test_jobs_are_ordered_by_score_with_the_scoreless_last(report: Report) -> None:
    """The best first; a job without an end in a search that is over was interrupted."""
    assert [row.name for row in report.rows] == ["W1_2_J2", "W1_1_J1", "W1_3_J3", "W1_4_J4"]
    assert report.best == "W1_2_J2"
    assert report.rows[-1].state is JobState.INTERRUPTED


def test_json_is_strict_and_missing_things_are_null(report: Report, tmp_path: Path) -> None:
    """In the shape that the issue of a script relies on."""
    raw = json.loads(json.dumps(to_json(report), allow_nan=False))
    assert {"run_id", "state", "best", "jobs", "uncertainty"} <= set(raw)
    first = raw["jobs"][0]
    assert {
        "name",
        "state",
        "score",
        "parameters",
        "folder",
        "seconds",
        "worker",
        "gpus",
    } <= set(first)
    assert first["folder"] == str(tmp_path / "W1_2_J2")
    assert raw["jobs"][1]["folder"] is None
    assert raw["jobs"][3]["seconds"] is None


@pytest.mark.parametrize("width", [72, 80, 120, 200])
def test_the_table_fits_any_width_and_loses_nothing(report: Report, width: int) -> None:
    """Each value is there, whole, and no line is wider than the terminal."""
    buffer = io.StringIO()
    print_report(report, Console(file=buffer, width=width, highlight=False))
    text = buffer.getvalue()
    table = [line for line in text.splitlines() if line.startswith(("│", "┃", "┏", "└"))]
    assert max(map(len, table)) <= width
    joined = "".join(text.replace("│", "").split())
    text = " ".join(text.split())
    for value in ("0.7500", "0.001235", "[8,16]", "W1_1_J1(deleted)", "W1_2_J2*", "interrupted"):
        assert value in joined
    assert "run_[a]: interrupted" in text
    assert "* best: W1_2_J2, val_mean_dice 0.7500 at epoch 12." in text
    assert "3 proposed configurations were never started" in text
    assert "The search ended early: signal 2." in text
    assert "[red]not markup[/red]" in text


def test_a_search_without_jobs_says_so(tmp_path: Path) -> None:
    """No crash on an empty table."""
    buffer = io.StringIO()
    empty = summarise([], run_id="r", run_root=tmp_path, state=RunState.FAILED, reason="no disk")
    print_report(empty, Console(file=buffer, width=80))
    assert "No job has a score." in buffer.getvalue()
