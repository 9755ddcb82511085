"""A training that goes on comes to the very numbers of one that was never stopped."""

import json
import os
import signal
import subprocess
import sys
import time

import pytest

from mmar_automl.jobs import result
from mmar_automl.mmar.layout import MmarLayout
from mmar_automl.trainer.checkpoint import UnfitCheckpoint
from mmar_automl.trainer.run import Request, train

PROGRAM = [sys.executable, "-u", "-m", "mmar_automl", "train"]
QUIET_CORES = {"OMP_NUM_THREADS": "1", "OMP_WAIT_POLICY": "PASSIVE"}
TIMES = ("seconds", "time", "peak_rss", "fault", "fault_class")


def told(root):
    """Everything that a training says of itself, apart from how long it took."""
    layout = MmarLayout(root)
    stats = json.loads(layout.train_stats.read_text())
    lines = [
        {k: v for k, v in line.items() if k not in TIMES} for line in result.read_progress(layout)
    ]
    return {k: v for k, v in stats.items() if k not in TIMES}, lines


def same_weights(first, second):
    import torch

    one, other = (torch.load(file, weights_only=True)["model"] for file in (first, second))
    return one.keys() == other.keys() and all(torch.equal(one[k], other[k]) for k in one)


@pytest.fixture
def long_config(config):
    """Five epochs with random crops and flips, momentum, and a learning rate that falls."""
    config.update(epochs=5, num_interval_per_valid=1)
    config["train"]["optimizer"] = {"name": "SGD", "args": {
        "params": "#@model.parameters()", "lr": "{learning_rate}", "momentum": 0.9}}  # fmt: skip
    config["train"]["lr_scheduler"]["args"].update(step_size=2, gamma=0.5)
    config["train"]["model"]["args"]["dropout"] = 0.2
    return config


@pytest.mark.parametrize("workers", [0, 1])
def test_stopped_and_resumed_equals_uninterrupted(mmar, long_config, workers):
    """Scores, losses, learning rates and weights: equal to the last bit."""
    for scope in ("train", "validate"):
        long_config[scope]["dataloader"]["args"]["num_workers"] = workers
    whole = mmar(long_config, "whole")
    train(Request(root=whole, write_stats=True))
    part = mmar(long_config, "part")
    train(Request(root=part, write_stats=True, overrides={"epochs": 2}))
    train(Request(root=part, write_stats=True, resume=True))
    stats, lines = told(part)
    expected, expected_lines = told(whole)
    assert lines == expected_lines
    assert [line["epoch"] for line in lines] == [1, 2, 3, 4, 5]
    assert {**stats, "per_case": 0} == {**expected, "per_case": 0}
    for file in ("model.pt", "final_model.pt"):
        assert same_weights(whole / "models" / file, part / "models" / file), file


def test_resume_reads_no_weights_of_the_beginning(mmar, long_config):
    """A CheckpointLoader begins a training; it has no say in one that goes on."""
    first = mmar(long_config, "first")
    train(Request(root=first, overrides={"epochs": 1, "learning_rate": 0.2}))
    long_config["dont_load_ckpt_model"] = False
    base = str(first / "models" / "model.pt")
    whole, part = (mmar(long_config, name, MMAR_CKPT=base) for name in ("whole", "part"))
    train(Request(root=whole, write_stats=True))
    train(Request(root=part, write_stats=True, overrides={"epochs": 3}))
    train(Request(root=part, write_stats=True, resume=True))
    assert told(part)[1] == told(whole)[1]


def test_a_best_of_before_is_kept(mmar, long_config):
    """After going on, a worse validation does not replace the best model."""
    root = mmar(long_config)
    (root / "custom").mkdir()
    (root / "custom" / "falling_metric.py").write_text(
        "from ignite.metrics import Metric\n"
        "class Falling(Metric):\n"
        "    values = [0.5, 0.9, 0.3, 0.4, 0.2]\n"
        "    def reset(self): pass\n"
        "    def update(self, output): pass\n"
        "    def compute(self): return self.values.pop(0)\n"
    )
    long_config["validate"]["key_metric"].update(path="falling_metric.Falling", args={})
    root = mmar(long_config)
    train(Request(root=root, write_stats=True, overrides={"epochs": 2}))
    before = (root / "models" / "model.pt").read_bytes()
    score = train(Request(root=root, write_stats=True, resume=True))
    assert (score.value, score.epoch) == (0.9, 2)
    assert (root / "models" / "model.pt").read_bytes() == before


def test_nothing_to_resume_begins_anew(mmar, config, caplog):
    """A job that was stopped before its first epoch ended starts again, and says so."""
    caplog.set_level("INFO")
    root = mmar(config)
    result.append_progress(MmarLayout(root), {"epoch": 1, "metric": 0.9, "seconds": 1.0})
    score = train(Request(root=root, resume=True, write_stats=True))
    assert score.value is not None
    assert [line["epoch"] for line in result.read_progress(MmarLayout(root))] == [1, 2]
    assert "no resume.pt to resume from" in caplog.text


def test_checkpoint_of_another_network_is_refused(mmar, config):
    """The message names the file and what it does not fit."""
    root = mmar(config)
    train(Request(root=root))
    config["train"]["model"]["args"]["channels"] = [4, 6]
    root = mmar(config)
    with pytest.raises(UnfitCheckpoint, match=r"resume\.pt was made with another train\.model"):
        train(Request(root=root, resume=True, overrides={"epochs": 3}))
    (root / "models" / "resume.pt").write_bytes(b"torn")
    with pytest.raises(UnfitCheckpoint, match="cannot be read"):
        train(Request(root=root, resume=True))


def test_sigterm_saves_and_the_environment_resumes(mmar, long_config):
    """A search stops a job and starts it again with MMAR_RESUME=1: as if nothing had been."""
    long_config["epochs"] = 30
    # Both in processes of their own, with the same threads: their number changes the last digits.
    environment = {**os.environ, **QUIET_CORES}
    whole = mmar(long_config, "whole")
    subprocess.run(
        [*PROGRAM, "-m", str(whole), "--write_train_stats"],
        env=environment,
        stdout=subprocess.DEVNULL,
        check=True,
    )
    part = mmar(long_config, "part")
    command = [*PROGRAM, "-m", str(part), "--write_train_stats"]
    training = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + 60
        while len(result.read_progress(MmarLayout(part))) < 3:
            assert training.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.02)
        asked = time.monotonic()
        training.send_signal(signal.SIGTERM)
        assert training.wait(timeout=5) == 143
        assert time.monotonic() - asked < 2
    finally:
        training.kill()
        training.wait()
    assert len(result.read_progress(MmarLayout(part))) < 30
    ran = subprocess.run(
        command, env={**environment, "MMAR_RESUME": "1"}, capture_output=True, text=True, check=True
    )
    assert "resumed after epoch" in ran.stdout
    assert told(part)[1] == told(whole)[1]
    assert same_weights(whole / "models" / "final_model.pt", part / "models" / "final_model.pt")
