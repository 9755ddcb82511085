"""Jobs as processes of this machine: each in its own session, its output in a file.

A job is a process tree that may outlive the search. It is ended as a whole: SIGTERM to the
group, SIGKILL after the grace, and a look that nobody is left, also of those who left the group.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import subprocess
import threading
import time
from collections.abc import Iterable, Sequence

import psutil

from mmar_automl.api import Handle, JobCommand, ProcessState

TOKEN = "MMAR_AUTOML_TOKEN"
"""In the environment of every process of a job: how one that left the group is recognised."""
_KILL_WAIT = 5.0


class LocalLauncher:
    """Subprocesses. Safe to use from several job threads, each with its own job."""

    def __init__(self) -> None:
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        self._handles: dict[str, Handle] = {}
        self._lock = threading.Lock()

    def submit(self, command: JobCommand, resources: Sequence[int]) -> Handle:
        """Start the command in a session of its own. Raises `OSError`."""
        with self._lock:
            if command.token in self._handles:
                return self._handles[command.token]
        environment = {**os.environ, **command.environment, TOKEN: command.token}
        with command.log.open("ab") as log:
            process = subprocess.Popen(
                list(command.argv),
                cwd=command.cwd,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        try:
            started = psutil.Process(process.pid).create_time()
        except psutil.NoSuchProcess:
            started = time.time()
        handle = Handle(token=command.token, pid=process.pid, started=started)
        with self._lock:
            self._processes[command.token] = process
            self._handles[command.token] = handle
        return handle

    def poll(
        self, handles: Sequence[Handle], timeout: float | None = 0.0
    ) -> dict[str, ProcessState]:
        """The states, after waiting for one handle to end; what it leaves behind is ended."""
        states = {}
        for handle in handles:
            process = self._processes.get(handle.token)
            if process is None:
                alive = self.adopt(handle) is not None
                states[handle.token] = ProcessState(running=alive)
                continue
            try:
                # The wait is for the process itself: no sleeping in between.
                status = process.wait(timeout if len(handles) == 1 else 0.0)
            except subprocess.TimeoutExpired:
                states[handle.token] = ProcessState(running=True)
                continue
            _end_all(_tree(handle), grace=0.0)
            states[handle.token] = ProcessState(running=False, exit_status=status)
        return states

    def cancel(self, handle: Handle, grace: float) -> None:
        """End the whole tree and return when nobody of it is left."""
        members = _tree(handle)
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(handle.pid, signal.SIGTERM)
        _end_all(members, grace)
        _end_all(_tree(handle), grace=0.0)

    def adopt(self, handle: Handle) -> Handle | None:
        """The handle, if the very process that it names is alive."""
        try:
            process = psutil.Process(handle.pid)
            same = abs(process.create_time() - handle.started) < 1.0
            alive = same and process.status() != psutil.STATUS_ZOMBIE
        except psutil.Error:
            return None
        return handle if alive else None

    def capacity(self) -> int | None:
        """No limit: the workers are the limit."""
        return None


def _tree(handle: Handle) -> list[psutil.Process]:
    """Every living process of a job: its descendants, its group, and whoever has its token."""
    found: dict[int, psutil.Process] = {}
    mark = f"{TOKEN}={handle.token}".encode()
    for process in psutil.process_iter():
        try:
            if process.pid in (os.getpid(), os.getppid()):
                continue
            if os.getpgid(process.pid) == handle.pid or _has(process.pid, mark):
                found[process.pid] = process
        except (psutil.Error, OSError):
            continue
    with contextlib.suppress(psutil.Error):
        for process in psutil.Process(handle.pid).children(recursive=True):
            found[process.pid] = process
    return [process for process in found.values() if _alive(process)]


def _has(pid: int, mark: bytes) -> bool:
    """Whether a process was started with this in its environment (Linux; elsewhere never)."""
    try:
        with open(f"/proc/{pid}/environ", "rb") as file:
            return mark in file.read().split(b"\0")
    except OSError:
        return False


def _alive(process: psutil.Process) -> bool:
    try:
        return bool(process.is_running() and process.status() != psutil.STATUS_ZOMBIE)
    except psutil.Error:
        return False


def _end_all(processes: Iterable[psutil.Process], grace: float) -> None:
    """SIGTERM, up to `grace` seconds, SIGKILL; without a grace, SIGKILL at once."""
    members = [process for process in processes if _alive(process)]
    if members and grace > 0:
        for process in members:
            with contextlib.suppress(psutil.Error):
                process.terminate()
        members = _wait_for(members, grace)
    for process in members:
        with contextlib.suppress(psutil.Error):
            process.kill()
    _wait_for(members, _KILL_WAIT)


def _wait_for(processes: Sequence[psutil.Process], seconds: float) -> list[psutil.Process]:
    """Wait until these have ended; those that have not after `seconds`.

    Not by `psutil.wait_procs`: it reaps our own children, and whoever waits for one of them then
    reads an exit status of 0.
    """
    deadline = time.monotonic() + seconds
    for process in processes:
        try:
            descriptor = os.pidfd_open(process.pid)
        except OSError:
            continue
        try:
            while _alive(process) and (left := deadline - time.monotonic()) > 0:
                select.select([descriptor], [], [], left)
        finally:
            os.close(descriptor)
    return [process for process in processes if _alive(process)]
