"""Several processes, started by torchrun, train as one."""

import os
import subprocess
import sys

import pytest

from mmar_automl.jobs import result
from mmar_automl.mmar.layout import MmarLayout
from mmar_automl.trainer.distributed import ALONE, Place, find_place
from mmar_automl.trainer.run import Request, train

QUIET_CORES = {"OMP_NUM_THREADS": "1", "OMP_WAIT_POLICY": "PASSIVE"}


def torchrun(root, *words, processes=2):
    launch = ["-m", "torch.distributed.run", "--standalone", f"--nproc_per_node={processes}"]
    app = ["-m", "mmar_automl", "train", "-m", str(root), "--write_train_stats"]
    return subprocess.run(
        [sys.executable, "-u", *launch, *app, *words],
        env={**os.environ, **QUIET_CORES},
        capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip


@pytest.fixture
def plain_config(config):
    """Without chance in the data, so that two processes see what one sees."""
    train_ = config["train"]
    train_["pre_transforms"] = [
        item for item in train_["pre_transforms"] if not item["name"].startswith("Rand")
    ]
    train_["dataloader"]["args"].update(shuffle=False, batch_size=2)
    config.update(epochs=4, num_interval_per_valid=2)
    return config


def test_two_processes_equal_one_of_the_same_global_batch(mmar, plain_config):
    """Same score, same loss within rounding; every file is written once, by the first process."""
    one = train(Request(root=mmar(plain_config, "one"), write_stats=True))
    plain_config["train"]["dataloader"]["args"]["batch_size"] = 1
    root = mmar(plain_config, "two")
    ran = torchrun(root, "--set", "multi_gpu=True")
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert ran.stdout.count("2 processes train together") == 1
    stats = result.read_stats(MmarLayout(root))
    assert stats.metric_value == pytest.approx(one.value, abs=1e-4)
    lines = result.read_progress(MmarLayout(root))
    assert [line["epoch"] for line in lines] == [2, 4]
    assert len({case["case"] for case in stats.raw["per_case"]}) == 2
    assert sorted(file.name for file in MmarLayout(root).models.iterdir()) == [
        "final_model.pt", "model.pt", "progress.jsonl", "resume.pt", "train_stats.json",
    ]  # fmt: skip


@pytest.mark.slow
def test_several_processes_resume(mmar, plain_config):
    """The state of each process comes back, and the training goes on behind the last epoch."""
    root = mmar(plain_config)
    for epochs, words in ((2, ()), (4, ("--resume",))):
        ran = torchrun(root, *words, "--set", f"epochs={epochs}")
        assert ran.returncode == 0, ran.stdout + ran.stderr
    whole = mmar(plain_config, "whole")
    assert torchrun(whole).returncode == 0
    known = ("epoch", "metric", "train_loss", "lr")
    one, other = (
        [[line[k] for k in known] for line in result.read_progress(MmarLayout(each))]
        for each in (root, whole)
    )
    assert one == other


@pytest.mark.slow
def test_a_mistake_is_the_last_thing_that_torchrun_says(mmar, plain_config):
    """torchrun ends with a summary of its own; the message is in it, and the status is not 0."""
    ran = torchrun(mmar(plain_config), "--set", "learning_rate=x")
    assert ran.returncode != 0
    summary = ran.stderr.rpartition("Root Cause")[2]
    assert "train.optimizer: Adam(" in summary


def test_the_place_is_torchruns():
    """Without torchrun's variables, and in a world of one, we are alone."""
    assert find_place({}) is ALONE
    assert find_place({"RANK": "0", "WORLD_SIZE": "1"}) is ALONE
    several = {"RANK": "3", "LOCAL_RANK": "1", "WORLD_SIZE": "4"}
    assert find_place(several) == Place(rank=3, local_rank=1, world=4)
