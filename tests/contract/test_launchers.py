"""What every launcher promises."""

from __future__ import annotations

import dataclasses
import os
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from mmar_automl.api import JobCommand, Launcher
from mmar_automl.executors.inline import InlineLauncher
from mmar_automl.executors.local import LocalLauncher


def program(command: JobCommand, cancelled: threading.Event) -> int:
    """An in-process stand-in for the subprocesses below: runs the argv itself."""
    with command.log.open("ab") as log:
        process = subprocess.Popen(
            list(command.argv),
            stdout=log,
            stderr=log,
            cwd=command.cwd,
            env={**os.environ, **command.environment},
        )
    while process.poll() is None:
        if cancelled.wait(0.02):
            process.terminate()
    return process.returncode


@pytest.fixture(params=[LocalLauncher, lambda: InlineLauncher(program)], ids=["local", "inline"])
def launcher(request: pytest.FixtureRequest) -> Launcher:
    """Each launcher, fresh."""
    made: Launcher = request.param()
    return made


def is_alive(pid: int) -> bool:
    """Whether a process exists and is no zombie that its new parent has yet to bury."""
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def settle() -> None:
    """In its very first moment a process shows an empty environment."""
    time.sleep(0.2)


Make = Callable[..., JobCommand]


@pytest.fixture
def command(tmp_path: Path) -> Make:
    """A function that makes a command from Python source."""

    def make(source: str, token: str = "t1", **environment: str) -> JobCommand:
        return JobCommand(
            token=token,
            argv=[sys.executable, "-I", "-S", "-c", source],
            cwd=tmp_path,
            environment=environment,
            log=tmp_path / "log.txt",
        )

    return make


def test_a_job_runs_to_its_exit_status(launcher: Launcher, command: Make) -> None:
    """Output goes to the log byte for byte, the environment is the command's."""
    source = "import os, sys; sys.stdout.buffer.write(os.environb[b'A'] + b'\\xff'); sys.exit(3)"
    handle = launcher.submit(command(source, A="x"), [])
    state = launcher.poll([handle], timeout=None)["t1"]
    assert (state.running, state.exit_status) == (False, 3)
    assert command("").log.read_bytes() == b"x\xff"


def test_a_running_job_is_running(launcher: Launcher, command: Make) -> None:
    """And is adopted by its handle, until it has been cancelled."""
    handle = launcher.submit(command("import time; time.sleep(60)"), [])
    assert launcher.poll([handle])["t1"].running
    settle()
    assert launcher.adopt("t1") == handle
    launcher.cancel(handle, grace=5)
    state = launcher.poll([handle], timeout=10)["t1"]
    assert not state.running
    assert launcher.adopt("t1") is None
    launcher.cancel(handle, grace=5)


def test_the_same_token_is_the_same_job(launcher: Launcher, command: Make) -> None:
    """Submitting twice starts once."""
    source = "open('count', 'a').write('x')"
    first = launcher.submit(command(source), [])
    assert launcher.submit(command(source), []) == first
    launcher.poll([first], timeout=None)
    assert (command("").cwd / "count").read_text() == "x"


def test_a_tree_that_ignores_sigterm_and_leaves_its_group_is_ended(command: Make) -> None:
    """Proof that nobody is left: not the children, nor those in a session of their own."""
    source = (
        "import signal, subprocess, sys, time\n"
        "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        "code = 'import signal, time; signal.signal(15, 1); print(1, flush=True); time.sleep(60)'\n"
        "for away in (False, True):\n"
        "    child = subprocess.Popen([sys.executable, '-c', code],"
        " start_new_session=away, stdout=subprocess.PIPE)\n"
        "    child.stdout.readline()\n"
        "    print(child.pid, flush=True)\n"
        "time.sleep(60)\n"
    )
    launcher = LocalLauncher()
    made = command(source)
    handle = launcher.submit(made, [])
    deadline = time.monotonic() + 20
    while made.log.read_text().count("\n") < 2:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    children = [int(line) for line in made.log.read_text().split()]
    launcher.cancel(handle, grace=0.5)
    assert not any(is_alive(pid) for pid in children)
    assert launcher.poll([handle], timeout=5)["t1"].exit_status == -9


def test_a_job_of_another_process_is_adopted_by_its_token(command: Make) -> None:
    """Whatever attempt it is; its end is noticed, its exit status unknown."""
    run = uuid.uuid4().hex
    launcher, later = LocalLauncher(), LocalLauncher()
    handle = launcher.submit(command("import time; time.sleep(60)", token=f"{run}/W1_1_J1#2"), [])
    settle()
    assert later.adopt(f"{run}/W1_1_J") is None
    adopted = later.adopt(f"{run}/W1_1_J1")
    assert adopted is not None
    assert (adopted.pid, adopted.started) == (handle.pid, handle.started)
    assert later.poll([adopted])[f"{run}/W1_1_J1"].running
    later.cancel(adopted, grace=5)
    state = later.poll([adopted], timeout=5)[f"{run}/W1_1_J1"]
    assert (state.running, state.exit_status) == (False, None)
    assert not launcher.poll([handle], timeout=5)[f"{run}/W1_1_J1#2"].running


def test_a_pid_that_is_somebody_elses_is_not_taken_for_the_job(command: Make) -> None:
    """Pids are used again; the start time tells."""
    launcher = LocalLauncher()
    handle = launcher.submit(command("import time; time.sleep(60)"), [])
    stranger = dataclasses.replace(handle, started=handle.started - 100)
    assert not LocalLauncher().poll([stranger])["t1"].running
    launcher.cancel(handle, grace=5)
    assert not launcher.poll([handle], timeout=5)["t1"].running


def test_a_command_that_cannot_start_raises(command: Make) -> None:
    """OSError, as promised."""
    broken = dataclasses.replace(command(""), argv=["/nowhere/at/all"])
    with pytest.raises(OSError, match="nowhere"):
        LocalLauncher().submit(broken, [])
