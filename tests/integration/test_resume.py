"""A search goes on after any end: nothing lost, nothing run twice, nobody left alive."""

from __future__ import annotations

import contextlib
import json
import os
import random
import signal
import subprocess
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import MadeMmar, MakeMmar, searching
from tests.integration.test_search import alive_in, wait_for

RUN = ("run", "{root}", "--no-mlflow", "--run-id", "x")


def resume(mmar: MadeMmar, *words: str, workers: str = "cpu:cpu", timeout: float = 90) -> Any:
    return mmar.run(*RUN, "--resume", "--workers", workers, *words, timeout=timeout)


def kill(search: subprocess.Popen[str]) -> None:
    """kill -9 of the search process alone: its jobs are in sessions of their own."""
    os.kill(search.pid, signal.SIGKILL)
    search.communicate()


def kill_all(root: Path) -> None:
    """The machine goes down: whatever runs for a job is gone."""
    for pid in alive_in(root):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def starts(mmar: MadeMmar) -> Counter[str]:
    """How often each job's training was started, by its own account."""
    counted: Counter[str] = Counter()
    for file in (mmar.root / "automl/x").glob("W*/starts"):
        counted[file.parent.name] = file.read_text().count("\n")
    return counted


def counting(mmar: MadeMmar) -> MadeMmar:
    """Let every start of a training leave a line in its job's folder."""
    script = mmar.root / "commands/automl_train_round.sh"
    script.write_text(
        script.read_text().replace("exec", 'echo "${MMAR_RESUME:-0}" >> "$MMAR_ROOT/starts"\nexec')
    )
    return mmar


def test_finished_jobs_keep_their_scores_and_lost_ones_run_again(make_mmar: MakeMmar) -> None:
    """Three ended, two were running when the machine went down (case SH-16)."""
    mmar = counting(make_mmar(searching(score=[0.1, 0.2, 0.3, 0.4, 0.5, 0.6], seconds=[0.4])))
    search = mmar.start(*RUN, "--workers", "cpu:cpu")
    wait_for(lambda: list(mmar.root.glob("automl/x/W*_J3/starts")))
    kill(search)
    kill_all(mmar.root)
    before = {job["name"]: job["score"] for job in mmar.report("x")["jobs"] if job["score"]}
    assert before
    done = resume(mmar)
    assert done.returncode == 0, done.stderr
    report = mmar.report("x")
    assert report["state"] == "finished"
    assert sorted(job["score"] for job in report["jobs"]) == [0.1, 0.2, 0.3, 0.4, 0.5, 0.6]
    after = {job["name"]: job["score"] for job in report["jobs"]}
    assert {name: after[name] for name in before} == before
    assert all(starts(mmar)[name] == 1 for name in before)
    assert "is gone: taking over" in done.stderr
    assert alive_in(mmar.root) == []


def test_a_training_that_is_still_alive_is_adopted(make_mmar: MakeMmar) -> None:
    """It is not started again, and its score counts though nobody saw its exit status."""
    mmar = counting(make_mmar(searching(score=[0.7, 0.8], seconds=[4])))
    search = mmar.start(*RUN, "--workers", "cpu:cpu")
    wait_for(lambda: len(list(mmar.root.glob("automl/x/W*/starts"))) == 2)
    kill(search)
    assert len(alive_in(mmar.root)) >= 2
    done = resume(mmar)
    assert done.returncode == 0, done.stderr
    assert starts(mmar) == {"W1_1_J1": 1, "W2_1_J2": 1}
    assert [job["score"] for job in mmar.report("x")["jobs"]] == [0.8, 0.7]
    assert "W1_1_J1 goes on" in done.stdout


def test_a_training_that_ended_while_nobody_watched_is_read(make_mmar: MakeMmar) -> None:
    """Its exit status is in its folder; a failure is a failure."""
    mmar = counting(make_mmar(searching(behaviour=["succeed", "crash"], score=[0.7], seconds=[1])))
    search = mmar.start(*RUN, "--workers", "cpu:cpu")
    wait_for(lambda: len(list(mmar.root.glob("automl/x/W*/starts"))) == 2)
    kill(search)
    wait_for(lambda: alive_in(mmar.root) == [])
    done = resume(mmar)
    assert done.returncode == 0, done.stderr
    assert starts(mmar) == {"W1_1_J1": 1, "W2_1_J2": 1}
    states = {job["name"]: job["state"] for job in mmar.report("x")["jobs"]}
    assert states == {"W1_1_J1": "finished", "W2_1_J2": "failed"}


def test_an_interrupted_search_goes_on(make_mmar: MakeMmar) -> None:
    """Interrupted jobs run again with MMAR_RESUME=1, dropped ones are run after all."""
    mmar = counting(make_mmar(searching(score=[0.1, 0.2, 0.3], seconds=[2])))
    search = mmar.start(*RUN, "--workers", "cpu:cpu")
    wait_for(lambda: len(list(mmar.root.glob("automl/x/W*/starts"))) == 2)
    os.kill(search.pid, signal.SIGINT)
    search.communicate(timeout=30)
    assert search.returncode == 130
    done = mmar.run("run", "{root}", "--no-mlflow", "--resume", "--workers", "cpu:cpu")
    assert done.returncode == 0, done.stderr
    report = mmar.report("x")
    assert [job["score"] for job in report["jobs"]] == [0.3, 0.2, 0.1]
    first = (mmar.root / "automl/x/W1_1_J1/starts").read_text()
    assert first == "0\n1\n"


def test_a_resume_need_not_repeat_what_the_search_was_started_with(make_mmar: MakeMmar) -> None:
    """--set and --automlconf are kept with the run; another value is refused as a change."""
    mmar = make_mmar(searching(score=[0.1, 0.2]), controller={"name": "GridController"})
    mmar.write("config/mine.json", mmar.read("config/config_automl.json"))
    words = ("--set", "epochs=2", "--automlconf", "mine.json", "--workers", "cpu")
    assert mmar.run(*RUN, *words).returncode == 0
    (mmar.root / "config/config_automl.json").unlink()
    done = resume(mmar)
    assert done.returncode == 0, done.stderr
    assert "nothing is left to do" in done.stdout
    done = resume(mmar, "--set", "epochs=3")
    assert done.returncode == 2
    assert "--set: epochs was 2, is 3" in done.stderr


def test_resuming_a_finished_search_changes_nothing(make_mmar: MakeMmar) -> None:
    """It says so, and --max-jobs extends it."""
    mmar = make_mmar(
        {"search": [{"args": ["score"], "type": "float", "domain": "lr", "targets": [0, 1]}]},
        controller={"name": "RandomController", "args": {"max_rounds": 3, "seed": 5}},
    )
    assert mmar.run(*RUN, "--workers", "cpu").returncode == 0
    journal = mmar.root / "automl/x/journal.jsonl"
    before, scores = journal.read_bytes(), [job["score"] for job in mmar.report("x")["jobs"]]
    done = resume(mmar)
    assert done.returncode == 0
    assert "nothing is left to do" in done.stdout
    assert journal.read_bytes() == before
    assert resume(mmar, "--max-jobs", "5").returncode == 0
    after = {job["name"]: job["score"] for job in mmar.report("x")["jobs"]}
    assert len(after) == 5
    assert set(scores) < set(after.values())
    whole = make_mmar(
        mmar.read("config/config_train.json"),
        controller={"name": "RandomController", "args": {"max_rounds": 5, "seed": 5}},
        name="whole",
    )
    assert whole.search(workers="cpu").returncode == 0
    assert sorted(after.values()) == sorted(job["score"] for job in whole.report()["jobs"])


def test_a_search_is_extended_again_and_again(make_mmar: MakeMmar) -> None:
    """What the resume before it proposed beyond the journal is part of its history."""
    config = {"search": [{"args": ["score"], "type": "float", "domain": "lr", "targets": [0, 1]}]}
    mmar = make_mmar(config, controller={"name": "SobolController", "args": {"max_jobs": 2}})
    assert mmar.run(*RUN, "--workers", "cpu").returncode == 0
    for jobs in (4, 5):
        done = resume(mmar, "--max-jobs", str(jobs), workers="cpu")
        assert done.returncode == 0, done.stderr
        scores = [job["score"] for job in mmar.report("x")["jobs"]]
        assert len(scores) == len(set(scores)) == jobs


@pytest.mark.parametrize(
    "controller",
    [
        {"name": "AutoController", "args": {"max_jobs": 8}},
        {"name": "CmaEsController", "args": {"max_jobs": 8}},
        {"name": "ReinforcementController", "args": {"max_rounds": 8}},
        {"name": "ReinforcementController", "args": {"mode": "critic", "max_jobs": 8}},
    ],
    ids=lambda controller: " ".join(map(str, [controller["name"], *controller["args"].values()])),
)
def test_a_controller_that_learns_goes_on_as_if_nothing_had_happened(
    make_mmar: MakeMmar, controller: dict[str, Any]
) -> None:
    """kill -9 after some jobs, then a resume: the jobs of a search that was left alone."""
    config = {
        "epochs": 3,
        "search": [{"args": ["score"], "type": "float", "domain": "lr", "targets": [0, 1]}],
    }
    whole = make_mmar(config, controller=controller, name="whole")
    assert whole.run(*RUN, "--workers", "cpu").returncode == 0
    mmar = make_mmar(config, controller=controller)
    search = mmar.start(*RUN, "--workers", "cpu")
    wait_for(lambda: (mmar.root / "automl/x/W1_5_J5").exists(), seconds=30)
    kill(search)
    done = resume(mmar, workers="cpu")
    assert done.returncode == 0, done.stderr
    scores = [
        {job["name"].split("_")[-1]: job["score"] for job in made.report("x")["jobs"]}
        for made in (whole, mmar)
    ]
    assert len(scores[0]) == 8
    assert scores[0] == scores[1]


def test_a_changed_mmar_is_refused_unless_it_only_adds(make_mmar: MakeMmar) -> None:
    """Every difference named; choices at the end of an enum are run."""
    mmar = make_mmar(searching(score=[0.1, 0.2], other=["a"]))
    assert mmar.run(*RUN, "--workers", "cpu").returncode == 0
    config = mmar.read("config/config_train.json")
    config["search"][0]["targets"] = [[0.1], [0.3]]
    config["epochs"] = 7
    mmar.write("config/config_train.json", config)
    done = resume(mmar)
    assert done.returncode == 2
    assert "config_train.json: search[0].targets[1][0] was 0.2, is 0.3" in done.stderr
    assert "config_train.json: epochs was not there, is 7" in done.stderr
    assert "taking over" not in resume(mmar).stderr
    del config["epochs"]
    config["search"][0]["targets"] = [[0.1], [0.2], [0.5]]
    mmar.write("config/config_train.json", config)
    done = resume(mmar)
    assert done.returncode == 0, done.stderr
    assert [job["score"] for job in mmar.report("x")["jobs"]] == [0.5, 0.2, 0.1]


def test_what_a_controller_raises_when_it_takes_up_its_history_is_said(
    make_mmar: MakeMmar,
) -> None:
    """As at the start of a search, where it stands, and without a traceback of ours."""
    mmar = make_mmar(searching(score=[0.1]), controller={"path": "mine.Mine"})
    code = (
        "from mmar_automl.controllers.grid import GridController\n"
        "class Mine(GridController):\n"
        "    def set_search_space(self, space, ctx):\n"
        "        super().set_search_space(space, ctx)\n"
    )
    file = mmar.root / "custom/mine.py"
    file.parent.mkdir(exist_ok=True)
    file.write_text(code)
    assert mmar.run(*RUN, "--workers", "cpu").returncode == 0
    file.write_text(f"{code}        raise RuntimeError('not again')\n")
    done = resume(mmar)
    assert done.returncode == 1
    assert "raised RuntimeError: not again (mine.py:5)" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_torn_journal_is_repaired_and_a_damaged_one_refused(make_mmar: MakeMmar) -> None:
    """The last line with a notice; anything else with its line number."""
    mmar = make_mmar(searching(score=[0.1, 0.2]))
    assert mmar.run(*RUN, "--workers", "cpu").returncode == 0
    journal = mmar.root / "automl/x/journal.jsonl"
    whole = journal.read_text()
    lines = whole.splitlines()
    cut = next(n for n, line in enumerate(lines) if "JobEnded" in line)
    journal.write_text("\n".join(lines[:cut]) + "\n" + lines[cut][:40])
    done = resume(mmar)
    assert done.returncode == 0, done.stderr
    assert "was torn and has been cut off" in done.stderr
    assert len(mmar.report("x")["jobs"]) == 2
    journal.write_text("\n".join([lines[0], "garbage", *lines[1:]]) + "\n")
    done = resume(mmar)
    assert done.returncode == 2
    assert "line 2" in done.stderr


def test_a_run_in_use_is_refused(make_mmar: MakeMmar) -> None:
    """With pid, host and start, for a new run and for a resume (case SH-18 a)."""
    mmar = make_mmar(searching(behaviour=["hang"], score=[1]))
    search = mmar.start(*RUN, "--workers", "cpu")
    wait_for(lambda: list(mmar.root.glob("automl/x/W*/seen.json")))
    began = time.monotonic()
    for done in (mmar.run(*RUN), resume(mmar)):
        assert done.returncode == 4
        assert f"in use by pid {search.pid} on " in done.stderr
        assert "since 20" in done.stderr
    assert time.monotonic() - began < 10
    os.kill(search.pid, signal.SIGTERM)
    search.communicate(timeout=30)
    assert search.returncode == 143


def test_a_deleted_run_folder_ends_the_search(make_mmar: MakeMmar) -> None:
    """As an `rm -R` in a wrapper script does; reported, not repeated for ever."""
    mmar = make_mmar(searching(score=[n / 100 for n in range(50)], seconds=[0.2]))
    search = mmar.start(*RUN, "--workers", "cpu")
    wait_for(lambda: (mmar.root / "automl/x/W1_2_J2").exists())
    (mmar.root / "automl/x").rename(mmar.root / "gone")
    subprocess.run(["rm", "-rf", str(mmar.root / "gone")], check=True)
    printed, _ = search.communicate(timeout=40)
    assert search.returncode == 4, printed
    assert "the journal cannot be written" in printed
    assert "Traceback" not in printed
    assert alive_in(mmar.root) == []


def test_jobs_that_were_not_at_fault_are_tried_again(make_mmar: MakeMmar) -> None:
    """Killed once, then well: one job, one score; a crash of the config's own is not repeated."""
    mmar = counting(make_mmar(searching(behaviour=["killed_once", "crash"], score=[0.6])))
    done = mmar.run(*RUN, "--workers", "cpu")
    assert done.returncode == 0, done.stderr
    assert "W1_1_J1 killed by signal 9 (often: out of memory); trying again (1 of 1)" in done.stderr
    assert starts(mmar) == {"W1_1_J1": 2, "W1_2_J2": 1}
    states = {job["name"]: job["state"] for job in mmar.report("x")["jobs"]}
    assert states == {"W1_1_J1": "finished", "W1_2_J2": "failed"}
    mmar.root.joinpath("automl").rename(mmar.root / "old")
    assert mmar.run(*RUN, "--workers", "cpu", "--retries", "0").returncode == 3


def test_a_job_that_takes_too_long_is_ended(make_mmar: MakeMmar) -> None:
    """With everything that it started (case SH-12); the others go on."""
    mmar = make_mmar(searching(behaviour=["hang", "succeed"], score=[0.6]))
    done = mmar.run(*RUN, "--workers", "cpu", "--job-timeout", "1")
    assert done.returncode == 0, done.stderr
    failed = next(job for job in mmar.report("x")["jobs"] if job["score"] is None)
    assert (failed["failure"], failed["message"]) == ("timed_out", "timed out after 1 s")
    assert alive_in(mmar.root) == []


def test_a_job_that_stands_still_is_ended_and_tried_again(make_mmar: MakeMmar) -> None:
    """Neither its log nor its progress grows."""
    mmar = counting(make_mmar(searching(behaviour=["hang"], score=[0.6])))
    done = mmar.run(*RUN, "--workers", "cpu", "--stall-timeout", "1s")
    assert done.returncode == 3
    (job,) = mmar.report("x")["jobs"]
    assert job["failure"] == "stalled"
    assert starts(mmar)["W1_1_J1"] == 2
    assert alive_in(mmar.root) == []


def test_the_search_has_its_limits(make_mmar: MakeMmar) -> None:
    """--max-time, --max-jobs and --target-score, each with its reason."""
    mmar = make_mmar(searching(score=[n / 10 for n in range(1, 9)], seconds=[0.3]))
    done = mmar.search("--target-score", "0.3", workers="cpu")
    assert "W1_3_J3 reached the target score 0.3" in done.stdout
    assert mmar.report()["state"] == "stopped"
    assert mmar.search("--max-jobs", "2", workers="cpu").returncode == 0
    assert len(mmar.report()["jobs"]) == 2
    done = mmar.search("--max-time", "1.1", workers="cpu")
    assert done.returncode == 0
    assert "the 1.1 s of --max-time are over" in done.stdout
    states = Counter(job["state"] for job in mmar.report()["jobs"])
    assert states["interrupted"] == 1
    assert mmar.search("--max-time", "soon").returncode == 2


def test_a_search_that_only_fails_is_ended(make_mmar: MakeMmar) -> None:
    """After five that failed alike; what they said is told."""
    mmar = make_mmar(searching(behaviour=["crash"], n=list(range(12))))
    done = mmar.search(workers="cpu")
    assert done.returncode == 3
    assert "5 jobs failed alike: ended with exit status 1" in done.stdout
    assert "RuntimeError: the stand-in was told to crash" in done.stdout
    assert len(mmar.report()["jobs"]) == 5


def test_memory_that_really_runs_out_is_recognised(make_mmar: MakeMmar) -> None:
    """RLIMIT_AS, Python's own MemoryError."""
    mmar = make_mmar(searching(behaviour=["real_oom", "succeed"], score=[0.4]))
    assert mmar.search(workers="cpu").returncode == 0
    failed = next(job for job in mmar.report()["jobs"] if job["score"] is None)
    assert failed["failure"] == "out_of_memory"


def test_a_log_of_any_size_and_encoding_is_kept_whole(make_mmar: MakeMmar) -> None:
    """300 MB in one line that is no UTF-8: in the log, not on the console."""
    mmar = make_mmar(searching(behaviour=["flood"], score=[0.4]))
    done = mmar.search(workers="cpu")
    assert done.returncode == 3
    assert len(done.stdout) + len(done.stderr) < 10_000
    assert (mmar.job("W1_1_J1") / "log.txt").stat().st_size > 300_000_000
    (mmar.job("W1_1_J1") / "log.txt").unlink()


def test_a_retried_job_goes_on_from_its_checkpoint(make_mmar: MakeMmar) -> None:
    """In the same folder, with MMAR_RESUME=1; no epoch is trained twice."""
    mmar = make_mmar(searching(behaviour=["checkpoint"], score=[0.4]))
    assert mmar.search(workers="cpu").returncode == 0
    log = (mmar.job("W1_1_J1") / "log.txt").read_text()
    assert [line for line in log.splitlines() if line.startswith("epoch")] == [
        f"epoch {n}" for n in range(1, 5)
    ]


def test_a_stale_score_of_the_base_does_not_count(make_mmar: MakeMmar) -> None:
    """A score that is there afterwards is the job's own."""
    mmar = make_mmar(searching(behaviour=["silent"], score=[0.4]))
    mmar.write("models/train_stats.json", {"best_validation_metric": 0.99})
    assert mmar.search(workers="cpu").returncode == 3
    assert mmar.report()["jobs"][0]["score"] is None


def test_a_job_that_finds_the_disk_full_stops_the_search(make_mmar: MakeMmar) -> None:
    """Exit status 4, the job's class, and the others not started for the same end."""
    mmar = make_mmar(searching(behaviour=["succeed", "disk_full"], n=[1, 2, 3], score=[0.4]))
    done = mmar.search(workers="cpu")
    assert done.returncode == 4
    assert "no space left on the disk" in done.stderr
    report = mmar.report()
    assert [job["failure"] for job in report["jobs"]] == [None, "disk_full"]
    assert report["best"] == "W1_1_J1"


def test_a_path_with_spaces_and_other_letters(make_mmar: MakeMmar) -> None:
    """Quoted scripts run; an unquoted one is named with its line (case SH-17)."""
    mmar = make_mmar(searching(score=[0.4]), name="Mein Ordner 胰腺 (v2)")
    assert mmar.search("--run-id", "läsion 1", workers="cpu").returncode == 0
    script = mmar.root / "commands/automl_train_round.sh"
    script.write_text('A=$MMAR_ROOT\nls "$MMAR_ROOT/config"\npython3 $MMAR_ROOT/custom/x.py\n')
    done = mmar.search(workers="cpu")
    assert done.returncode == 2
    assert "automl_train_round.sh:3" in done.stderr
    assert "$MMAR_ROOT stands without quotes" in done.stderr
    assert ":1" not in done.stderr.partition("automl_train_round.sh")[2][:4]


def faults(make_mmar: MakeMmar, seed: int, name: str) -> int:
    """Kill the search at random moments and resume it, until it comes to its end; how often."""
    kills = 0
    rng = random.Random(seed)
    scores = [n / 100 for n in range(1, 8)]
    behaviours = ["succeed"]
    mmar = counting(
        make_mmar(searching(score=scores, behaviour=behaviours, seconds=[0.15]), name=name)
    )
    first = True
    for _ in range(60):
        words = RUN if first else (*RUN, "--resume")
        search = mmar.start(*words, "--workers", "cpu:cpu")
        try:
            search.communicate(timeout=rng.uniform(0.25, 1.4))
        except subprocess.TimeoutExpired:
            kill(search)
            if rng.random() < 0.4:
                kill_all(mmar.root)
            kills += 1
            if not (mmar.root / "automl/x/journal.jsonl").exists():
                subprocess.run(["rm", "-rf", str(mmar.root / "automl")], check=True)
                continue
            first = False
        else:
            assert search.returncode == 0
            break
    else:
        pytest.fail("it never came to its end")
    report = mmar.report("x")
    assert report["state"] == "finished"
    assert sorted(job["score"] for job in report["jobs"]) == scores
    names = [job["name"] for job in report["jobs"]]
    assert len(set(names)) == len(names)
    assert alive_in(mmar.root) == []
    # A job ran again only if an attempt of it was lost; a finished one never.
    ended: Counter[str] = Counter()
    for line in (mmar.root / "automl/x/journal.jsonl").read_text().splitlines():
        event = json.loads(line)
        if event["event"] == "JobEnded" and event["state"] == "finished":
            ended[event["job"]] += 1
    assert set(ended.values()) == {1}
    return kills


@pytest.mark.parametrize("seed", range(4))
def test_kill_and_resume_at_random_moments(make_mmar: MakeMmar, seed: int) -> None:
    """Nothing lost, nothing finished run twice, nobody left; the same set of configurations."""
    faults(make_mmar, seed, "mmar")


@pytest.mark.slow
@pytest.mark.parametrize("block", range(10))
def test_two_hundred_kill_points(make_mmar: MakeMmar, block: int) -> None:
    """Ten blocks of searches, each killed several times: over 200 kills in all."""
    kills = number = 0
    while kills < 20:
        kills += faults(make_mmar, 1000 + 100 * block + number, f"mmar{number}")
        number += 1
