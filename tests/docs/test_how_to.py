"""The how-to pages, done from top to bottom: files are written, commands are run."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

HOW_TO = Path(__file__).parents[2] / "docs/how-to"
PART = re.compile(r"(?:^`([^`\n]+)`:\n\n)?```(\w+)\n(.*?)```", re.DOTALL | re.MULTILINE)


def follow(page: str, folder: Path) -> list[str]:
    """Do what a page says in a folder; the output of each block of commands."""
    told = []
    here = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    for file, language, body in PART.findall((HOW_TO / page).read_text()):
        if file:
            (folder / file).parent.mkdir(parents=True, exist_ok=True)
            (folder / file).write_text(body)
        elif language == "bash":
            # MLflow is tried elsewhere; a store for each search would take most of the time here.
            commands = re.sub(r"(mmar-automl run .*)", r"\1 --no-mlflow", body)
            done = subprocess.run(
                ["bash", "-eu", "-c", commands],
                cwd=folder,
                capture_output=True,
                text=True,
                timeout=300,
                env={**os.environ, "PATH": here},
                check=False,
            )
            assert done.returncode == 0, done.stdout + done.stderr
            told.append(done.stdout)
    return told


@pytest.mark.skipif(shutil.which("cc") is None, reason="there is no C compiler here")
def test_anything_can_be_tuned(tmp_path: Path) -> None:
    """A program in C by the round script, a scikit-learn model by an executor: as printed."""
    smoothing, digits, nice = follow("tune-anything.md", tmp_path)
    page = (HOW_TO / "tune-anything.md").read_text()
    rows = [line for line in page.splitlines() if line.startswith("│")]
    assert len(rows) == 7
    for row in rows:
        cells = [cell.strip() for cell in row.split("│")]
        said = smoothing if cells[1].startswith("0.1") or "W2_5_J9" in row else digits
        assert any(
            all(cell in line for cell in (cells[1], *cells[4:6])) for line in said.splitlines()
        ), row
    assert "can be searched: 4 parameters, 0 warnings" in digits
    assert "mmar-automl train" not in smoothing + digits
    assert nice.count("finished") >= 2


def test_components_of_your_own(tmp_path: Path) -> None:
    """From `init` over `new` to a search with a controller, a handler and a transform."""
    _, new, searched = follow("write-your-own-components.md", tmp_path)
    assert new.count("which works as it is") == 3
    assert "can be searched" in searched
    assert "MySearch: 2 jobs at most" in searched
    assert "is the best so far" in searched
    assert "  my_search.MySearch(" in searched
    for stats in tmp_path.glob("my_mmar/automl/run_a/W*/models/train_stats.json"):
        assert 0 < json.loads(stats.read_text())["best_validation_metric"] < 1
