"""Scripts and plug-ins in the manner of Clara's day, run as they are."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
from pathlib import Path

import psutil
import pytest

from tests.compat.conftest import OldMmar
from tests.conftest import MMAR_AUTOML
from tests.integration.test_search import wait_for


def test_an_old_script_searches_with_old_plugins(old_mmar: OldMmar, tmp_path: Path) -> None:
    """A controller that proposes too much (SH-23), a handler with MLflow of its own beside ours,
    bare words in --set, a run folder that is removed first, PYTHONPATH set by the script."""
    done = old_mmar.script("search.sh", "switches", "config_mine.json", "workers=0:0")
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("medl.apps.automl.train: this is mmar-automl run") == 1
    assert "--set trainconf=switches.json" in done.stderr
    assert "raised in" not in done.stderr
    assert "The search ended early: enough: 4 jobs. " in " ".join(done.stdout.split())
    assert "engine: end_job W1_1_J1 finished" in done.stdout
    runs = old_mmar.root / "runs/switches"
    jobs = sorted(runs.glob("W*"))
    assert 4 <= len(jobs) <= 5
    assert "engine: start_job" in (runs / "trace.log").read_text()
    assert done.stdout.count("logs: end") == len(jobs)
    assert "logs: startup" in done.stdout
    with sqlite3.connect(tmp_path / "theirs.db") as theirs:
        names = {name for (name,) in theirs.execute("select key from params")}
        assert theirs.execute("select count(*) from runs").fetchone() == (len(jobs),)
    assert names == {"first/second", "score"}
    with sqlite3.connect(old_mmar.root / "automl/mlflow.db") as ours:
        assert ours.execute("select count(*) from runs").fetchone() == (len(jobs) + 1,)
    # Found again, though config_automl.json does not know where its runs are.
    assert old_mmar.report("switches")["state"] == "stopped"


def test_a_handler_that_cannot_do_floats_is_told_of_once(old_mmar: OldMmar) -> None:
    """`v[0]` of a number (SH-22): every job counts as an error, the search does not mind."""
    done = old_mmar.script("search.sh", "rates", "config_mine.json", "workers=0", "--no-mlflow")
    assert done.returncode == 0, done.stderr
    said = "Logs raised in end_job: TypeError: 'float' object is not subscriptable (mine.py:"
    assert done.stderr.count(said) == 1
    assert "handler errors: 4" in done.stdout


def test_the_old_admin_script_finds_the_search(old_mmar: OldMmar) -> None:
    """By the MMAR that it is called in, though it says a host and a port."""
    config = old_mmar.read("config/switches.json")
    old_mmar.write("config/switches.json", {**config, "behaviour": "hang"})
    with (old_mmar.root / "out").open("w") as out:
        search = subprocess.Popen(
            ["bash", "./search.sh", "switches", "config_mine.json", "--no-mlflow"],
            cwd=old_mmar.root / "commands",
            env=old_mmar.environment(),
            stdout=out,
            stderr=out,
        )
    try:
        wait_for(lambda: len(list(old_mmar.root.glob("runs/*/W*/seen.json"))) == 4)
        answer = old_mmar.script("admin.sh", input="list_workers\nstop\n")
        assert answer.returncode == 0, answer.stderr
        assert answer.stdout.count("busy") == 4
        assert search.wait(timeout=30) == 3
    finally:
        for process in psutil.Process(search.pid).children() if search.poll() is None else []:
            process.terminate()
        search.wait()
    assert "logs: end" not in (old_mmar.root / "out").read_text()


@pytest.mark.parametrize(
    ("name", "ours", "more"),
    [
        ("medl.apps.train", "train", ["--local-rank=0"]),
        ("nvmidl.apps.train", "train", ["--local_rank=0"]),
        ("medl.apps.evaluate", "evaluate", ["--local-rank=0"]),
        ("nvmidl.apps.export", "export", ["--model_file_format", "CKPT"]),
    ],
)
def test_the_old_programs_are_ours(
    old_mmar: OldMmar, name: str, ours: str, more: list[str]
) -> None:
    """Under both of their names, with what torch.distributed.launch or 3.x adds, and bare words
    in --set: said once, and the words that mean something here are passed on."""
    words = ["-m", name, "-m", str(old_mmar.root), "-c", "config/none.json"]
    done = subprocess.run(
        [MMAR_AUTOML[0], *words, *more, "--set", "stray", "epochs=2"],
        cwd=old_mmar.root,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 2, done.stderr
    first, rest = done.stderr.split("\n", 1)
    assert first.startswith(f"{name}: this is mmar-automl {ours} -m ")
    assert not set(more) & set(first.split())
    assert "none.json" in rest
    assert "Traceback" not in rest


def test_admin_without_an_mmar_says_where_it_looked(tmp_path: Path) -> None:
    """Exit status 2 and what to do."""
    env = {key: value for key, value in os.environ.items() if key != "MMAR_ROOT"}
    done = subprocess.run(
        [MMAR_AUTOML[0], "-m", "dlmed.hci.tools.admin", "--host", "localhost", "--port", "33330"],
        cwd=tmp_path,
        env=env,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert "set MMAR_ROOT" in done.stderr


SEED = """\
import os
import threading

import mlflow

from automl.components.handlers.handler import Handler
from automl.defs import Context, ContextKey


class Seed(Handler):
    def __init__(self):
        Handler.__init__(self)
        self.update_lock = threading.Lock()

    def startup(self, ctx: Context):
        parts = os.getenv("MMAR_ROOT").split(os.sep)
        name = parts[parts.index("MMARs") - 1]
        mlflow.set_tracking_uri(os.environ["THEIR_STORE"])
        client = mlflow.tracking.MlflowClient()
        self.id = client.create_experiment(name="AM" + name)
        client.set_experiment_tag(self.id, "mlflow.note.content", "an experiment")

    def end_job(self, ctx: Context):
        job_name = ctx.get_prop(ContextKey.JOB_NAME)
        parms = ctx.get_prop(ContextKey.CONCRETE_SEARCH_VALUE)
        with self.update_lock:
            with mlflow.start_run(experiment_id=self.id, run_name=job_name):
                for k, v in parms.items():
                    mlflow.log_param(k.split(":")[1], v)
                mlflow.log_metric("Acc", ctx.get_prop(ContextKey.SCORE))
"""


def test_a_handler_that_makes_its_experiment_in_startup(old_mmar: OldMmar, tmp_path: Path) -> None:
    """Mutually exclusive losses and optimizers, a run for each job; a second search whose
    experiment's name is taken is told of as the handler's error, before any job."""
    root = tmp_path / "site/MMARs/mmar"
    root.parent.mkdir(parents=True)
    old_mmar.root.rename(root)
    mmar = OldMmar(root)
    (root / "BYOC/seed.py").write_text(SEED)
    pair = {"domain": "transform", "type": "enum", "targets": [[True, False], [False, True]]}
    losses = {**pair, "args": ["mySearchLoss1", "mySearchLoss2"]}
    optimizers = {**pair, "args": ["mySearchOptimizer1", "mySearchOptimizer2"]}
    mmar.write("config/config_train.json", {"search": [losses, optimizers]})
    automl = {"handlers": [{"path": "seed.Seed"}], "controller": {"name": "GridController"}}
    mmar.write("config/config_automl.json", automl)
    store = tmp_path / "seed.db"
    env = {"THEIR_STORE": f"sqlite:///{store}", "MLFLOW_DISABLE_TELEMETRY": "true"}
    done = mmar.run("run", "{root}", "--workers", "cpu:cpu", env=env)
    assert done.returncode == 0, done.stderr
    assert "raised in" not in done.stderr
    assert "handler errors" not in done.stdout
    with sqlite3.connect(store) as theirs:
        query = "select r.name, p.key, p.value from params p join runs r using (run_uuid)"
        found = sorted(theirs.execute(query))
    assert len(found) == 8
    assert ("W1_1_J1", "mySearchLoss1/mySearchLoss2", "[True, False]") in found
    with sqlite3.connect(root / "automl/mlflow.db") as ours:
        assert ours.execute("select count(*) from runs").fetchone() == (5,)
    again = mmar.run("run", "{root}", "--no-mlflow", "--workers", "cpu", env=env)
    assert again.returncode == 4
    assert "Seed raised in startup" in again.stderr
    assert "already exists" in again.stderr
    assert not list((root / "automl/run_b").glob("W*"))
    journal = (root / "automl/run_b/journal.jsonl").read_text().splitlines()
    assert json.loads(journal[-1])["state"] == "failed"


def test_the_help_of_an_old_name_names_a_command_that_can_be_typed(tmp_path: Path) -> None:
    """Not a module that there is none of."""
    done = subprocess.run(
        [MMAR_AUTOML[0], "-m", "medl.apps.train", "--help"],
        cwd=tmp_path, capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "Usage: mmar-automl train " in done.stdout
