"""What is known of a search, of the machine and of a job's end, without a store."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from mmar_automl.api import Worker
from mmar_automl.defs import Context, ContextKey, Job, JobState
from mmar_automl.handlers.mlflow import facts, jobs
from mmar_automl.handlers.mlflow.figures import draw
from mmar_automl.handlers.mlflow.ledger import Ledger, read_ledger, told_of
from mmar_automl.handlers.mlflow.machine import Sampler, gpu_values, read_samples
from mmar_automl.handlers.mlflow.sync import is_recorded
from mmar_automl.handlers.mlflow.unrecorded import Unrecorded
from mmar_automl.mmar.datalist import DataList
from mmar_automl.mmar.layout import MmarLayout, RunLayout
from mmar_automl.mmar.load import load


def test_the_commit_and_whether_it_was_changed(tmp_path: Path) -> None:
    """Nothing where there is no repository; a file changed since shows."""
    assert facts.of_code(tmp_path) == ({}, {}, {})
    file = tmp_path / "config.json"
    file.write_text("{}")
    git = ["git", "-C", str(tmp_path), "-c", "user.name=n", "-c", "user.email=e@x"]
    for words in (["init", "-q"], ["add", "."], ["commit", "-q", "-m", "one"]):
        subprocess.run([*git, *words], check=True)
    _, tags, _ = facts.of_code(tmp_path)
    assert len(tags["mlflow.source.git.commit"]) == 40
    assert tags["mmar_automl.git.dirty"] == "false"
    file.write_text("{ }")
    assert facts.of_code(tmp_path)[1]["mmar_automl.git.dirty"] == "true"


def test_the_fingerprint_is_the_datas(tmp_path: Path) -> None:
    """A copy has the same, another size of one file another, and no name stands in it."""
    (tmp_path / "a.nii").write_bytes(b"123")
    listed = DataList(tmp_path / "l.json", tmp_path, {"training": [{"image": "a.nii"}], "n": 1})
    first, _, _ = facts.of_data([listed])
    assert first["data.training"] == 1
    os.utime(tmp_path / "a.nii", (1, 1))
    assert facts.of_data([listed])[0] == first
    (tmp_path / "a.nii").write_bytes(b"1234")
    assert facts.of_data([listed])[0]["data.fingerprint"] != first["data.fingerprint"]
    assert facts.of_data([]) == ({}, {}, {})


def test_a_process_that_is_gone_is_told_from_one_that_lives() -> None:
    """By its number and when it began; of another machine nothing is known."""
    mine = facts.of_process()
    assert not facts.is_gone(mine)
    assert facts.is_gone({**mine, "mmar_automl.process_started": "1.0"})
    assert not facts.is_gone({**mine, "mmar_automl.host": "elsewhere", "mmar_automl.pid": "0"})
    assert not facts.is_gone({})
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    assert facts.is_gone({**mine, "mmar_automl.pid": str(ended.pid)})


def test_a_jobs_processes_are_sampled_with_their_children(tmp_path: Path) -> None:
    """CPU and memory of the whole tree; kept in its folder."""
    busy = "import subprocess, sys; subprocess.run([sys.executable, '-c', 'while True: pass'])"
    process = subprocess.Popen([sys.executable, "-c", busy], start_new_session=True)
    try:
        layout = MmarLayout(tmp_path)
        started = psutil.Process(process.pid).create_time()
        layout.job.write_text(json.dumps({"pid": process.pid, "process_started": started}))
        sampler = Sampler(layout, ())
        deadline = time.monotonic() + 20
        found: dict[str, float] = {}
        while found.get("system/cpu_utilization_percentage", 0.0) < 10:
            assert time.monotonic() < deadline
            time.sleep(0.5)
            found = {name: value for name, value, _, _ in sampler.sample()}
        assert found["system/system_memory_usage_megabytes"] > 5
    finally:
        os.killpg(process.pid, 9)
        process.wait()
    assert sampler.sample() == []
    kept = read_samples(layout)
    assert [step for name, _, step, _ in kept if "memory" in name] == list(
        range(1, 1 + max(step for _, _, step, _ in kept))
    )


@pytest.mark.parametrize(
    ("gpus", "visible", "expected"),
    [
        ((1,), [], {"system/gpu_1_utilization_percentage": 70.0}),
        ((0,), ["1"], {"system/gpu_0_utilization_percentage": 70.0}),
        ((0,), ["GPU-bb"], {"system/gpu_0_utilization_percentage": 70.0}),
        ((5,), [], {}),
    ],
)
def test_gpus_are_counted_as_the_worker_counts_them(
    gpus: tuple[int, ...], visible: list[str], expected: dict[str, float]
) -> None:
    """In CUDA_VISIBLE_DEVICES, by index or UUID; what a driver does not tell is left out."""
    rows = [["0", "GPU-aa11", "5", "100"], ["1", "GPU-bb22", "70", "[N/A]"]]
    assert gpu_values(gpus, visible, rows) == expected


def test_the_best_so_far_rises_with_the_jobs() -> None:
    """In the order of their ends, in the metric's own value; failures count, scores do not."""

    def job(number: int, score: float | None, state: JobState = JobState.FINISHED) -> Job:
        return Job(
            name=f"j{number}", recommendation_id=number, worker="1", state=state, started=0.0,
            ended=float(number), score=score, minimised=True,
        )  # fmt: skip

    ended = [job(4, -0.2), job(1, -0.5), job(2, None, JobState.FAILED), job(3, -0.9)]
    assert jobs.best_so_far(ended) == [("best_score", 0.5, 1, 1.0), ("best_score", 0.2, 4, 4.0)]


def test_a_figure_is_drawn_where_there_is_a_curve() -> None:
    """A single point is none; names may hold what TeX would read."""
    steps = [("a$_{", 0.1, 1, 0.0), ("a$_{", 0.2, 2, 0.0), ("b", 1.0, 1, 0.0)]
    figure = draw(steps, ("a$_{", "b"), "j$1")
    assert len(figure.axes) == 1
    figure.canvas.draw()
    assert draw(steps, ("b",), "") is None


def test_the_ledger_keeps_no_password(tmp_path: Path) -> None:
    """It lies in the run's folder, which more people can read than the server's users."""
    Ledger(uri="https://me:secret@host/x", experiment="e", tags={"a": "b"}).write(
        RunLayout(tmp_path)
    )
    told = read_ledger(RunLayout(tmp_path))
    assert told is not None
    assert told.uri == "https://me:***@host/x"
    assert told.tags == {"a": "b"}
    assert read_ledger(RunLayout(tmp_path / "none")) is None


def test_a_search_without_mlflow_is_known_all_the_same(tmp_path: Path) -> None:
    """Versions, limits and the data, for the report; there is nothing to send."""
    layout, run = MmarLayout(tmp_path), RunLayout(tmp_path / "automl/run_a")
    layout.config.mkdir()
    run.root.mkdir(parents=True)
    train = {"train": {"dataset": {"data_list_file_path": "list.json"}}}
    layout.train_config.write_text(json.dumps(train))
    (tmp_path / "list.json").write_text('{"training": [{"image": "a.nii"}], "validation": []}')
    ctx = Context()
    ctx.set_prop(ContextKey.MMAR, load(tmp_path))
    ctx.set_prop(ContextKey.AUTOML_ROOT, str(run.root))
    ctx.set_prop(ContextKey.RUN_ID, "run_a")
    ctx.set_prop(ContextKey.WORKERS, [Worker("W1", ())])
    ctx.set_prop(ContextKey.LIMITS, {"max_jobs": 3})
    handler = Unrecorded()
    handler.start_automl(ctx)
    handler.shutdown(ctx)
    ledger = read_ledger(run)
    assert ledger is not None
    assert ledger.parameters["controller"] == "AutoController"
    assert ledger.parameters["limits.max_jobs"] == 3
    assert not is_recorded(run)
    told = told_of(run)
    assert told["cases in the data lists"] == "training 1, validation 0"
    assert told["fingerprint of the data"].startswith("sha256:")
    assert "mlflow" in told["versions"]
    assert "commit" not in told
    Ledger(tags={"mlflow.source.git.commit": "abc", "mmar_automl.git.dirty": "true"}).write(run)
    Unrecorded().start_automl(ctx)
    assert is_recorded(run)
    assert told_of(run) == {"commit": "abc, changed since"}
