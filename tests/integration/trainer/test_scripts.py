"""The scripts of the sample MMAR, as a newcomer runs them, one after the other."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

SAMPLE = Path(__file__).parents[3] / "sample_mmar"
COMMANDS = Path(__file__).parents[3] / "commands"
needs_data = pytest.mark.skipif(
    not (SAMPLE / "data" / "dataset.json").is_file(), reason="make setup writes the sample's data"
)


def test_the_sample_has_the_published_scripts():
    """`commands/` and the sample's are the same, and all of them may be run."""
    for script in COMMANDS.glob("*.sh"):
        assert (SAMPLE / "commands" / script.name).read_bytes() == script.read_bytes(), script.name
        assert os.access(script, os.X_OK), script.name
    figure = "train train_finetune train_2gpu train_2gpu_finetune validate infer export"
    assert {f"{name}.sh" for name in figure.split()} <= {f.name for f in COMMANDS.glob("*.sh")}


@needs_data
@pytest.mark.slow
def test_every_script_of_the_sample_runs(tmp_path):
    """Train, validate, infer, export, validate what was exported, fine-tune, in two processes."""
    root = tmp_path / "ein MMAR"
    shutil.copytree(SAMPLE, root, ignore=shutil.ignore_patterns("automl", "models", "eval"))
    environment = {
        **os.environ, "OMP_NUM_THREADS": "1", "OMP_WAIT_POLICY": "PASSIVE",
        "MMAR_AUTOML_PYTHON": sys.executable,
    }  # fmt: skip

    def run(script, *words, **more):
        ran = subprocess.run(
            ["bash", str(root / "commands" / script), *words],
            env={**environment, **more}, capture_output=True, text=True, check=False, cwd="/",
        )  # fmt: skip
        assert ran.returncode == 0, script + ran.stdout + ran.stderr
        return ran.stdout

    run("train.sh", "epochs=2")
    assert "val_mean_dice: 0." in run("validate.sh")
    run("infer.sh")
    assert len(list((root / "eval").rglob("*_pred.nii.gz"))) == 2
    run("export.sh")
    switches = ("dont_load_ckpt_model=True", "dont_load_ts_model=False")
    assert "val_mean_dice: 0." in run("validate.sh", *switches)
    run("train_finetune.sh", "epochs=2")
    assert (root / "models" / "finetuned" / "model.pt").is_file()
    run("train_multi_gpu.sh", "epochs=2")
    assert "2 processes train together" in run("train_2gpu.sh", "epochs=2")
    assert "2 processes train together" in run("train_2gpu_finetune.sh", "epochs=2")
    round_script = run("automl_train_round.sh", "epochs=2", AUTOML_NUM_GPUS="2")
    assert "2 processes train together" in round_script
