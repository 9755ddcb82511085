"""The handler and its thread, in this process, on real sqlite stores and on servers that fail."""

from __future__ import annotations

import math
import os
import queue
import shutil
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from mmar_automl.defs import (
    Context,
    ContextKey,
    FailureClass,
    JobState,
    Outcome,
    RunOutcome,
    RunState,
)
from mmar_automl.errors import BadInput
from mmar_automl.handlers.mlflow import MlflowHandler, handler
from mmar_automl.handlers.mlflow.client import is_outage
from mmar_automl.handlers.mlflow.store import sqlite_file
from mmar_automl.jobs import result
from mmar_automl.mmar.layout import MmarLayout
from mmar_automl.mmar.load import load

# MLflow's own imports use what SQLAlchemy and others will take away.
pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::FutureWarning"),
    pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]


class Search:
    """What the engine would do, without an engine."""

    def __init__(self, root: Path, **kwargs: Any) -> None:
        self.layout = MmarLayout(root)
        for folder in (self.layout.config, self.layout.automl):
            folder.mkdir(parents=True, exist_ok=True)
        self.layout.train_config.write_text('{"epochs": 1}', encoding="utf-8")
        self.told: list[str] = []
        self.handler = MlflowHandler(notify=self.told.append, **kwargs)
        self.ctx = Context()
        self.ctx.set_prop(ContextKey.MMAR, load(root))
        self.ctx.set_prop(ContextKey.RUN_ID, "run_a")
        self.ctx.set_prop(ContextKey.NUM_WORKERS, 2)
        self.handler.start_automl(self.ctx)

    def start(self, name: str, values: dict[str, Any]) -> Context:
        job = Context(parent=self.ctx)
        job.set_prop(ContextKey.JOB_NAME, name)
        job.set_prop(ContextKey.JOB_START_TIME, time.time())
        job.set_prop(ContextKey.NAMED_VALUES, values)
        job.set_prop(ContextKey.WORKER_NAME, "1")
        job.set_prop(ContextKey.GPUS, [0, 1])
        self.handler.start_job(job)
        return job

    def end(self, job: Context, state: JobState = JobState.FINISHED, **outcome: Any) -> None:
        job.set_prop(
            ContextKey.OUTCOME,
            Outcome(
                recommendation_id=0,
                job_name=job.get_prop(ContextKey.JOB_NAME),
                state=state,
                **outcome,
            ),
        )
        self.handler.end_job(job)

    def job(self, name: str, values: dict[str, Any], **outcome: Any) -> None:
        self.end(self.start(name, values), **outcome)

    def finish(self, state: RunState = RunState.FINISHED, **outcome: Any) -> None:
        self.ctx.set_prop(
            ContextKey.RUN_OUTCOME, RunOutcome(run_id="run_a", state=state, reason="", **outcome)
        )
        self.handler.end_automl(self.ctx)
        self.handler.shutdown(self.ctx)

    @property
    def lines(self) -> list[str]:
        """What was told, the wait for a busy machine apart."""
        return [line for line in self.told if "waiting" not in line]


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An initialised store, made once: the migrations take seconds."""
    search = Search(tmp_path_factory.mktemp("template"))
    search.finish()
    assert search.lines == []
    return search.layout.mlflow_store


@pytest.fixture
def root(tmp_path: Path, template: Path) -> Path:
    """An MMAR with an initialised store, at a path that is hard on URIs."""
    layout = MmarLayout(tmp_path / "läsion 100%25 #1?")
    layout.automl.mkdir(parents=True)
    shutil.copy(template, layout.mlflow_store)
    return layout.root


def runs(root: Path, experiment: str | None = None) -> dict[str, Any]:
    """Run name → run, of an experiment in the MMAR's own store."""
    from mlflow import MlflowClient

    from mmar_automl.handlers.mlflow.store import store_uri

    client = MlflowClient(store_uri(MmarLayout(root)))
    found = client.get_experiment_by_name(experiment or root.name)
    assert found is not None
    return {run.info.run_name: run for run in client.search_runs([found.experiment_id])}


def test_every_end_of_a_job_has_its_status(root: Path) -> None:
    """Nothing stays RUNNING, and no number stands for "no score"."""
    search = Search(root)
    search.job("good", {"lr": 0.1}, value=0.5, epoch=2, metric="dice")
    search.job("mute", {"lr": 0.2}, state=JobState.FINISHED_NO_SCORE, message="NaN")
    oom = FailureClass.OUT_OF_MEMORY
    search.job("bad", {"lr": 0.3}, state=JobState.FAILED, failure=oom, message="out of memory")
    search.job("cut", {"lr": 0.4}, state=JobState.PRUNED, value=0.1)
    search.job("stopped", {"lr": 0.5}, state=JobState.INTERRUPTED)
    search.finish(RunState.INTERRUPTED, best="good", score=0.5)
    assert search.lines == []
    found = runs(root)
    assert {name: run.info.status for name, run in found.items()} == {
        "run_a": "KILLED",
        "good": "FINISHED",
        "mute": "FINISHED",
        "bad": "FAILED",
        "cut": "KILLED",
        "stopped": "KILLED",
    }
    assert {name: run.data.metrics.get("score") for name, run in found.items()} == {
        "run_a": None,
        "good": 0.5,
        "mute": None,
        "bad": None,
        "cut": 0.1,
        "stopped": None,
    }
    assert found["bad"].data.tags["mmar_automl.failure"] == "out_of_memory"
    assert found["run_a"].data.metrics == {
        "best_score": 0.5,
        "jobs_finished": 1,
        "jobs_finished_no_score": 1,
        "jobs_failed": 1,
        "jobs_pruned": 1,
        "jobs_interrupted": 1,
    }
    parent = found.pop("run_a").info.run_id
    assert {run.data.tags["mlflow.parentRunId"] for run in found.values()} == {parent}


def test_nothing_about_a_name_or_a_value_loses_the_rest(root: Path) -> None:
    """Hundreds of parameters, names that are too long or odd, texts that no database takes."""
    odd = {"x#" + "y" * 300: 1, "@disabled": True, "a[0]": "\ud800", "ä": "", "..": "1"}
    many = {f"p{number}": number for number in range(250)}
    search = Search(root)
    search.job("j", {**many, **odd}, value=0.5)
    search.finish()
    assert search.lines == []
    data = runs(root)["j"].data
    assert len(data.params) == 250 + len(odd)
    kept = {value for key, value in data.tags.items() if key.startswith("mmar_automl.name.")}
    assert kept == {"x#" + "y" * 300, "@disabled", "a[0]", ".."}


def test_curves_leave_out_what_is_no_number(root: Path, tmp_path: Path) -> None:
    """Nulls, NaN, inf, text and booleans; `score` and the key metric stay apart from them."""
    job = MmarLayout(tmp_path / "job")
    result.write_stats(job, {"metric": "dice"})
    with job.progress.open("w", encoding="utf-8") as file:
        file.write('{"epoch": 1, "metric": 0.25, "seconds": 1, "score": 9, "dice": 8}\n')
        file.write('{"epoch": 2, "metric": NaN, "lr": Infinity, "a": true, "b": "x", "c": null}\n')
        file.write('{"epoch": 3, "metric": 0.5, "Dice [%]": 50}\n{"epoch": 4, "met')
    search = Search(root)
    context = search.start("j", {})
    context.set_prop(ContextKey.JOB_MMAR_ROOT, str(job.root))
    search.end(context, value=0.5, metric="dice")
    search.finish()
    assert search.lines == []
    metrics = runs(root)["j"].data.metrics
    assert metrics["dice"] == 0.5
    assert metrics["score"] == 0.5
    assert 50.0 in metrics.values()
    assert all(math.isfinite(value) for value in metrics.values())
    assert {9.0, 8.0} <= set(metrics.values())
    assert not {"lr", "a", "b", "c"} & set(metrics)


def test_a_job_without_a_folder_has_no_empty_config(root: Path) -> None:
    """A folder that is gone by now is no reason for an empty file."""
    from mlflow import MlflowClient

    from mmar_automl.handlers.mlflow.store import store_uri

    search = Search(root)
    context = search.start("j", {})
    context.set_prop(ContextKey.JOB_MMAR_ROOT, str(root / "gone"))
    search.end(context, value=0.5)
    search.finish()
    client = MlflowClient(store_uri(search.layout))
    assert client.list_artifacts(runs(root)["j"].info.run_id) == []


def test_a_deleted_experiment_is_left_deleted(root: Path) -> None:
    """The search goes to the next free name and says so."""
    from mlflow import MlflowClient

    from mmar_automl.handlers.mlflow.store import store_uri

    client = MlflowClient(store_uri(MmarLayout(root)))
    client.delete_experiment(client.create_experiment("mine"))
    search = Search(root, experiment="mine")
    search.job("j", {}, value=0.5)
    search.finish()
    assert [line for line in search.lines if "'mine (2)'" in line] == search.lines != []
    assert set(runs(root, "mine (2)")) == {"run_a", "j"}


def test_a_search_without_an_end_is_not_left_running(root: Path) -> None:
    """Whatever made the engine go straight to the shutdown."""
    search = Search(root)
    search.handler.shutdown(search.ctx)
    assert runs(root)["run_a"].info.status == "KILLED"


def test_a_fresh_store_delays_no_job(tmp_path: Path) -> None:
    """The calls return at once while the store is being made; artifacts stand beside it."""
    search = Search(tmp_path / "mmar", tracking_uri=f"sqlite:///{tmp_path}/own.db")
    began = time.perf_counter()
    for number in range(20):
        search.job(f"j{number}", {"lr": number}, value=0.1)
    assert time.perf_counter() - began < 0.5
    search.finish()
    assert search.lines == []
    assert (tmp_path / "own.db").is_file()
    assert len(list((tmp_path / "mlartifacts").iterdir())) == 1
    assert not search.layout.mlflow_store.exists()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@pytest.fixture
def silent_server() -> Iterator[str]:
    """A server that takes connections and never answers."""
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen(64)
        yield f"http://127.0.0.1:{server.getsockname()[1]}"


def test_a_dead_port_costs_no_time(tmp_path: Path) -> None:
    """One line for the outage and one for what is lost; the environment of jobs is left alone."""
    search = Search(tmp_path / "mmar", tracking_uri=f"http://127.0.0.1:{free_port()}")
    began = time.monotonic()
    for number in range(10):
        search.job(f"j{number}", {}, value=0.1)
    assert time.monotonic() - began < 0.5
    search.finish()
    assert time.monotonic() - began < 30
    assert [line.split(" (")[0] for line in search.lines[:1]] == ["MLflow does not answer"]
    assert [line.split(";")[0] for line in search.lines[1:]] == [
        "MLflow lacks something of 11 of this search's runs"
    ]
    assert not [name for name in os.environ if name.startswith("MLFLOW_HTTP")]


def test_a_silent_server_does_not_hold_up_the_end(
    tmp_path: Path, silent_server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The wait is bounded, however long a single call may take."""
    monkeypatch.setattr(handler, "PATIENCE", 1.0)
    search = Search(tmp_path / "mmar", tracking_uri=silent_server)
    for number in range(5):
        search.job(f"j{number}", {}, value=0.1)
    began = time.monotonic()
    search.finish()
    assert time.monotonic() - began < 10
    assert search.told[-1].startswith("MLflow lacks something of 6 of this search's runs; ")


def test_what_an_outage_kept_back_is_written_after_it(tmp_path: Path, template: Path) -> None:
    """Told when it begins and when it is over; nothing is lost and nothing twice."""
    layout = MmarLayout(tmp_path / "mmar")
    layout.mlflow_store.mkdir(parents=True)
    search = Search(layout.root)
    search.job("j", {"lr": 0.1}, value=0.5)
    deadline = time.monotonic() + 30
    while not search.told and time.monotonic() < deadline:
        time.sleep(0.05)
    layout.mlflow_store.rmdir()
    shutil.copy(template, layout.mlflow_store)
    while len(search.told) < 2 and time.monotonic() < deadline:
        time.sleep(0.05)
    search.finish()
    assert [line.split(" (")[0] for line in search.lines] == [
        "MLflow does not answer",
        "MLflow answers again",
    ]
    found = runs(layout.root)
    assert {run.info.status for run in found.values()} == {"FINISHED"}
    assert set(found) == {"run_a", "j"}


def test_a_run_whose_making_was_not_confirmed_is_not_made_twice(root: Path) -> None:
    """The answer may be lost on its way although the run was made."""
    from mlflow import MlflowClient

    from mmar_automl.handlers.mlflow.notes import Note
    from mmar_automl.handlers.mlflow.store import store_uri
    from mmar_automl.handlers.mlflow.writer import Writer

    class Forgetful(MlflowClient):  # type: ignore[misc]
        lost = 0

        def create_run(self, *args: Any, **kwargs: Any) -> Any:
            made = super().create_run(*args, **kwargs)
            if not Forgetful.lost:
                Forgetful.lost = 1
                raise ConnectionResetError
            return made

    told: list[str] = []
    uri = store_uri(MmarLayout(root))
    writer = Writer(uri=uri, experiment="once", notify=told.append)
    writer._connect()
    writer._client = Forgetful(uri)
    notes: queue.SimpleQueue[Any] = queue.SimpleQueue()
    notes.put(Note(key="", name="run_a", time=time.time()))
    notes.put(None)
    writer.work(notes)
    assert len(told) == 2
    assert len(MlflowClient(uri).search_runs([writer._experiment_id])) == 1


def test_a_directory_is_refused_where_the_handler_is_made() -> None:
    """Before any job, whoever makes it."""
    with pytest.raises(BadInput):
        MlflowHandler(tracking_uri="./mlruns")


def test_an_outage_is_told_from_a_refusal() -> None:
    """By MLflow's codes: a refused value may hold any words."""
    from mlflow.exceptions import MlflowException
    from mlflow.protos import databricks_pb2 as codes

    refused = "Invalid value 'connection timed out 503' for parameter"
    assert not is_outage(MlflowException(refused, codes.INVALID_PARAMETER_VALUE))
    assert not is_outage(MlflowException("Detected out-of-date database schema"))
    assert is_outage(MlflowException("database is locked", codes.TEMPORARILY_UNAVAILABLE))
    assert is_outage(MlflowException("API request to http://x failed with exception y"))
    assert is_outage(OSError(28, "No space left on device"))
    assert sqlite_file("sqlite:///:memory:") is None
