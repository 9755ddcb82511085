"""Searches recorded in a real MLflow: sqlite stores, a real server, no server at all."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import MadeMmar, MakeMmar, mmar_maker, searching

# MLflow's own imports warn of what its dependencies will change.
pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::FutureWarning"),
    pytest.mark.filterwarnings("ignore::UserWarning"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]

LOG = {"MLFLOW_DISABLE_TELEMETRY": "true", "MLFLOW_TRACKING_URI": ""}


def tracked(mmar: MadeMmar, *words: str, timeout: float = 120) -> subprocess.CompletedProcess[str]:
    """A search with MLflow on."""
    argv = ("run", "{root}", "--workers", "cpu:cpu", *words)
    return mmar.run(*argv, timeout=timeout, env=LOG)


def trouble(stderr: str) -> list[str]:
    """The lines that tell of MLflow, the wait for a new store apart."""
    return [line for line in stderr.splitlines() if "MLflow" in line and "waiting" not in line]


def runs_of(uri: str, experiment: str) -> tuple[Any, list[Any]]:
    """The parent run and the job runs of the only search of an experiment."""
    from mlflow import MlflowClient

    client = MlflowClient(uri)
    found = client.get_experiment_by_name(experiment)
    assert found is not None
    runs = client.search_runs([found.experiment_id])
    parents = [run for run in runs if "mlflow.parentRunId" not in run.data.tags]
    assert len(parents) == 1
    jobs = [r for r in runs if r.data.tags.get("mlflow.parentRunId") == parents[0].info.run_id]
    assert len(jobs) == len(runs) - 1
    return parents[0], jobs


@pytest.fixture(scope="module")
def searched(tmp_path_factory: pytest.TempPathFactory) -> MadeMmar:
    """One recorded search with every kind of end, shared by the tests that only look."""
    make = mmar_maker(tmp_path_factory.mktemp("läsion 1 (v2)"))
    long = [list(range(2500)), [*range(2499), -1]]
    config = searching(
        **{"score": [0.3, 0.8], "behaviour": ["succeed", "crash", "nan"], "ä,#odd@name": ["x"]}
    )
    config["search"][0]["targets"] = [[0.3], [0.8]]
    config["search"].append(
        {"args": ["long"], "type": "enum", "domain": "net", "targets": [[long[0]], [long[1]]]}
    )
    mmar: MadeMmar = make(config)
    done = tracked(mmar)
    assert done.returncode == 0, done.stderr + done.stdout
    assert trouble(done.stderr) == []
    return mmar


def own_store(mmar: MadeMmar) -> str:
    return f"sqlite:///{mmar.root}/automl/mlflow.db"


def test_report_and_store_agree_number_by_number(searched: MadeMmar) -> None:
    """Every job once, its score, its state, its parameters, its config."""
    from mlflow import MlflowClient

    parent, jobs = runs_of(own_store(searched), "mmar")
    report = searched.report()
    by_name = {run.info.run_name: run for run in jobs}
    assert set(by_name) == {job["name"] for job in report["jobs"]}
    status = {"finished": "FINISHED", "finished_no_score": "FINISHED", "failed": "FAILED"}
    client = MlflowClient(own_store(searched))
    for job in report["jobs"]:
        run = by_name[job["name"]]
        assert run.data.metrics.get("score") == job["score"]
        assert run.info.status == status[job["state"]]
        assert run.data.tags["mmar_automl.state"] == job["state"]
        assert run.data.params["score"] == json.dumps(job["parameters"]["score"])
        assert run.data.params["behaviour"] == job["parameters"]["behaviour"]
        folder = client.download_artifacts(run.info.run_id, "config_train.json")
        assert json.loads(Path(folder).read_text()) == json.loads(
            (Path(job["folder"]) / "config/config_train.json").read_text()
        )
    best = next(job for job in report["jobs"] if job["name"] == report["best"])
    assert parent.data.metrics["best_score"] == best["score"]
    assert parent.data.tags["mmar_automl.best_job"] == best["name"]
    assert parent.info.status == "FINISHED"
    assert parent.info.run_name == "run_a"


def test_curves_have_the_epoch_as_step(searched: MadeMmar) -> None:
    """Under the metric's own name."""
    from mlflow import MlflowClient

    _, jobs = runs_of(own_store(searched), "mmar")
    run = next(run for run in jobs if run.data.metrics.get("score") == 0.8)
    curve = MlflowClient(own_store(searched)).get_metric_history(run.info.run_id, "dice")
    assert [(point.step, round(point.value, 6)) for point in curve] == [
        (1, round(0.8 / 3, 6)),
        (2, round(1.6 / 3, 6)),
        (3, 0.8),
    ]


def test_odd_names_and_long_values_are_kept_apart(searched: MadeMmar) -> None:
    """A legal name with the original beside it; a long value with a hash and an artifact."""
    from mlflow import MlflowClient

    _, jobs = runs_of(own_store(searched), "mmar")
    renamed = {key for run in jobs for key in run.data.params if key.startswith("ä")}
    assert len(renamed) == 1
    name = renamed.pop()
    assert jobs[0].data.tags[f"mmar_automl.name.{name}"] == "ä,"
    values = {run.data.params["long"] for run in jobs}
    assert len(values) == 2
    assert all(len(value) <= 6000 for value in values)
    client = MlflowClient(own_store(searched))
    whole = Path(client.download_artifacts(jobs[0].info.run_id, "parameters.json"))
    assert len(json.loads(whole.read_text())["long"]) == 2500


def test_no_sentinel_is_ever_logged(searched: MadeMmar) -> None:
    """A job without a score has no score, and says why in a note."""
    _, jobs = runs_of(own_store(searched), "mmar")
    scoreless = [run for run in jobs if "score" not in run.data.metrics]
    assert len(scoreless) == 8
    failed = [run for run in scoreless if run.info.status == "FAILED"]
    assert {run.data.tags["mmar_automl.failure"] for run in failed} == {"exit_status"}
    assert all("exit status 1" in run.data.tags["mlflow.note.content"] for run in failed)


def test_artifacts_follow_a_moved_mmar(searched: MadeMmar, tmp_path: Path) -> None:
    """After one look with `report`; the original keeps its own."""
    from mlflow import MlflowClient

    moved = MadeMmar(tmp_path / "anders wo")
    shutil.copytree(searched.root, moved.root, symlinks=True)
    assert moved.report()["best"] == searched.report()["best"]
    for mmar in (moved, searched):
        _, jobs = runs_of(own_store(mmar), "mmar")
        assert jobs[0].info.artifact_uri.startswith(mmar.root.as_uri())
        file = MlflowClient(own_store(mmar)).download_artifacts(
            jobs[0].info.run_id, "config_train.json"
        )
        assert json.loads(Path(file).read_text())["behaviour"] == jobs[0].data.params["behaviour"]


def test_two_searches_create_one_store_at_the_same_moment(make_mmar: MakeMmar) -> None:
    """Nobody's migration meets anybody else's."""
    mmar = make_mmar(searching(score=[0.1, 0.2]))
    environment = {**os.environ, **LOG}
    searches = [
        subprocess.Popen(
            mmar.argv("run", "{root}", "--workers", "cpu", "--run-id", name),
            env=environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        for name in ("one", "two")
    ]
    told = [search.communicate(timeout=120)[1] for search in searches]
    assert [search.returncode for search in searches] == [0, 0]
    assert [trouble(text) for text in told] == [[], []]
    from mlflow import MlflowClient

    client = MlflowClient(own_store(mmar))
    found = client.get_experiment_by_name("mmar")
    assert found is not None
    assert len(client.search_runs([found.experiment_id])) == 6


def test_a_plain_directory_is_refused_with_what_to_write(make_mmar: MakeMmar) -> None:
    """MLflow 3 keeps no results there; before any job."""
    mmar = make_mmar(searching(score=[0.1]))
    for uri in ("./mlruns", "/claraDevDay/AutoML/mlruns", "file:///tmp/mlruns"):
        done = tracked(mmar, "--tracking-uri", uri)
        assert done.returncode == 2
        assert "sqlite:///" in done.stderr
        assert list(mmar.root.glob("automl/*")) == []


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def test_a_dead_server_costs_no_job(make_mmar: MakeMmar) -> None:
    """One line for the outage, exit status 0, and the search does not wait for it."""
    mmar = make_mmar(searching(score=[0.1, 0.2, 0.3, 0.4]))
    began = time.monotonic()
    done = tracked(mmar, "--tracking-uri", f"http://127.0.0.1:{free_port()}")
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("MLflow does not answer") == 1
    assert "mmar-automl sync" in done.stderr
    assert len(mmar.report()["jobs"]) == 4
    assert time.monotonic() - began < 60


class Server:
    """A real MLflow server on loopback, in a process group that is ended as a whole."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._port = free_port()
        self.uri = f"http://127.0.0.1:{self._port}"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        self._process = subprocess.Popen(
            [
                *(sys.executable, "-m", "mlflow", "server", "--workers", "1"),
                *("--host", "127.0.0.1", "--port", str(self._port)),
                *("--backend-store-uri", f"sqlite:///{self._folder}/server.db"),
                *("--artifacts-destination", str(self._folder / "served")),
            ],
            cwd=self._folder,
            env={**os.environ, **LOG},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        deadline = time.monotonic() + 90
        while True:
            try:
                socket.create_connection(("127.0.0.1", self._port), timeout=1).close()
                break
            except OSError:
                assert time.monotonic() < deadline, "the server does not start"
                time.sleep(0.3)

    def stop(self) -> None:
        if self._process is not None:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
            self._process = None


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One server for all tests: it takes seconds to start."""
    made = Server(tmp_path_factory.mktemp("server"))
    made.start()
    yield made
    made.stop()


def test_a_server_gets_the_same_as_a_file(make_mmar: MakeMmar, server: Server) -> None:
    """Artifacts through the server, under the experiment asked for."""
    mmar = make_mmar(searching(score=[0.1, 0.2]))
    done = tracked(mmar, "--tracking-uri", server.uri, "--experiment", "Versuch 7")
    assert done.returncode == 0, done.stderr
    assert trouble(done.stderr) == []
    assert done.stdout.count(server.uri) == 1, "MLflow itself prints nothing"
    parent, jobs = runs_of(server.uri, "Versuch 7")
    assert {run.data.metrics["score"] for run in jobs} == {0.1, 0.2}
    from mlflow import MlflowClient

    client = MlflowClient(server.uri)
    files = {file.path for file in client.list_artifacts(jobs[0].info.run_id)}
    assert files == {"config_train.json", "curves.png", "log_end.txt"}
    files = {file.path for file in client.list_artifacts(parent.info.run_id)}
    assert {"config_train.json", "config_automl.json", "search_space.json"} <= files
    assert not (mmar.root / "automl/mlflow.db").exists()


def test_what_a_server_missed_is_sent_by_sync(make_mmar: MakeMmar, server: Server) -> None:
    """The server goes away in the middle: one warning, no job lost; sync completes it, once."""
    mmar = make_mmar(searching(score=[0.1, 0.2, 0.3, 0.4], seconds=[1.5]))
    argv = mmar.argv("run", "{root}", "--workers", "cpu", "--tracking-uri", server.uri)
    search = subprocess.Popen(
        argv,
        env={**os.environ, **LOG},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    wait_for(mmar.root / "automl/run_a/W1_2_J2/seen.json")
    server.stop()
    told = search.communicate(timeout=120)[1]
    assert search.returncode == 0, told
    assert told.count("MLflow does not answer") == 1
    assert "mmar-automl sync" in told
    server.start()
    from mlflow import MlflowClient

    for _ in range(2):
        done = mmar.run("sync", "{root}", timeout=120)
        assert done.returncode == 0, done.stderr
        parent, jobs = runs_of(server.uri, "mmar")
        assert {run.info.status for run in [parent, *jobs]} == {"FINISHED"}
        assert sorted(run.data.metrics["score"] for run in jobs) == [0.1, 0.2, 0.3, 0.4]
        assert parent.data.metrics["best_score"] == 0.4
        for run in jobs:
            points = MlflowClient(server.uri).get_metric_history(run.info.run_id, "dice")
            assert [point.step for point in points] == [1, 2, 3]


def wait_for(file: Path) -> None:
    deadline = time.monotonic() + 60
    while not file.exists():
        assert time.monotonic() < deadline, f"{file} does not come"
        time.sleep(0.1)


CANARIES = ("CANARY-7741", "CANARYNAME", "canary_ct_7742", "CANARY77X", "1.2.840.99999.77")


def planted(make_mmar: MakeMmar, name: str) -> MadeMmar:
    """An MMAR whose data list, log and configs hold what names patients."""
    config = searching(score=[0.4], behaviour=["succeed", "oom"])
    config["leak"] = True
    dataset = {"data_list_file_path": "{DATASET_JSON}", "data_list_key": "training"}
    config["train"] = {"dataset": dataset}
    mmar = make_mmar(config, name=name)
    config["cohort"] = str(mmar.root / "data/CANARY-7741/scan 1.nii.gz")
    mmar.write("config/config_train.json", config)
    (mmar.root / "data").mkdir()
    entries = [
        {"image": "CANARY-7741/scan 1.nii.gz", "label": "CANARY-7741/seg.nii.gz"},
        {"image": "images/canary_ct_7742.nii.gz", "label": "labels/canary_ct_7742.nii.gz"},
        {"image": "images/x.dcm", "label": "labels/x.dcm", "patient_id": "CANARY77X"},
    ]
    mmar.write("data/list.json", {"training": entries})
    mmar.write("config/environment.json", {"DATASET_JSON": "data/list.json"})
    return mmar


def found_in_store(mmar: MadeMmar) -> set[str]:
    """The canaries that stand anywhere in the store or in what lies beside it."""
    automl = mmar.root / "automl"
    files = [*automl.glob("mlflow.db*"), *(automl / "mlartifacts").rglob("*")]
    held = b"\n".join(file.read_bytes() for file in files if file.is_file()).lower()
    assert b"stand-in: succeed" in held
    return {canary for canary in CANARIES if canary.lower().encode() in held}


def test_no_patient_leaves_the_mmar_unless_asked(make_mmar: MakeMmar) -> None:
    """Neither paths, file names and ids of lists, configs and logs, nor UIDs and headers."""
    kept = planted(make_mmar, "kept")
    done = tracked(kept, "--no-data-check")
    assert done.returncode == 0, done.stderr + done.stdout
    assert trouble(done.stderr) == []
    assert found_in_store(kept) == set()
    # What names the patients is what the search read, whatever the MMAR reads today.
    kept.write("config/environment.json", {"DATASET_JSON": "data/other.json"})
    page = kept.root / "page.html"
    for options, found in (((), set()), (("--data-paths",), set(CANARIES))):
        argv = ("report", "{root}", "--html", str(page), "--markdown", *options)
        done = kept.run(*argv)
        assert done.returncode == 0, done.stderr
        text = page.read_text() + done.stdout
        assert "Tried to allocate 20.00 GiB" in text
        assert {canary for canary in CANARIES if canary.lower() in text.lower()} == found
        assert (str(kept.root) in text) == bool(found)
    told = planted(make_mmar, "told")
    # The first store has none of them, and to make another takes seconds.
    (told.root / "automl").mkdir()
    shutil.copy(kept.root / "automl/mlflow.db", told.root / "automl")
    done = tracked(told, "--no-data-check", "--log-data-paths")
    assert done.returncode == 0, done.stderr + done.stdout
    assert found_in_store(told) == set(CANARIES)


def test_a_resumed_search_goes_on_in_its_runs(make_mmar: MakeMmar) -> None:
    """After kill -9 nothing stands twice; `stop` leaves nothing RUNNING, a resume goes on."""
    mmar = make_mmar(searching(score=[0.1, 0.2, 0.3], seconds=[3]))
    environment = {**os.environ, **LOG}
    argv = mmar.argv("run", "{root}", "--workers", "cpu", "--run-id", "x")
    search = subprocess.Popen(
        argv, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    wait_for(mmar.root / "automl/x/W1_3_J3/seen.json")
    search.kill()
    search.wait()
    assert mmar.run("stop", "{root}", "--grace", "0", timeout=60).returncode == 0
    parent, jobs = runs_of(own_store(mmar), "mmar")
    assert parent.info.status == "KILLED"
    assert sorted(run.info.status for run in jobs) == ["FINISHED", "FINISHED", "KILLED"]
    done = tracked(mmar, "--run-id", "x", "--resume", timeout=120)
    assert done.returncode == 0, done.stderr
    assert trouble(done.stderr) == []
    parent, jobs = runs_of(own_store(mmar), "mmar")
    # MLflow changes no parameter of a run.
    assert parent.data.params["workers"] == "1"
    assert parent.data.tags["mmar_automl.resumed.workers"] == "2"
    assert sorted(run.info.run_name for run in jobs) == ["W1_1_J1", "W1_2_J2", "W1_3_J3"]
    assert {run.info.status for run in [parent, *jobs]} == {"FINISHED"}
    assert sorted(run.data.metrics["score"] for run in jobs) == [0.1, 0.2, 0.3]
