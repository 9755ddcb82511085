"""Hopeless trainings end early, paused ones go on, and no end of the search loses any of it."""

from __future__ import annotations

import json
import os
import random
import signal
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import MadeMmar, MakeMmar, searching
from tests.integration.test_resume import RUN, kill, kill_all, resume, starts
from tests.integration.test_resume import counting as counted
from tests.integration.test_search import alive_in, wait_for

ASHA = {"name": "AshaPruner", "args": {"grace": 1, "eta": 3}}


def pruned(
    make_mmar: MakeMmar, scores: list[float], pruner: dict[str, Any], **more: Any
) -> MadeMmar:
    """An MMAR whose jobs train nine epochs with these scores at the end."""
    config = {**searching(score=scores), "behaviour": "curve", "epochs": 9, "seconds": 0.1, **more}
    mmar = counted(make_mmar(config))
    automl = mmar.read("config/config_automl.json")
    mmar.write("config/config_automl.json", {**automl, "pruner": pruner})
    return mmar


def events(mmar: MadeMmar, kind: str) -> list[dict[str, Any]]:
    lines = (mmar.root / "automl/x/journal.jsonl").read_text().splitlines()
    return [event for event in map(json.loads, lines) if event["event"] == kind]


def epochs_of(mmar: MadeMmar, job: str) -> list[int]:
    """The epochs that a job trained, by its own account."""
    log = (mmar.root / "automl/x" / job / "log.txt").read_text().splitlines()
    return [int(line.split()[1]) for line in log if line.startswith("epoch ")]


def test_a_hopeless_job_is_stopped_with_its_best_score(make_mmar: MakeMmar) -> None:
    """Its state, epoch and reason are in the report, its folder and the handlers' files."""
    scores = [0.9, 0.8, 0.1, 0.2]
    mmar = pruned(make_mmar, scores, {"name": "MedianPruner", "args": {"jobs": 1, "grace": 2}})
    done = mmar.run(*RUN, "--workers", "cpu")
    assert done.returncode == 0, done.stderr
    assert "MedianPruner: stops below the median" in done.stdout
    jobs = {job["name"]: job for job in mmar.report("x")["jobs"]}
    assert jobs["W1_1_J1"]["state"] == "finished"
    cut = jobs["W1_3_J3"]
    assert cut["state"] == "pruned"
    assert cut["trained"] == 2
    assert 0.1 * 2 / 9 <= cut["score"] < 0.1
    assert "after epoch 2: 0.02222 is worse than" in cut["message"]
    assert "W1_3_J3 pruned after epoch 2" in done.stdout
    record = json.loads((mmar.root / "automl/x/W1_3_J3/job.json").read_text())
    assert (record["state"], record["score"]) == ("pruned", cut["score"])
    assert "after epoch 2" in record["message"]
    assert ",pruned," in (mmar.root / "automl/x/jobs.csv").read_text()
    assert len(epochs_of(mmar, "W1_3_J3")) < 9
    assert alive_in(mmar.root) == []


def test_paused_jobs_are_promoted_and_go_on(make_mmar: MakeMmar) -> None:
    """From their checkpoint, no epoch twice; who is not promoted ends as pruned."""
    mmar = pruned(make_mmar, [0.5, 0.4, 0.3, 0.2, 0.1, 0.05], ASHA)
    done = mmar.run(*RUN, "--workers", "cpu")
    assert done.returncode == 0, done.stderr
    jobs = {job["parameters"]["score"]: job for job in mmar.report("x")["jobs"]}
    assert jobs[0.5]["state"] == "finished"
    # Second of six at the first rung: promoted there, paused at the next one.
    second = jobs[0.4]
    assert second["state"] == "pruned"
    assert second["trained"] == 3
    epochs = epochs_of(mmar, second["name"])
    assert epochs == list(range(1, len(epochs) + 1))
    assert starts(mmar)[second["name"]] == 2
    assert f"{second['name']} is promoted and goes on" in done.stdout
    assert {jobs[score]["state"] for score in (0.3, 0.2, 0.1, 0.05)} == {"pruned"}
    ends = Counter(line.split(",")[0] for line in _rows(mmar))
    assert set(ends.values()) == {1}
    assert len(ends) == 6
    assert mmar.report("x")["best"] == jobs[0.5]["name"]
    trace = (mmar.root / "automl/x/trace.log").read_text()
    assert trace.count(" start_job ") == trace.count(" end_job ") == 6
    assert trace.count(" pause_job ") == len(
        [event for event in events(mmar, "JobEnded") if event["state"] == "paused"]
    )


def _rows(mmar: MadeMmar) -> list[str]:
    return (mmar.root / "automl/x/jobs.csv").read_text().splitlines()[1:]


def test_a_paused_job_survives_the_end_of_the_search(make_mmar: MakeMmar) -> None:
    """kill -9 while some are paused: they are promoted later, from where they were."""
    mmar = pruned(make_mmar, [0.5, 0.4, 0.3, 0.2, 0.1, 0.05], ASHA)
    search = mmar.start(*RUN, "--workers", "cpu")
    journal = mmar.root / "automl/x/journal.jsonl"
    wait_for(lambda: journal.exists() and journal.read_text().count('"state": "paused"') >= 3)
    kill(search)
    done = resume(mmar, workers="cpu")
    assert done.returncode == 0, done.stderr
    _check_whole(mmar, [0.5, 0.4, 0.3, 0.2, 0.1, 0.05])


def test_an_interrupted_search_keeps_its_paused_jobs(make_mmar: MakeMmar) -> None:
    """The report says paused; a resume goes on as if nothing had happened."""
    mmar = pruned(make_mmar, [0.5, 0.4, 0.3, 0.2, 0.1, 0.05], ASHA)
    search = mmar.start(*RUN, "--workers", "cpu")
    journal = mmar.root / "automl/x/journal.jsonl"
    wait_for(lambda: journal.exists() and journal.read_text().count('"state": "paused"') >= 2)
    os.kill(search.pid, signal.SIGINT)
    search.communicate(timeout=30)
    assert search.returncode == 130
    assert "paused" in {job["state"] for job in mmar.report("x")["jobs"]}
    page = mmar.root / "report.html"
    done = mmar.run("report", "{root}", "x", "--html", str(page))
    assert done.returncode == 0, done.stderr
    assert "paused" in page.read_text(encoding="utf-8")
    done = resume(mmar, workers="cpu")
    assert done.returncode == 0, done.stderr
    _check_whole(mmar, [0.5, 0.4, 0.3, 0.2, 0.1, 0.05])


def test_a_decision_stands_though_the_search_died_before_its_effect(make_mmar: MakeMmar) -> None:
    """The journal ends with it: whether the training lives or not, the job is cut."""
    mmar = pruned(make_mmar, [0.5, 0.4], {"name": "AshaPruner", "args": {"grace": 1}}, seconds=0.3)
    search = mmar.start(*RUN, "--workers", "cpu")
    journal = mmar.root / "automl/x/journal.jsonl"
    wait_for(lambda: journal.exists() and '"verdict": "pause"' in journal.read_text(), seconds=30)
    kill(search)
    kill_all(mmar.root)
    lines = journal.read_text().splitlines()
    cut = next(n for n, line in enumerate(lines) if '"verdict": "pause"' in line)
    journal.write_text("\n".join(lines[: cut + 1]) + "\n")
    done = resume(mmar, workers="cpu")
    assert done.returncode == 0, done.stderr
    jobs = {job["parameters"]["score"]: job for job in mmar.report("x")["jobs"]}
    assert (jobs[0.4]["state"], jobs[0.4]["trained"]) == ("pruned", 1)
    assert jobs[0.4]["score"] is not None
    assert starts(mmar)[jobs[0.4]["name"]] == 1


@pytest.mark.slow
def test_any_moment_may_be_the_last(make_mmar: MakeMmar) -> None:
    """kill -9 at random moments, trainings alive or not: nothing lost, nothing trained twice."""
    source = random.Random(6)
    scores = [round(0.1 + 0.05 * n, 2) for n in (3, 9, 1, 7, 0, 8, 2, 6, 4, 5)]
    mmar = pruned(make_mmar, scores, ASHA, seconds=0.05)
    search = mmar.start(*RUN, "--workers", "cpu:cpu")
    wait_for((mmar.root / "automl/x/journal.jsonl").exists)
    for _ in range(8):
        time.sleep(source.uniform(0.8, 2.5))
        if search.poll() is not None:
            break
        kill(search)
        if source.random() < 0.5:
            kill_all(mmar.root)
        search = mmar.start(*RUN, "--resume", "--workers", "cpu:cpu")
    search.communicate(timeout=120)
    _check_whole(mmar, scores)


def _check_whole(mmar: MadeMmar, scores: list[float]) -> None:
    """Every configuration has one job with an end; the best was trained to its end."""
    report = mmar.report("x")
    assert report["state"] == "finished"
    assert sorted(job["parameters"]["score"] for job in report["jobs"]) == sorted(scores)
    assert {job["state"] for job in report["jobs"]} == {"finished", "pruned"}
    best = max(report["jobs"], key=lambda job: job["parameters"]["score"])
    assert (best["state"], best["score"]) == ("finished", max(scores))
    for job in report["jobs"]:
        assert job["score"] is not None, job
    assert alive_in(mmar.root) == []


BROKEN = """
from mmar_automl.api import Decision, Pruner, Verdict


class Raises(Pruner):
    def report(self, progress):
        if progress.epoch == 2:
            raise KeyError("epoch")
        return None


class Strange(Pruner):
    def report(self, progress):
        return "stop"


class Own(Pruner):
    def __init__(self, below=0.5):
        self.below = below

    def report(self, progress):
        if progress.epoch == 3 and progress.score < self.below * 3 / 9:
            return Decision(Verdict.STOP, f"below {self.below}")
"""


def test_a_users_own_pruner_works_like_ours(make_mmar: MakeMmar) -> None:
    """By its path; one that fails is named, and the search goes on without it."""
    own = {"path": "own_pruner.Own", "args": {"below": 0.4}}
    mmar = pruned(make_mmar, [0.5, 0.3], own, seconds=0.05)
    (mmar.root / "custom/own_pruner.py").write_text(BROKEN)
    done = mmar.run(*RUN, "--workers", "cpu:cpu")
    assert done.returncode == 0, done.stderr
    states = {job["parameters"]["score"]: job["state"] for job in mmar.report("x")["jobs"]}
    assert states == {0.5: "finished", 0.3: "pruned"}
    for name, said in (
        ("Raises", "Raises raised KeyError: 'epoch' (own_pruner.py:8)"),
        ("Strange", "Strange raised TypeError: report returned 'stop', which is no Decision"),
    ):
        mmar.root.joinpath("automl").rename(mmar.root / f"before_{name}")
        automl = mmar.read("config/config_automl.json")
        automl["pruner"] = {"path": f"own_pruner.{name}"}
        mmar.write("config/config_automl.json", automl)
        done = mmar.run(*RUN, "--workers", "cpu:cpu")
        assert done.returncode == 0, done.stderr
        assert said in done.stderr.replace("\n", " ")
        assert {job["state"] for job in mmar.report("x")["jobs"]} == {"finished"}


def test_the_limits_stand_in_the_config_too(make_mmar: MakeMmar) -> None:
    """patience and min_delta end a search; the command line wins; the report says why."""
    mmar = make_mmar(searching(score=[0.5, 0.505, 0.508, 0.9, 0.2]))
    automl = mmar.read("config/config_automl.json")
    automl["limits"] = {"patience": 2, "min_delta": 0.01, "max_time": "1h"}
    mmar.write("config/config_automl.json", automl)
    done = mmar.search(workers="cpu")
    assert "2 jobs in a row brought no improvement of more than 0.01" in " ".join(
        done.stdout.split()
    )
    assert len(mmar.report()["jobs"]) == 3
    done = mmar.search("--patience", "3", "--max-jobs", "4", workers="cpu")
    assert len(mmar.report()["jobs"]) == 4
    automl["limits"] = {"patience": 0, "max_time": "soon", "min_dleta": 1}
    mmar.write("config/config_automl.json", automl)
    done = mmar.run("validate", "{root}")
    assert done.returncode == 2
    for word in ("limits.patience", "limits.max_time", "min_dleta"):
        assert word in done.stdout + done.stderr


def test_an_impossible_pruner_is_refused_before_a_job(make_mmar: MakeMmar) -> None:
    """With the nearest name, and with what its arguments may be."""
    mmar = pruned(make_mmar, [0.5], {"name": "AshPruner"})
    done = mmar.run(*RUN)
    assert done.returncode == 2
    assert "AshaPruner" in done.stderr
    automl = mmar.read("config/config_automl.json")
    automl["pruner"] = {"name": "AshaPruner", "args": {"eta": 1}}
    mmar.write("config/config_automl.json", automl)
    done = mmar.run(*RUN)
    assert done.returncode == 2
    assert "eta is at least 2, got 1" in done.stderr


def test_folders_are_where_the_report_says(make_mmar: MakeMmar) -> None:
    """A paused job's folder is kept whatever MMARHandler keeps."""
    mmar = pruned(make_mmar, [0.5, 0.4, 0.3], ASHA, seconds=0.05)
    automl = mmar.read("config/config_automl.json")
    automl["handlers"] = [{"name": "MMARHandler", "args": {"num_mmars_to_keep": 1}}]
    mmar.write("config/config_automl.json", automl)
    assert mmar.run(*RUN, "--workers", "cpu").returncode == 0
    kept = [job for job in mmar.report("x")["jobs"] if job["folder"]]
    assert [job["score"] for job in kept] == [0.5]
    assert Path(kept[0]["folder"]).is_dir()
