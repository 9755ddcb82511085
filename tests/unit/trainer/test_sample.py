"""What an MMAR carries: the scripts, and the sample that has them."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[3]
SAMPLE = REPOSITORY / "sample_mmar"
SCRIPTS = ("set_env.sh", "train.sh", "automl.sh", "automl_train_round.sh")


@pytest.mark.parametrize("script", SCRIPTS)
def test_sample_has_the_scripts_of_commands(script):
    """The sample shows the scripts that every MMAR carries, byte for byte, and can run them."""
    template, copy = REPOSITORY / "commands" / script, SAMPLE / "commands" / script
    assert copy.read_bytes() == template.read_bytes()
    assert os.access(copy, os.X_OK)
    assert os.access(template, os.X_OK)


@pytest.mark.parametrize("name", ["a b", "ü", "x;y", "$HOME", "it's"])
def test_set_env_finds_its_own_mmar(tmp_path, name):
    """MMAR_ROOT is the folder above the script, wherever that is and whoever calls it."""
    commands = tmp_path / name / "commands"
    commands.mkdir(parents=True)
    (commands / "set_env.sh").write_bytes((REPOSITORY / "commands" / "set_env.sh").read_bytes())
    script = '. "$1"; printf "%s\\n%s\\n%s\\n" "$MMAR_ROOT" "$MMAR_AUTOML_PYTHON" "$PYTHONPATH"'
    environment = {"PATH": os.environ["PATH"], "MMAR_AUTOML_PYTHON": sys.executable}
    ran = subprocess.run(
        ["bash", "-euc", script, "bash", str(commands / "set_env.sh")],
        cwd="/", env=environment, capture_output=True, text=True, check=True,
    )  # fmt: skip
    root = os.path.realpath(commands.parent)
    assert ran.stdout.splitlines() == [root, sys.executable, f"{root}/custom"]
    assert ran.stderr == ""


def test_sample_searches_what_the_brief_asks(config):
    """A learning rate, exclusive losses, a network choice, a probability."""
    assert [entry["args"] for entry in config["search"]] == [
        ["learning_rate"],
        ["without_dice_ce", "without_focal"],
    ]
    assert config["train"]["model"]["search"][0]["args"] == ["channels", "strides"]
    assert any(
        entry["args"] == ["prob"]
        for transform in config["train"]["pre_transforms"]
        for entry in transform.get("search", [])
    )


def test_every_json_file_of_the_sample_is_json():
    """No file of the sample needs a lenient reader."""
    files = list((SAMPLE / "config").glob("*.json"))
    assert len(files) >= 3
    for file in files:
        json.loads(file.read_text(encoding="utf-8"))
