"""A user's own executor: wholly, or in part."""

from __future__ import annotations

import signal

import pytest

from tests.conftest import MadeMmar, MakeMmar, searching
from tests.integration.test_search import alive_in, wait_for

PARTS = '''\
import os, subprocess, time
from medl.apps.automl.base_mmar_exec import BaseMMARExecutor
from medl.apps.automl.mmar_exec import MMARExecutor
from automl.components.executors.executor import Executor
from automl.defs import ContextKey, ProcessStatus
from mmar_automl.api import Decision, Pruner, Verdict


class Verbs(BaseMMARExecutor):
    """Its processes are a cluster's, say."""

    def submit_process(self, job_name, my_mmar_root, train_cmd_script, ctx):
        print("submit", job_name, os.path.basename(train_cmd_script), flush=True)
        with open(os.path.join(my_mmar_root, "log.txt"), "wb") as log:
            return subprocess.Popen(
                ["bash", train_cmd_script],
                env=self.job_environment(ctx),
                stdout=log, stderr=log, start_new_session=True,
            )

    def check_process(self, job_name, prc, ctx):
        status = prc.poll()
        if status is None:
            return ProcessStatus.RUNNING
        ctx.set_prop(ContextKey.PROCESS_EXIT_STATUS, status)
        return ProcessStatus.ERROR if status else ProcessStatus.SUCCESS

    def stop_process(self, prc, ctx):
        print("stop", ctx.get_prop(ContextKey.JOB_NAME), flush=True)
        os.killpg(prc.pid, 9)


class OtherScript(MMARExecutor):
    """All is as it was but for the script."""

    def submit_process(self, job_name, my_mmar_root, train_cmd_script, ctx):
        return super().submit_process(job_name, my_mmar_root, "commands/other.sh", ctx)


class DoJob(MMARExecutor):
    """Trains without a process."""

    def do_job(self, job_name, my_mmar_root, ctx):
        assert ctx.get_prop("_jobMmarRoot") == my_mmar_root
        os.makedirs(os.path.join(my_mmar_root, "models"), exist_ok=True)
        with open(os.path.join(my_mmar_root, "models", "train_stats.json"), "w") as stats:
            stats.write('{"best_validation_metric": 0.25}')


class Curve(DoJob):
    """Says how it is doing."""

    def do_job(self, job_name, my_mmar_root, ctx):
        super().do_job(job_name, my_mmar_root, ctx)
        with open(os.path.join(my_mmar_root, "models", "progress.jsonl"), "w") as progress:
            progress.write('{"epoch": 1, "metric": 0.25}\\n')


class Forgets(BaseMMARExecutor):
    """Says neither how a process is started nor what to do instead."""


class Hasty(MMARExecutor):
    """Leaves out what its base class needs."""

    def __init__(self):
        self.mine = True


class Own(Executor):
    """Nothing of an MMAR but its search space."""

    def determine_search_space(self, ctx):
        from mmar_automl.search import parse
        return parse(ctx.get_prop("_mmar").train_config.data)

    def execute(self, recommendation, ctx):
        (value,) = ctx.get_prop(ContextKey.CONCRETE_SEARCH_VALUE).values()
        return -(value[0] - 3) ** 2

    def abort(self, ctx):
        pass


class Halves(Pruner):
    """Pauses every job at its second epoch; the first one goes on."""

    def report(self, progress):
        print("heard", progress.job, progress.epoch, flush=True)
        return Decision(Verdict.PAUSE, "half-time") if progress.epoch == 2 else None

    def drained(self, paused):
        return [job for job in paused if job == "W1_1_J1"]
'''


def with_executor(mmar: MadeMmar, name: str, **args: object) -> MadeMmar:
    (mmar.root / "custom/parts.py").write_text(PARTS)
    automl = mmar.read("config/config_automl.json")
    automl["executor"] = {"path": f"parts.{name}", "args": args}
    mmar.write("config/config_automl.json", automl)
    return mmar


def test_three_verbs_are_enough(make_mmar: MakeMmar) -> None:
    """Submit, check, stop; the job MMAR, its config, environment and score are seen to."""
    mmar = make_mmar(searching(score=[0.4, 0.8], behaviour=["succeed", "crash"]))
    with_executor(mmar, "Verbs", poll_interval=0.1)
    done = mmar.search()
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("automl_train_round.sh") == 4
    jobs = {job["name"]: job for job in mmar.report()["jobs"]}
    assert sorted(job["state"] for job in jobs.values()) == ["failed"] * 2 + ["finished"] * 2
    assert {job["score"] for job in jobs.values() if job["score"]} == {0.4, 0.8}
    assert "ended with exit status 1" in done.stdout
    assert mmar.read("automl/run_a/W1_1_J1/job.json")["state"] == jobs["W1_1_J1"]["state"]
    assert mmar.read("automl/run_a/W1_1_J1/seen.json")["OMP_WAIT_POLICY"] == "PASSIVE"


def test_a_job_of_three_verbs_is_stopped_by_its_own(make_mmar: MakeMmar) -> None:
    """By --job-timeout, and when the search is interrupted; nobody is left."""
    mmar = make_mmar(searching(behaviour=["hang"]))
    with_executor(mmar, "Verbs", poll_interval=0.1)
    done = mmar.search("--job-timeout", "1", workers="cpu")
    assert done.returncode == 3, done.stderr
    assert "timed out after 1 s" in done.stdout
    assert "stop W1_1_J1" in done.stdout
    search = mmar.start("run", "{root}", "--no-mlflow", "--workers", "cpu")
    wait_for(lambda: (mmar.job("W1_1_J1", "run_b") / "seen.json").exists())
    search.send_signal(signal.SIGINT)
    out, _ = search.communicate(timeout=30)
    assert search.returncode == 130
    assert "stop W1_1_J1" in out
    assert [job["state"] for job in mmar.report("run_b")["jobs"]] == ["interrupted"]
    assert alive_in(mmar.root) == []


def test_one_verb_of_ours_may_be_replaced(make_mmar: MakeMmar) -> None:
    """Another script, with our own process, log, exit status and end."""
    mmar = make_mmar(searching(score=[0.4], behaviour=["succeed", "kill"]))
    with_executor(mmar, "OtherScript", poll_interval=0.1)
    round_script = mmar.root / "commands/automl_train_round.sh"
    other = "echo the other\n" + round_script.read_text()
    (mmar.root / "commands/other.sh").write_text(other)
    done = mmar.search("--retries", "0", workers="cpu")
    assert done.returncode == 0, done.stderr
    assert "killed by signal 9" in done.stdout
    assert "the other" in (mmar.job("W1_1_J1") / "log.txt").read_text()
    hang = make_mmar(searching(behaviour=["hang"]), name="hang")
    with_executor(hang, "OtherScript", poll_interval=0.1)
    (hang.root / "commands/other.sh").write_text(other)
    search = hang.start("run", "{root}", "--no-mlflow", "--workers", "cpu")
    wait_for(lambda: (hang.job("W1_1_J1") / "seen.json").exists())
    search.send_signal(signal.SIGTERM)
    search.communicate(timeout=30)
    assert search.returncode == 143
    assert alive_in(hang.root) == []


@pytest.mark.parametrize("executor", ["Verbs", "OtherScript"])
def test_a_pruner_hears_the_jobs_of_replaced_parts(make_mmar: MakeMmar, executor: str) -> None:
    """A paused job goes on where it was, if its end left it a checkpoint; one that is not
    promoted keeps the score that it had. Every end is told of once, and nobody is left."""
    config = {**searching(score=[0.3, 0.6]), "behaviour": "curve", "epochs": 4, "seconds": 0.4}
    mmar = with_executor(make_mmar(config), executor, poll_interval=0.1)
    automl = mmar.read("config/config_automl.json")
    mmar.write("config/config_automl.json", {**automl, "pruner": {"path": "parts.Halves"}})
    script = mmar.root / "commands/automl_train_round.sh"
    (mmar.root / "commands/other.sh").write_text(script.read_text())
    done = mmar.search("--traceout", "file", workers="cpu")
    assert done.returncode == 0, done.stderr
    first, second = mmar.report()["jobs"]
    assert (first["state"], first["score"]) == ("finished", 0.3)
    assert (second["state"], second["trained"]) == ("pruned", 2)
    assert second["score"] in (0.3, 0.45)
    assert mmar.read("automl/run_a/W1_2_J2/job.json")["state"] == "pruned"
    heard = [line for line in done.stdout.splitlines() if line.startswith("heard W1_1_J1")]
    assert [int(line.split()[2]) for line in heard] == [1, 2, 3, 4]
    trace = (mmar.root / "automl/run_a/trace.log").read_text()
    told = {event: trace.count(f" {event} ") for event in ("start_job", "pause_job", "end_job")}
    assert told == {"start_job": 2, "pause_job": 2, "end_job": 2}
    if executor == "OtherScript":
        log = (mmar.job("W1_1_J1") / "log.txt").read_text().splitlines()
        epochs = [int(line.split()[1]) for line in log if line.startswith("epoch ")]
        assert epochs == [1, 2, 3, 4]
    assert alive_in(mmar.root) == []


def test_a_pruner_hears_a_do_job_that_no_process_does(make_mmar: MakeMmar) -> None:
    """By what it writes into progress.jsonl while it trains."""
    mmar = with_executor(make_mmar(searching(other=["a"])), "Curve")
    automl = mmar.read("config/config_automl.json")
    mmar.write("config/config_automl.json", {**automl, "pruner": {"path": "parts.Halves"}})
    done = mmar.search()
    assert done.returncode == 0, done.stderr
    assert "heard W1_1_J1 1" in done.stdout
    assert [job["state"] for job in mmar.report()["jobs"]] == ["finished"]


def test_do_job_replaces_the_process(make_mmar: MakeMmar) -> None:
    """What it writes into train_stats.json is the score."""
    mmar = make_mmar(searching(other=["a", "b"]))
    done = with_executor(mmar, "DoJob").search()
    assert done.returncode == 0, done.stderr
    assert [job["score"] for job in mmar.report()["jobs"]] == [0.25, 0.25]


def test_an_executor_that_says_too_little_is_named(make_mmar: MakeMmar) -> None:
    """Its jobs fail with what is missing."""
    mmar = make_mmar(searching(other=["a"]))
    done = with_executor(mmar, "Forgets").search()
    assert done.returncode == 3
    assert "Forgets has neither submit_process nor do_job" in done.stdout


def test_an_executor_that_leaves_out_its_base_is_told_before_any_job(make_mmar: MakeMmar) -> None:
    """Not by every job's AttributeError."""
    mmar = make_mmar(searching(other=["a"]))
    done = with_executor(mmar, "Hasty").search()
    assert done.returncode == 2
    assert "its __init__ does not call that of MMARExecutor" in done.stderr
    assert not list(mmar.root.glob("automl/run_a/W*"))


def test_something_that_is_no_mmar_training_at_all(make_mmar: MakeMmar) -> None:
    """execute(recommendation, ctx) -> score, in this process."""
    mmar = make_mmar(searching(x=[1, 2, 3, 4]))
    done = with_executor(mmar, "Own").search()
    assert done.returncode == 0, done.stderr
    assert sorted(job["score"] for job in mmar.report()["jobs"]) == [-4.0, -1.0, -1.0, 0.0]
