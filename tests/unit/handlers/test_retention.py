"""MMARHandler: what is kept, what best/ leads to, when the search stops."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from mmar_automl.defs import Context, ContextKey, JobState, Outcome
from mmar_automl.handlers.retention import MMARHandler, point_best
from mmar_automl.mmar.layout import RunLayout


class Run:
    """A run folder with jobs that end one after the other."""

    def __init__(self, root: Path, handler: MMARHandler) -> None:
        self.layout = RunLayout(root)
        self.handler = handler
        self.main = Context()
        self.main.set_prop(ContextKey.AUTOML_ROOT, str(root))
        self.count = 0

    def end(self, value: float | None, state: JobState = JobState.FINISHED) -> str:
        self.count += 1
        name = f"W1_{self.count}_J{self.count}"
        job = self.layout.job(name)
        job.models.mkdir(parents=True)
        (job.root / "log.txt").write_text("log")
        ctx = Context(self.main)
        outcome = Outcome(recommendation_id=self.count, job_name=name, state=state, value=value)
        ctx.set_prop(ContextKey.OUTCOME, outcome)
        self.handler.end_job(ctx)
        return name

    def kept(self) -> list[int]:
        folders = [folder for folder in self.layout.root.iterdir() if not folder.is_symlink()]
        return sorted(int(folder.name.rpartition("J")[2]) for folder in folders)


def test_only_the_best_are_kept_and_failed_jobs_always(tmp_path: Path) -> None:
    """The worst scored jobs go; those without a score stay for their logs."""
    run = Run(tmp_path, MMARHandler(num_mmars_to_keep=2))
    for value in (0.5, 0.9, 0.1, 0.7):
        run.end(value)
    run.end(None, JobState.FAILED)
    run.end(None, JobState.FINISHED_NO_SCORE)
    assert run.kept() == [2, 4, 5, 6]


def test_best_is_a_relative_link_to_the_earlier_job_on_a_tie(tmp_path: Path) -> None:
    """It moves only when a later job is really better."""
    run = Run(tmp_path, MMARHandler())
    run.end(0.5)
    assert os.readlink(tmp_path / "best") == "W1_1_J1"
    run.end(0.5)
    assert os.readlink(tmp_path / "best") == "W1_1_J1"
    run.end(0.6)
    assert os.readlink(tmp_path / "best") == "W1_3_J3"
    run.end(None, JobState.FINISHED_NO_SCORE)
    assert os.readlink(tmp_path / "best") == "W1_3_J3"


def test_deleting_a_job_does_not_follow_its_links(tmp_path: Path) -> None:
    """A job's resources/ leads to the base's."""
    run = Run(tmp_path / "run", MMARHandler(num_mmars_to_keep=1))
    base = tmp_path / "resources"
    base.mkdir()
    (base / "log.config").write_text("keep me")
    name = run.end(0.1)
    (run.layout.job(name).root / "resources").symlink_to(base)
    run.end(0.2)
    assert run.kept() == [2]
    assert (base / "log.config").read_text() == "keep me"


def test_the_threshold_asks_to_stop_once_it_is_reached(tmp_path: Path) -> None:
    """At or above, as Clara's; an interrupted job's value does not count."""
    run = Run(tmp_path, MMARHandler(stop_threshold=0.8))
    run.end(0.79)
    run.end(0.95, JobState.INTERRUPTED)
    assert not run.main.stop_work_asked()
    run.end(0.8)
    assert run.main.get_stop_message() == "W1_3_J3 reached the score 0.8 of stop_threshold"


def test_where_links_fail_best_is_a_copy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As on some network and FAT file systems; it is replaced, too."""

    def refuse(*args: object, **kwargs: object) -> None:
        raise OSError("no links here")

    run = RunLayout(tmp_path)
    for name in ("A", "B"):
        run.job(name).root.mkdir()
        (run.job(name).root / "who").write_text(name)
    monkeypatch.setattr(Path, "symlink_to", refuse)
    for name in ("A", "B"):
        point_best(run, name)
        assert (run.best / "who").read_text() == name
        assert not run.best.is_symlink()


def test_keeping_none_is_refused() -> None:
    """The best is always kept."""
    with pytest.raises(ValueError, match="at least 1"):
        MMARHandler(num_mmars_to_keep=0)
