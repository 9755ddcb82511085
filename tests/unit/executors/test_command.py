"""How a job is run."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from mmar_automl.executors.command import round_command, worker_environment
from mmar_automl.mmar.layout import MmarLayout


def test_the_round_script_is_run_by_bash_in_its_own_commands() -> None:
    """With the words of --set as its arguments, spaces and all."""
    job = MmarLayout(Path("/data/Mein Ordner/胰腺/J1"))
    command = round_command(job, "t", {"DATA_ROOT": "/my data", "epochs": 3}, {"A": "b"})
    assert command.argv == [
        "bash",
        "/data/Mein Ordner/胰腺/J1/commands/automl_train_round.sh",
        "DATA_ROOT=/my data",
        "epochs=3",
    ]
    assert command.cwd == job.commands
    assert command.log == job.log
    assert command.environment == {"MMAR_ROOT": str(job.root), "A": "b"}


def test_threads_are_shared_out_among_the_workers() -> None:
    """At least one each; waiting threads sleep."""
    cores = len(os.sched_getaffinity(0))
    assert worker_environment("", (), 1)["OMP_NUM_THREADS"] == str(cores)
    assert worker_environment("", (), 10 * cores)["OMP_NUM_THREADS"] == "1"
    environment = worker_environment("2,3", (0, 1), 2)
    assert environment["CUDA_VISIBLE_DEVICES"] == "2,3"
    assert environment["AUTOML_NUM_GPUS"] == "2"
    assert environment["OMP_WAIT_POLICY"] == "PASSIVE"


def test_python3_in_a_script_is_the_searchs_own() -> None:
    """Whether its environment is active in the shell or not."""
    path = worker_environment("", (), 1)["PATH"]
    assert path.split(os.pathsep)[0] == str(Path(sys.executable).parent)
