"""`mmar-automl train` as a program: its words, its signals, its exit codes."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from mmar_automl.cli.train import configure_logging
from mmar_automl.errors import BadInput
from mmar_automl.mmar.layout import MmarLayout

COMMANDS = Path(__file__).parents[3] / "commands"
PROGRAM = [sys.executable, "-u", "-m", "mmar_automl", "train"]
QUIET_CORES = {"OMP_NUM_THREADS": "1", "OMP_WAIT_POLICY": "PASSIVE"}


def test_claras_command_line_trains(mmar, config):
    """Bare words behind --set are ignored; own Python named like the standard library's, loader
    processes and print_conf do no harm; nothing that a user cannot mend is printed."""
    for scope in ("train", "validate"):
        config[scope]["dataloader"]["args"]["num_workers"] = 1
    root = mmar(config)
    (root / "custom").mkdir()
    (root / "custom" / "http.py").write_text("raise RuntimeError('shadowed')\n")
    (root / "own.config").write_text(
        "[loggers]\nkeys=root\n[handlers]\nkeys=out\n[formatters]\nkeys=own\n"
        "[logger_root]\nlevel=INFO\nhandlers=out\n"
        "[handler_out]\nclass=StreamHandler\nformatter=own\nargs=(sys.stdout,)\n"
        "[formatter_own]\nformat=OWN %(message)s\n"
    )
    words = "-c config/config_train.json -e config/environment.json -l own.config"
    words += " --write_train_stats --set"
    ran = subprocess.run(
        [*PROGRAM, "-m", str(root), *words.split(), "print_conf=True", "epochs=1", "0", "foo"],
        env={**os.environ, **QUIET_CORES, "PYTHONPATH": str(root / "custom")},
        cwd="/", capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert ran.stderr == ""
    assert '"max_epochs": 1' in ran.stdout
    assert "OWN note: amp is off" in ran.stdout
    assert json.loads(MmarLayout(root).train_stats.read_text())["epochs"] == 1


def test_users_mistake_is_a_message_and_2(mmar, config):
    """File, line, JSON path and mend; no traceback, and long before MONAI is imported."""
    config["train"]["optimizer"]["name"] = "Addam"
    root = mmar(config)
    ran = subprocess.run(
        [*PROGRAM, "-m", str(root), "--set"], capture_output=True, text=True, check=False
    )
    assert ran.returncode == 2
    assert "Traceback" not in ran.stderr
    assert "config_train.json:" in ran.stderr
    assert "train.optimizer.name" in ran.stderr
    assert "Adam" in ran.stderr
    nowhere = subprocess.run(
        [*PROGRAM, "-m", str(root / "none")], capture_output=True, text=True, check=False
    )
    assert nowhere.returncode == 2
    assert "Traceback" not in nowhere.stderr


def test_help_needs_no_torch():
    """`--help` answers at once, since nothing heavy is loaded for it."""
    code = (
        "import sys; from mmar_automl.cli import app;"
        "app(['train', '--help'], standalone_mode=False);"
        "print([m for m in ('torch', 'monai', 'mlflow') if m in sys.modules])"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "--write_train_stats" in ran.stdout
    assert ran.stdout.strip().endswith("[]")


def test_round_script_trains_the_mmar_that_it_lies_in(mmar, config):
    """From any folder, under any name, as the search calls it; its exit code is the training's."""
    root = mmar(config, "ein MMAR (ü) $x")
    shutil.copytree(COMMANDS, root / "commands")
    (root / "eval").mkdir()
    script = str(root / "commands" / "automl_train_round.sh")
    environment = {**os.environ, **QUIET_CORES, "MMAR_AUTOML_PYTHON": sys.executable}
    ran = subprocess.run(
        ["bash", script, "epochs=1"],
        cwd="/", env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (ran.returncode, ran.stderr) == (0, "")
    assert json.loads(MmarLayout(root).train_stats.read_text())["epochs"] == 1
    assert not (root / "eval").exists()
    refused = subprocess.run(
        ["bash", script, "num_interval_per_valid=9"],
        cwd="/", env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert refused.returncode == 2
    assert "never comes in 2 epochs" in refused.stderr


def test_log_config_is_pythons(tmp_path):
    """`-l` is a logging config, relative to the MMAR; a missing or odd one is told of."""
    (tmp_path / "odd.config").write_text("[loggers]\n")
    with pytest.raises(BadInput, match="is no logging config"):
        configure_logging(tmp_path, "odd.config")
    with pytest.raises(BadInput, match="does not exist"):
        configure_logging(tmp_path, "none.config")
