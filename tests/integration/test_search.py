"""Whole searches through the command line: real processes, a stand-in trainer."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from tests.conftest import MakeMmar, choices, searching


def alive_in(root: Path) -> list[int]:
    """Processes that were started for a job below this folder."""
    found = []
    for process in psutil.process_iter():
        try:
            if str(root) in " ".join(process.cmdline()) or str(root) in process.environ().get(
                "MMAR_ROOT", ""
            ):
                found.append(process.pid)
        except psutil.Error:
            continue
    return found


def wait_for(condition, seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.05)


def test_a_grid_is_run_in_order_and_the_report_agrees_with_the_jobs(make_mmar: MakeMmar) -> None:
    """Every combination once, first key fastest; each job's config holds its own values."""
    mmar = make_mmar(searching(score=[0.2, 0.9, 0.4], other=["a", "b"]))
    done = mmar.search(workers="cpu")
    assert done.returncode == 0, done.stderr
    report = mmar.report()
    assert report["state"] == "finished"
    by_name = {job["name"]: job for job in report["jobs"]}
    assert sorted(by_name, key=lambda n: int(n.rpartition("J")[2])) == [
        f"W1_{n}_J{n}" for n in range(1, 7)
    ]
    ordered = [by_name[f"W1_{n}_J{n}"]["parameters"] for n in range(1, 7)]
    assert [p["score"] for p in ordered] == [0.2, 0.9, 0.4, 0.2, 0.9, 0.4]
    assert [p["other"] for p in ordered] == ["a", "a", "a", "b", "b", "b"]
    for name, job in by_name.items():
        config = json.loads((mmar.job(name) / "config/config_train.json").read_text())
        assert job["score"] == config["score"] == job["parameters"]["score"]
        assert "search" not in config
        record = json.loads((mmar.job(name) / "job.json").read_text())
        assert record["score"] == job["score"]
        assert record["state"] == "finished"
    assert report["best"] == "W1_2_J2"
    assert os.readlink(mmar.root / "automl/run_a/best") == "W1_2_J2"
    assert [job["score"] for job in report["jobs"]] == [0.9, 0.9, 0.4, 0.4, 0.2, 0.2]


def test_the_console_tells_what_starts_and_ends(make_mmar: MakeMmar) -> None:
    """A plain line each, the best so far, and the table at the end."""
    done = make_mmar(searching(score=[0.25, 0.75])).search(workers="cpu")
    assert "W1_1_J1 starts: score=0.25" in done.stdout
    assert "W1_2_J2 0.7500 dice in" in done.stdout
    assert "best 0.7500 (W1_2_J2) · 2/2" in done.stdout
    assert "* best: W1_2_J2, dice 0.7500 at epoch 3." in done.stdout
    assert "\x1b[" not in done.stdout


def test_the_console_tells_at_the_start_what_the_controller_will_do_and_why(
    make_mmar: MakeMmar,
) -> None:
    """Which hangs on the space; before the first job, and again when the search is resumed."""
    mmar = make_mmar(searching(score=[0.25, 0.75]), {"name": "AutoController"})
    chosen = (
        "AutoController: all 2 configurations of the space, 32 jobs at most, seed 0, "
        "the config's own values first; 1 worker"
    )
    lines = mmar.search(workers="cpu").stdout.splitlines()
    assert lines[:2] == [
        "mmar: 1 parameter, 2 distinct configurations",
        f"run run_a: {mmar.root}/automl/run_a",
    ]
    assert lines[2] == chosen
    assert chosen in mmar.search("--resume", workers="cpu").stdout.splitlines()


def test_jobs_find_their_worker_in_the_environment(make_mmar: MakeMmar) -> None:
    """MMAR_ROOT is the job's own, threads are shared out, no GPU is visible to a CPU worker."""
    mmar = make_mmar(searching(score=[0.1, 0.2]))
    assert mmar.search("--set", "colour=blue").returncode == 0
    seen = json.loads((mmar.job("W1_1_J1") / "seen.json").read_text())
    assert seen["MMAR_ROOT"] == str(mmar.job("W1_1_J1"))
    assert seen["CUDA_VISIBLE_DEVICES"] == ""
    assert seen["OMP_NUM_THREADS"] == str(max(1, len(os.sched_getaffinity(0)) // 2))
    assert seen["OMP_WAIT_POLICY"] == "PASSIVE"
    assert seen["arguments"] == ["colour=blue"]


def test_gpu_indices_are_relative_to_the_parents_visible_devices(make_mmar: MakeMmar) -> None:
    """With CUDA_VISIBLE_DEVICES=2,3 the workers 0:1 train on 2 and 3 (case SH-14)."""
    mmar = make_mmar(searching(score=[0.1, 0.2], seconds=[0.3]))
    done = mmar.search(workers="0:1", env={"CUDA_VISIBLE_DEVICES": "2,3"})
    assert done.returncode == 0, done.stderr
    seen = {
        json.loads(file.read_text())["CUDA_VISIBLE_DEVICES"]
        for file in (mmar.root / "automl/run_a").glob("W*/seen.json")
    }
    assert seen == {"2", "3"}
    assert {tuple(job["gpus"]) for job in mmar.report()["jobs"]} == {(0,), (1,)}


def test_gpu_indices_run_on_cpu_where_there_is_none(make_mmar: MakeMmar) -> None:
    """One notice, not one for each job."""
    mmar = make_mmar(searching(score=[0.1, 0.2, 0.3]))
    done = mmar.search(workers="0:0:0", env={"CUDA_VISIBLE_DEVICES": ""})
    assert done.returncode == 0
    assert done.stderr.count("no GPU here") == 1


def test_the_base_is_left_as_it_was(make_mmar: MakeMmar) -> None:
    """A round script that edits what it was given, in place, reaches only its own copy."""
    mmar = make_mmar(searching(score=[0.1]))
    (mmar.root / "models/model.pt").write_bytes(b"weights")
    (mmar.root / "docs").mkdir()
    (mmar.root / "docs/Readme.md").write_text("read me")
    mmar.write("config/environment.json", {"MMAR_CKPT": "models/model.pt"})
    config = mmar.read("config/config_train.json")
    config["train"] = {"handlers": [{"name": "CheckpointLoader", "args": {"p": "{MMAR_CKPT}"}}]}
    mmar.write("config/config_train.json", config)
    script = mmar.root / "commands/automl_train_round.sh"
    script.write_text(
        script.read_text().replace(
            "exec",
            "for f in config/config_train.json commands/automl_train_round.sh models/model.pt; do\n"
            '    echo "# edited" >> "$MMAR_ROOT/$f"\ndone\n'
            "git checkout -q 2>/dev/null || true\nsed -i '/^# edited/d' "
            '"$MMAR_ROOT/config/config_train.json"\nexec',
        )
    )
    before = tree_hash(mmar.root)
    done = mmar.search(workers="cpu")
    assert done.returncode == 0, done.stderr + done.stdout
    assert b"edited" in (mmar.job("W1_1_J1") / "models/model.pt").read_bytes()
    assert tree_hash(mmar.root) == before


def tree_hash(root: Path) -> dict[str, bytes]:
    return {
        str(file.relative_to(root)): file.read_bytes()
        for file in sorted(root.rglob("*"))
        if file.is_file() and "automl/" not in f"{file.relative_to(root)}/"
    }


@pytest.mark.parametrize(
    ("behaviour", "state", "failure", "said"),
    [
        ("crash", "failed", "exit_status", "RuntimeError: the stand-in was told to crash"),
        ("oom", "failed", "out_of_memory", "CUDA out of memory"),
        ("kill", "failed", "killed", "killed by signal 9 (often: out of memory)"),
        ("kill_child", "failed", "killed", "killed by signal 9 (often: out of memory)"),
        ("silent", "finished_no_score", None, "no validation wrote a score"),
        ("torn", "finished_no_score", None, "cannot be read"),
        ("nan", "finished_no_score", None, "not a finite number"),
        ("text", "finished_no_score", None, "'0.99', not a finite number"),
    ],
)
def test_one_bad_job_costs_only_itself(
    make_mmar: MakeMmar, behaviour: str, state: str, failure: str | None, said: str
) -> None:
    """The others go on, its end is told with its reason, and it is never the best."""
    mmar = make_mmar(searching(behaviour=[behaviour, "succeed"], score=[0.5]))
    done = mmar.search(workers="cpu")
    assert done.returncode == 0, done.stderr
    report = mmar.report()
    bad = next(job for job in report["jobs"] if job["parameters"]["behaviour"] == behaviour)
    assert (bad["state"], bad["failure"], bad["score"]) == (state, failure, None)
    assert report["best"] != bad["name"]
    assert said in done.stdout
    assert "-1000000" not in done.stdout
    assert "Traceback" not in done.stdout + done.stderr


def test_a_search_without_any_score_says_so(make_mmar: MakeMmar) -> None:
    """Exit status 3, no best job, no link to one."""
    mmar = make_mmar(searching(behaviour=["nan", "silent"]))
    done = mmar.search()
    assert done.returncode == 3
    assert "no job has a usable score" in done.stderr
    assert mmar.report()["best"] is None
    assert not (mmar.root / "automl/run_a/best").exists()


def test_what_a_job_leaves_behind_is_ended(make_mmar: MakeMmar) -> None:
    """A grandchild in a session of its own does not outlive its job."""
    mmar = make_mmar(searching(behaviour=["grandchild"], score=[0.5]))
    assert mmar.search(workers="cpu").returncode == 0
    assert alive_in(mmar.root) == []


@pytest.mark.parametrize(
    ("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)]
)
def test_a_signal_ends_everything(make_mmar: MakeMmar, number: int, status: int) -> None:
    """Its own exit status, nobody left alive, jobs recorded as interrupted, not failed."""
    mmar = make_mmar(searching(behaviour=["hang"], score=[0.1, 0.2, 0.3]))
    search = mmar.start("run", "{root}", "--no-mlflow", "--workers", "cpu:cpu")
    wait_for(lambda: len(list(mmar.root.glob("automl/run_a/W*/seen.json"))) == 2)
    os.kill(search.pid, number)
    printed, _ = search.communicate(timeout=30)
    assert search.returncode == status, printed
    assert alive_in(mmar.root) == []
    report = mmar.report()
    assert report["state"] == "interrupted"
    assert [job["state"] for job in report["jobs"]] == ["interrupted", "interrupted"]
    assert "1 proposed configurations were never started" in printed


def test_a_second_ctrl_c_does_not_wait(make_mmar: MakeMmar) -> None:
    """A job that ignores SIGTERM is killed at once when asked twice."""
    mmar = make_mmar(searching(behaviour=["ignore_sigterm"], score=[0.1]))
    search = mmar.start("run", "{root}", "--no-mlflow", "--workers", "cpu")
    wait_for(lambda: list(mmar.root.glob("automl/run_a/W*/seen.json")))
    time.sleep(0.3)
    os.kill(search.pid, signal.SIGINT)
    time.sleep(0.5)
    began = time.monotonic()
    os.kill(search.pid, signal.SIGINT)
    search.communicate(timeout=30)
    assert time.monotonic() - began < 8
    assert search.returncode == 130
    assert alive_in(mmar.root) == []


def test_a_killed_search_is_reported_as_interrupted(make_mmar: MakeMmar) -> None:
    """kill -9: the journal holds what was known, and nothing is called running for ever."""
    mmar = make_mmar(searching(behaviour=["succeed", "hang"], score=[0.7]))
    search = mmar.start("run", "{root}", "--no-mlflow", "--workers", "cpu")
    wait_for(lambda: list(mmar.root.glob("automl/run_a/W1_2_J2/seen.json")))
    os.killpg(search.pid, signal.SIGKILL)
    search.communicate()
    for pid in alive_in(mmar.root):
        os.kill(pid, signal.SIGKILL)
    report = mmar.report()
    assert report["state"] == "interrupted"
    assert report["best"] == "W1_1_J1"
    assert [job["state"] for job in report["jobs"]] == ["finished", "interrupted"]


def test_a_running_search_can_be_reported(make_mmar: MakeMmar) -> None:
    """From another process, while a job runs."""
    mmar = make_mmar(searching(behaviour=["succeed", "hang"], score=[0.7]))
    search = mmar.start("run", "{root}", "--no-mlflow", "--workers", "cpu")
    wait_for(lambda: list(mmar.root.glob("automl/run_a/W1_2_J2/seen.json")))
    report = mmar.report()
    os.kill(search.pid, signal.SIGTERM)
    search.communicate(timeout=30)
    assert report["state"] == "running"
    assert [job["state"] for job in report["jobs"]] == ["finished", "running"]
    assert report["jobs"][1]["seconds"] is None


def test_a_full_disk_ends_the_search(make_mmar: MakeMmar) -> None:
    """Exit status 4 and the reason; the journal stays readable, no job is left alive."""
    mmar = make_mmar(searching(score=[n / 100 for n in range(60)]))
    # A file-size limit refuses a write where a full disk would.
    limited = f"ulimit -f 12; exec {shlex.join(mmar.argv('run', '{root}', '--no-mlflow'))}"
    done = subprocess.run(
        ["bash", "-c", limited], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 4, done.stderr
    assert "the journal cannot be written" in done.stderr
    assert "Traceback" not in done.stderr
    assert alive_in(mmar.root) == []
    assert len(mmar.report()["jobs"]) > 0


def test_stop_threshold_ends_the_search(make_mmar: MakeMmar) -> None:
    """What is queued is dropped, and the reason is told."""
    mmar = make_mmar(
        searching(score=[0.1, 0.95, 0.3, 0.4]),
        handlers=[{"name": "MMARHandler", "args": {"stop_threshold": 0.9}}],
    )
    done = mmar.search(workers="cpu")
    assert done.returncode == 0
    report = mmar.report()
    assert report["state"] == "stopped"
    assert len(report["jobs"]) == 2
    assert "W1_2_J2 reached the score 0.95 of stop_threshold" in done.stdout
    assert "2 proposed configurations were never started" in done.stdout


def test_only_the_best_job_mmars_are_kept(make_mmar: MakeMmar) -> None:
    """A deleted folder is null in the report; failed jobs and the best stay."""
    mmar = make_mmar(
        searching(score=[0.9, 0.2, 0.4], behaviour=["succeed", "crash"]),
        handlers=[{"name": "MMARHandler", "args": {"num_mmars_to_keep": 1}}],
    )
    assert mmar.search(workers="cpu").returncode == 0
    report = mmar.report()
    assert len(report["jobs"]) == 6
    kept = {job["name"] for job in report["jobs"] if job["folder"]}
    assert kept == {"W1_1_J1", "W1_4_J4", "W1_5_J5", "W1_6_J6"}
    assert (mmar.root / "automl/run_a/best/job.json").exists()


def test_moving_the_mmar_leaves_the_report_working(make_mmar: MakeMmar, tmp_path: Path) -> None:
    """Folders are where the MMAR now is, and best/ still leads to the best."""
    mmar = make_mmar(searching(score=[0.3, 0.8]))
    assert mmar.search().returncode == 0
    moved = tmp_path / "elsewhere" / "läsion (v2)"
    moved.parent.mkdir()
    shutil.move(mmar.root, moved)
    mmar.root = moved
    report = mmar.report()
    assert all(Path(job["folder"]).is_dir() for job in report["jobs"])
    assert json.loads((moved / "automl/run_a/best/job.json").read_text())["score"] == 0.8


def test_run_ids_count_up_and_are_never_reused(make_mmar: MakeMmar) -> None:
    """run_a, run_b, …; one that exists is refused and stays as it is."""
    mmar = make_mmar(searching(score=[0.5]))
    assert mmar.search().returncode == 0
    assert mmar.search().returncode == 0
    assert mmar.search("--run-id", "läsion 1").returncode == 0
    assert mmar.report()["run_id"] == "läsion 1"
    before = (mmar.root / "automl/run_a/journal.jsonl").read_bytes()
    done = mmar.search("--run-id", "run_a")
    assert done.returncode == 2
    assert "the run id 'run_a' exists" in done.stderr
    assert (mmar.root / "automl/run_a/journal.jsonl").read_bytes() == before
    assert mmar.report("run_b")["run_id"] == "run_b"
    done = mmar.run("report", "{root}", "run_z")
    assert done.returncode == 2
    assert "run_a, run_b, läsion 1" in done.stderr


def test_two_searches_at_once_get_two_folders(make_mmar: MakeMmar) -> None:
    """Without ids they do not meet (case SH-18 b)."""
    mmar = make_mmar(searching(score=[0.1, 0.2], seconds=[0.2]))
    words = ("run", "{root}", "--no-mlflow", "--workers", "cpu")
    both = [mmar.start(*words), mmar.start(*words)]
    assert [search.wait(timeout=60) for search in both] == [0, 0]
    for search in both:
        assert search.stdout is not None
        search.stdout.close()
    for run_id in ("run_a", "run_b"):
        assert len(mmar.report(run_id)["jobs"]) == 2


def test_idle_workers_take_turns(make_mmar: MakeMmar) -> None:
    """Longest idle first, as Clara's folders W1_1_J1, W2_1_J2, W1_2_J3 show."""
    mmar = make_mmar(searching(score=[0.1, 0.2, 0.3, 0.4], seconds=[0.2]))
    assert mmar.search(workers="cpu:cpu").returncode == 0
    names = {job["name"] for job in mmar.report()["jobs"]}
    assert {"W1_1_J1", "W2_1_J2"} < names
    assert {name.rpartition("_")[2] for name in names} == {"J1", "J2", "J3", "J4"}


def test_a_users_own_controller_and_handler_are_found_in_custom(make_mmar: MakeMmar) -> None:
    """By path, after everything installed; a handler that raises costs nobody anything."""
    mmar = make_mmar(
        searching(score=[0.1, 0.6]),
        controller={"path": "mine.LastChoice"},
        handlers=[{"path": "mine.Clumsy"}, {"name": "MMARHandler"}],
    )
    (mmar.root / "custom/mine.py").write_text(
        "from mmar_automl.api import Controller, Handler\n"
        "from mmar_automl.defs import Recommendation, SearchResult\n"
        "class LastChoice(Controller):\n"
        "    def set_search_space(self, space, ctx): self.space = space\n"
        "    def initial_recommendation(self, ctx):\n"
        "        values = {k: len(v) - 1 for k, v in self.space.targets.items()}\n"
        "        return [Recommendation(7, SearchResult(self.space, values))]\n"
        "    def refine_recommendation(self, outcome, ctx): return []\n"
        "class Clumsy(Handler):\n"
        "    def end_job(self, ctx): raise KeyError('oops')\n"
    )
    done = mmar.search()
    assert done.returncode == 0, done.stderr
    assert [job["score"] for job in mmar.report()["jobs"]] == [0.6]
    assert "Clumsy raised in end_job: KeyError: 'oops' (mine.py:" in done.stderr
    assert "handler errors: 1" in done.stdout


def test_a_controller_that_raises_is_named_and_running_jobs_are_kept(make_mmar: MakeMmar) -> None:
    """Exit status 1, the place in the user's file, the score of what ran."""
    mmar = make_mmar(searching(score=[0.1, 0.6]), controller={"path": "bad.Raises"})
    (mmar.root / "custom/bad.py").write_text(
        "from mmar_automl.api import Controller\n"
        "from mmar_automl.defs import Recommendation, SearchResult\n"
        "class Raises(Controller):\n"
        "    def set_search_space(self, space, ctx): self.space = space\n"
        "    def initial_recommendation(self, ctx):\n"
        "        key = next(iter(self.space.targets))\n"
        "        return [Recommendation(1, SearchResult(self.space, {key: 1}))]\n"
        "    def refine_recommendation(self, outcome, ctx): raise ValueError('no idea')\n"
    )
    done = mmar.search()
    assert done.returncode == 1
    assert "Raises raised ValueError: no idea (bad.py:8)" in done.stderr
    assert "Traceback" not in done.stderr
    report = mmar.report()
    assert report["state"] == "failed"
    assert report["jobs"][0]["score"] == 0.6


def test_a_handler_that_raises_in_startup_ends_the_search_before_any_job(
    make_mmar: MakeMmar,
) -> None:
    """Exit status 4, named, and no job folder."""
    mmar = make_mmar(searching(score=[0.1]), handlers=[{"path": "mine.Refuses"}])
    (mmar.root / "custom/mine.py").write_text(
        "from mmar_automl.api import Handler\n"
        "class Refuses(Handler):\n"
        "    def startup(self, ctx): raise RuntimeError('no licence')\n"
    )
    done = mmar.search()
    assert done.returncode == 4
    assert "Refuses raised in startup: RuntimeError: no licence" in done.stderr
    assert list(mmar.root.glob("automl/*/W*")) == []


def bad_input(mmar, *words: str) -> str:
    """The message of a search that must be refused before any job folder exists."""
    done = mmar.search(*words) if words else mmar.search()
    assert done.returncode == 2, done.stderr
    assert "Traceback" not in done.stderr
    assert list(mmar.root.glob("automl/*")) == []
    return done.stderr


def test_no_such_directory(make_mmar: MakeMmar, tmp_path: Path) -> None:
    """A missing folder, a file, and a folder that is no MMAR are three messages."""
    mmar = make_mmar(searching(score=[1]))
    root, mmar.root = mmar.root, tmp_path / "nowhere"
    assert "no such directory" in mmar.search().stderr
    mmar.root = tmp_path
    told = mmar.search()
    assert told.returncode == 2
    assert "is no MMAR: it has no folder config/" in told.stderr
    assert f"did you mean {root}?" in told.stderr
    mmar.root = root / "config/config_train.json"
    assert "is a file; an MMAR is a directory" in mmar.search().stderr


def test_broken_json_is_told_with_line_and_column(make_mmar: MakeMmar) -> None:
    """All broken files at once."""
    mmar = make_mmar(searching(score=[1]))
    (mmar.root / "config/config_train.json").write_text('{\n  "epochs": 1,\n}\n')
    (mmar.root / "config/environment.json").write_text('{"a": 1 "b": 2}')
    told = bad_input(mmar)
    assert "config_train.json:3" in told
    assert "column 1" in told
    assert "environment.json:1" in told
    assert "a comma is missing before it" in told


def test_unknown_component_names_are_told_with_the_nearest(make_mmar: MakeMmar) -> None:
    """Every one of them, with file, line and JSON path."""
    mmar = make_mmar(
        searching(score=[1]),
        controller={"name": "RandomControler"},
        handlers=[{"name": "StatHandler"}, {"name": "MMARExecutor"}],
    )
    told = bad_input(mmar)
    assert 'controller.name = "RandomControler"' in told
    assert "did you mean 'RandomController'?" in told
    assert "did you mean 'StatsHandler'?" in told
    assert "handlers[1].name" in told
    assert "goes under 'executor'" in told


def test_component_arguments_are_checked(make_mmar: MakeMmar) -> None:
    """Before anything starts, with the signature."""
    mmar = make_mmar(
        searching(score=[1]), controller={"name": "GridController", "args": {"nums": 3}}
    )
    told = bad_input(mmar)
    assert "GridController: got an unexpected keyword argument 'nums'" in told
    assert "did you mean 'num'?" in told
    mmar = make_mmar(
        searching(score=[1]), controller={"name": "GridController", "args": {"num": 0}}, name="b"
    )
    assert "num is at least 1, got 0" in bad_input(mmar)


def test_search_mistakes_are_told_with_their_places(make_mmar: MakeMmar) -> None:
    """A missing arg, min above max, an empty search."""
    component = {
        "name": "UNet",
        "args": {"channels": [1]},
        "search": [
            {"args": ["chanels"], "type": "enum", "domain": "net", "targets": [[1], [2]]},
            {"args": ["channels"], "type": "float", "domain": "net", "targets": [2, 1]},
        ],
    }
    told = bad_input(make_mmar({"train": {"model": component}}))
    assert "train.model.search[0].args" in told
    assert "did you mean 'channels'?" in told
    assert "train.model.search[1].targets = [2, 1]" in told
    assert "min is above max" in told
    assert "nothing to search" in bad_input(make_mmar({"epochs": 3}, name="b"))
    assert "nothing to search" in bad_input(make_mmar({"search": []}, name="c"))


def test_a_searched_name_cannot_be_set(make_mmar: MakeMmar) -> None:
    """--set and environment.json would silently cancel the search."""
    mmar = make_mmar(searching(score=[1, 2]))
    assert "'score' is searched, but --set sets it" in bad_input(mmar, "--set", "score=3")
    mmar.write("config/environment.json", {"score": 4})
    assert "environment.json sets it" in bad_input(mmar)


@pytest.mark.parametrize("spec", ["0::1", "a", "0,0", "", "cpu:", "-1", "0:1:2;3"])
def test_malformed_worker_specs(make_mmar: MakeMmar, spec: str) -> None:
    """With an example of what is meant."""
    mmar = make_mmar(searching(score=[1]))
    done = mmar.search(workers=spec)
    assert done.returncode == 2
    assert f"--workers {spec}" in done.stderr
    assert "0:1 is a worker on GPU 0 and one on GPU 1" in done.stderr
    assert list(mmar.root.glob("automl/*")) == []


def test_a_missing_round_script(make_mmar: MakeMmar) -> None:
    """The only script that a search needs."""
    mmar = make_mmar(searching(score=[1]))
    (mmar.root / "commands/automl_train_round.sh").unlink()
    assert "automl_train_round.sh" in bad_input(mmar)


def test_a_lost_execute_bit_is_only_a_warning(make_mmar: MakeMmar) -> None:
    """Scripts are run by bash."""
    mmar = make_mmar(searching(score=[0.5]))
    (mmar.root / "commands/automl_train_round.sh").chmod(0o644)
    done = mmar.search()
    assert done.returncode == 0
    assert "is not executable" in done.stderr


def test_missing_data_is_told_before_any_job(make_mmar: MakeMmar) -> None:
    """Counts and the first paths (case SH-24); --no-data-check goes on anyway."""
    dataset = {
        "name": "Dataset",
        "data_list_file_path": "{DATASET_JSON}",
        "data_file_base_dir": "{DATA_ROOT}",
        "data_list_key": "training",
    }
    mmar = make_mmar({**searching(score=[0.5]), "train": {"dataset": dataset}})
    script = mmar.root / "commands/automl_train_round.sh"
    script.write_text(script.read_text() + "# unreached\nmmar-automl train\n")
    mmar.write("config/environment.json", {"DATA_ROOT": "data", "DATASET_JSON": "data/list.json"})
    assert "no such data list" in bad_input(mmar)
    (mmar.root / "data").mkdir()
    (mmar.root / "data/there.nii").touch()
    entries = [{"image": f"{n}.nii", "label": "there.nii"} for n in range(5)]
    mmar.write("data/list.json", {"training": entries})
    told = bad_input(mmar)
    assert "5 of the files of 'training' (5 entries) do not exist" in told
    assert str(mmar.root / "data/0.nii") in told
    assert "DATA_ROOT is" in told
    assert mmar.search("--no-data-check").returncode == 0


def test_a_read_only_root_is_an_environment_fault(make_mmar: MakeMmar) -> None:
    """Exit status 4 and the path, no traceback."""
    mmar = make_mmar(searching(score=[1]))
    argv = mmar.argv("run", "{root}", "--no-mlflow")
    if os.geteuid() == 0:
        if shutil.which("setpriv") is None:
            pytest.skip("root ignores permissions, and setpriv is not here to take that away")
        dropped = "-dac_override,-dac_read_search"
        argv = ["setpriv", f"--bounding-set={dropped}", f"--inh-caps={dropped}", *argv]
    mmar.root.chmod(0o555)
    try:
        done = subprocess.run(argv, capture_output=True, text=True, timeout=60, check=False)
    finally:
        mmar.root.chmod(0o755)
    assert done.returncode == 4, done.stderr
    assert f"{mmar.root}/automl cannot be made: Permission denied" in done.stderr
    assert "Traceback" not in done.stderr


def test_the_command_line_starts_without_torch_monai_or_mlflow() -> None:
    """What takes seconds to import is imported where it is used."""
    code = (
        "import sys\nfrom mmar_automl import cli\n"
        "import mmar_automl.app.bootstrap, mmar_automl.app.results\n"
        "heavy = {'torch', 'monai', 'mlflow', 'ignite', 'numpy'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


def test_help_and_version(make_mmar: MakeMmar) -> None:
    """Every command has help with examples."""
    mmar = make_mmar(searching(score=[1]))
    for command in ("run", "validate", "report"):
        done = mmar.run(command, "--help")
        assert done.returncode == 0
        assert "Examples:" in done.stdout
    assert mmar.run("--version").stdout.startswith("mmar-automl ")


def test_choices_helper_is_what_clara_writes() -> None:
    """The tests' own entries are in the canonical form."""
    assert choices("a", [1])["targets"] == [[1]]


def test_a_shortfall_of_space_is_told_before_the_start(make_mmar: MakeMmar) -> None:
    """As large as the jobs of an earlier search were, times as many as are kept."""
    mmar = make_mmar(searching(score=[0.1, 0.2]))
    script = mmar.root / "commands/automl_train_round.sh"
    script.write_text('truncate -s 900G "$MMAR_ROOT/models/final_model.pt"\n' + script.read_text())
    assert "will need about" not in mmar.search(workers="cpu").stderr
    done = mmar.search(workers="cpu")
    assert done.returncode == 0
    assert "2 jobs will need about 1932.7 GB" in done.stderr


def test_a_users_own_scheduler_chooses(make_mmar: MakeMmar) -> None:
    """By path; one that raises ends the search with its name."""
    mmar = make_mmar(searching(score=[0.1, 0.2, 0.3]))
    automl = mmar.read("config/config_automl.json")
    automl["scheduler"] = {"path": "mine.Last"}
    mmar.write("config/config_automl.json", automl)
    (mmar.root / "custom/mine.py").write_text(
        "class Last:\n    def pick(self, queue, idle): return queue[-1], idle[0]\n"
        "class Bad:\n    def pick(self, queue, idle): return 1 / 0\n"
    )
    assert mmar.search(workers="cpu").returncode == 0
    by_name = {job["name"]: job["score"] for job in mmar.report()["jobs"]}
    assert by_name == {"W1_1_J1": 0.3, "W1_2_J2": 0.2, "W1_3_J3": 0.1}
    automl["scheduler"] = {"path": "mine.Bad"}
    mmar.write("config/config_automl.json", automl)
    done = mmar.search(workers="cpu")
    assert done.returncode == 1
    assert "Bad raised ZeroDivisionError: division by zero (mine.py:4)" in done.stderr


def test_a_metric_to_minimise_is_searched_downwards_and_told_as_it_is(
    make_mmar: MakeMmar,
) -> None:
    """The controller sees higher-is-better; report, console and files the metric's own value."""
    mmar = make_mmar(searching(score=[0.5, 0.2, 0.9], direction=["min"]))
    done = mmar.search(workers="cpu")
    assert done.returncode == 0, done.stderr
    report = mmar.report()
    assert report["best"] == "W1_2_J2"
    assert [job["score"] for job in report["jobs"]] == [0.2, 0.5, 0.9]
    assert "W1_2_J2 0.2000 dice" in done.stdout
    assert "best 0.2000 (W1_2_J2) · 3/3" in done.stdout
    assert "* best: W1_2_J2, dice 0.2000" in done.stdout
    stats = json.loads((mmar.root / "automl/run_a/stats.json").read_text())
    assert stats["score"] == 0.2
