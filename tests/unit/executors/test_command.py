"""How a job is run."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from mmar_automl.executors.command import round_command, worker_environment
from mmar_automl.mmar.layout import MmarLayout


def test_the_round_script_is_run_by_bash_in_its_own_commands() -> None:
    """With the words of --set as its arguments, spaces and all."""
    job = MmarLayout(Path("/data/Mein Ordner/胰腺/J1"))
    command = round_command(job, "t", {"DATA_ROOT": "/my data", "epochs": 3}, {"A": "b"})
    assert command.argv[:2] == ["bash", "-c"]
    assert command.argv[3:] == [
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


@pytest.mark.parametrize(
    ("script", "status"),
    [("exit 0", 0), ("exit 3", 3), ("kill -9 $$", 137), ("kill -TERM $$", 143)],
)
def test_the_exit_status_is_left_for_whoever_resumes(
    tmp_path: Path, script: str, status: int
) -> None:
    """In a file of the job's folder, and as the command's own."""
    job = MmarLayout(tmp_path / "a b")
    job.commands.mkdir(parents=True)
    job.round_script.write_text(script)
    command = round_command(job, "t", {}, {})
    done = subprocess.run(
        command.argv, cwd=command.cwd, env={**os.environ, **command.environment}, check=False
    )
    assert done.returncode == status
    assert job.exit_status.read_text() == str(status)


def test_a_script_that_saves_on_sigterm_is_given_its_time(tmp_path: Path) -> None:
    """The recording shell outlives SIGTERM as long as the script does."""
    job = MmarLayout(tmp_path)
    job.commands.mkdir()
    job.round_script.write_text(
        "trap 'sleep 0.5; touch \"$MMAR_ROOT/saved\"; exit 143' TERM\n"
        'touch "$MMAR_ROOT/ready"\nsleep 60 & wait\n'
    )
    command = round_command(job, "t", {}, {})
    process = subprocess.Popen(
        command.argv,
        cwd=command.cwd,
        env={**os.environ, **command.environment},
        start_new_session=True,
    )
    while not (tmp_path / "ready").exists():
        time.sleep(0.02)
    os.killpg(process.pid, signal.SIGTERM)
    assert process.wait(timeout=20) == 143
    assert (tmp_path / "saved").exists()
    assert job.exit_status.read_text() == "143"
