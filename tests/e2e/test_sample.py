"""The sample MMAR through the command line: real trainings on real anatomy, a real MLflow store."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import MadeMmar

SAMPLE = Path(__file__).parents[2] / "sample_mmar"
EPOCHS = 6
LISTENER = """
import os, socket, sys

def heard(event, args):
    if event in ("socket.getaddrinfo", "socket.gethostbyname", "socket.connect", "socket.sendto"):
        if getattr(args[0], "family", None) != socket.AF_UNIX:
            with open(os.environ["ASKED"], "a") as file:
                file.write(f"{event} {args} {sys.argv[:3]}\\n")

sys.addaudithook(heard)
"""
"""As sitecustomize.py: every Python process writes down whom it asks on the network."""


def listening(folder: Path) -> dict[str, str]:
    """The environment for it; without what tells MLflow's telemetry that this is a test."""
    quiet = ("CI", "PYTEST_CURRENT_TEST", "PYTEST_VERSION", "DO_NOT_TRACK")
    kept = {key: value for key, value in os.environ.items() if key not in quiet}
    kept.pop("MLFLOW_DISABLE_TELEMETRY", None)
    return {**kept, "PYTHONPATH": str(folder), "ASKED": str(folder / "asked.txt")}


@pytest.fixture(scope="module")
def searched(tmp_path_factory: pytest.TempPathFactory) -> MadeMmar:
    """A copy of the sample, searched for four short jobs by its own automl.sh."""
    root = tmp_path_factory.mktemp("e2e") / "sample (copy)"
    shutil.copytree(SAMPLE, root, ignore=shutil.ignore_patterns("automl", "eval", "model*.pt"))
    mmar = MadeMmar(root)
    config = mmar.read("config/config_automl.json")
    config["controller"]["args"]["max_rounds"] = 4
    mmar.write("config/config_automl.json", config)
    (root.parent / "sitecustomize.py").write_text(LISTENER)
    done = subprocess.run(
        [
            str(root / "commands/automl.sh"),
            *("--workers", "cpu:cpu", "--set", f"epochs={EPOCHS}"),
            *("--register", "tissue@champion"),
        ],
        capture_output=True,
        text=True,
        timeout=400,
        env={
            **listening(root.parent),
            "MMAR_AUTOML_PYTHON": sys.executable,
            "MLFLOW_TRACKING_URI": "",
        },
        cwd=root.parent,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "* best: " in done.stdout
    assert "Traceback" not in done.stderr
    return mmar


def test_the_sample_is_valid(searched: MadeMmar) -> None:
    """No error and no warning in what a newcomer sees first."""
    done = searched.run("validate", "{root}", "--json", "--strict")
    assert done.returncode == 0, done.stdout
    assert json.loads(done.stdout) == {"problems": []}


@pytest.mark.parametrize("config", [*(SAMPLE / "config").glob("config_automl*.json")],
                         ids=lambda file: file.stem)  # fmt: skip
def test_each_search_of_the_sample_can_be_run(config: Path) -> None:
    """Whatever --automlconf may name: no error, no warning, but for data that is not there yet."""
    words = ("validate", str(SAMPLE), "--automlconf", config.name, "--strict", "--no-data-check")
    done = subprocess.run(
        [sys.executable, "-m", "mmar_automl", *words], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.slow
def test_early_stopping_finds_what_the_grid_finds(tmp_path: Path) -> None:
    """AutoController and AshaPruner come at least within a seed's noise of the best of the grid of
    36 (0.8499), with fewer than its 1,080 epochs; docs/benchmarks.md has what was measured."""
    root = tmp_path / "sample"
    shutil.copytree(SAMPLE, root, ignore=shutil.ignore_patterns("automl", "eval", "model*.pt"))
    mmar = MadeMmar(root)
    words = ("--automlconf", "config_automl_auto.json", "--workers", "cpu:cpu", "--no-mlflow")
    done = mmar.run("run", "{root}", *words, timeout=3000)
    assert done.returncode == 0, done.stdout + done.stderr
    jobs = mmar.report()["jobs"]
    assert len(jobs) == 40
    assert {job["state"] for job in jobs} == {"finished", "pruned"}
    assert max(job["score"] for job in jobs) >= 0.845
    trained = [root / "automl/run_a" / job["name"] / "models/progress.jsonl" for job in jobs]
    last = [json.loads(file.read_text().splitlines()[-1])["epoch"] for file in trained]
    assert sum(last) < 1080


def test_every_job_trained_for_real(searched: MadeMmar) -> None:
    """Scores are Dice values that differ, from as many epochs as were asked for."""
    jobs = searched.report()["jobs"]
    assert len(jobs) == 4
    assert {job["state"] for job in jobs} == {"finished"}
    scores = [job["score"] for job in jobs]
    assert all(0 < score < 1 for score in scores)
    assert len(set(scores)) == 4
    for job in jobs:
        folder = Path(job["folder"])
        progress = [
            json.loads(line) for line in (folder / "models/progress.jsonl").read_text().splitlines()
        ]
        assert progress[-1]["epoch"] == EPOCHS
        assert max(line["metric"] for line in progress) == job["score"]
        stats = json.loads((folder / "models/train_stats.json").read_text())
        assert stats["best_validation_metric"] == job["score"]
        assert stats["metric"] == "val_mean_dice"


def test_parameters_are_what_the_job_was_trained_with(searched: MadeMmar) -> None:
    """Report, job config and the log agree."""
    for job in searched.report()["jobs"]:
        config = json.loads((Path(job["folder"]) / "config/config_train.json").read_text())
        parameters = job["parameters"]
        assert config["learning_rate"] == parameters["learning_rate"]
        assert config["train"]["model"]["args"]["channels"] == parameters["UNet.channels"]
        enabled = [loss["name"] for loss in config["train"]["loss"] if not loss.get("disabled")]
        expected = "FocalLoss" if parameters["without_dice_ce"] else "DiceCELoss"
        assert enabled == [expected]


def test_mlflow_agrees_with_the_report(searched: MadeMmar) -> None:
    """Number by number."""
    code = (
        "import json, sys\nfrom mlflow import MlflowClient\n"
        "client = MlflowClient(sys.argv[1])\n"
        "experiment = client.get_experiment_by_name(sys.argv[2])\n"
        "runs = client.search_runs([experiment.experiment_id])\n"
        "print(json.dumps({r.info.run_name: [r.data.metrics, r.data.params] for r in runs}))\n"
    )
    store = f"sqlite:///{searched.root}/automl/mlflow.db"
    told = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code, store, searched.root.name],
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    runs = json.loads(told.stdout.splitlines()[-1])
    report = searched.report()
    assert set(runs) == {"run_a", *(job["name"] for job in report["jobs"])}
    for job in report["jobs"]:
        metrics, parameters = runs[job["name"]]
        assert metrics["score"] == job["score"]
        assert "val_mean_dice" in metrics
        assert set(parameters) == set(job["parameters"])
        assert float(parameters["learning_rate"]) == job["parameters"]["learning_rate"]
    assert runs["run_a"][0]["best_score"] == report["jobs"][0]["score"]


def test_the_best_model_is_in_the_registry(searched: MadeMmar) -> None:
    """It loads without the classes that it was trained with, and takes its example."""
    code = (
        "import json, sys\nimport mlflow\n"
        "mlflow.set_tracking_uri(sys.argv[1])\n"
        "client = mlflow.MlflowClient()\n"
        "version = client.get_model_version_by_alias('tissue', 'champion')\n"
        "model = mlflow.pyfunc.load_model('models:/tissue@champion')\n"
        "example = model.input_example\n"
        "answer = model.predict(example)\n"
        "experiment = client.get_experiment_by_name(sys.argv[2])\n"
        "runs = client.search_runs([experiment.experiment_id])\n"
        "tags = {r.info.run_name: r.data.tags for r in runs}['run_a']\n"
        "statuses = sorted({r.info.status for r in runs})\n"
        "named = [r.info.run_name for r in runs if r.info.run_id == version.run_id]\n"
        "print(json.dumps([example.shape, answer.shape, named, tags, statuses, "
        "model.metadata.signature is not None, 'monai' in sys.modules]))\n"
    )
    store = f"sqlite:///{searched.root}/automl/mlflow.db"
    told = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code, store, searched.root.name],
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    example, answer, named, tags, statuses, signed, monai = json.loads(told.stdout.splitlines()[-1])
    best = searched.report()["best"]
    assert example == [1, 1, 32, 24, 32]
    assert answer == [1, 3, 32, 24, 32]
    assert named == [best] == [tags["mmar_automl.model_job"]]
    assert statuses == ["FINISHED"]
    assert signed
    assert not monai


def test_nothing_calls_out(searched: MadeMmar) -> None:
    """Neither the search nor its trainings nor the process that logs the model: no telemetry."""
    asked = searched.root.parent / "asked.txt"
    assert not asked.exists(), asked.read_text()
    code = "import socket; socket.getaddrinfo('localhost', 1)"
    subprocess.run([sys.executable, "-c", code], env=listening(asked.parent), check=True)
    assert "localhost" in asked.read_text()


def test_no_name_of_a_block_is_in_the_store(searched: MadeMmar) -> None:
    """Real logs of real trainings, the model included."""
    automl = searched.root / "automl"
    files = [automl / "mlflow.db", *(automl / "mlartifacts").rglob("*")]
    held = b"".join(file.read_bytes() for file in files if file.is_file())
    assert b"val_mean_dice" in held
    assert b"block_" not in held


def test_the_best_model_scores_what_the_report_says(searched: MadeMmar) -> None:
    """model.pt loads, and its validation gives the very number."""
    code = (
        "import sys\nfrom pathlib import Path\n"
        "from mmar_automl.trainer.run import Request, evaluate_checkpoint\n"
        "print('score', repr(evaluate_checkpoint(Request(root=Path(sys.argv[1]))).value))\n"
    )
    report = searched.report()
    best = searched.root / "automl" / report["run_id"] / "best"
    # The threads are those of the job: their number changes the last digits.
    told = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code, str(best.resolve())],
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    score = float(told.stdout.splitlines()[-1].split()[1])
    assert score == pytest.approx(report["jobs"][0]["score"], abs=1e-6)
