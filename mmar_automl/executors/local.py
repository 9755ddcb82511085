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
        self._sweepers: list[threading.Thread] = []
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
        """The states, after waiting up to `timeout` seconds for one of them to end.

        What an ended job left in its group is ended at once; what left the group, behind the
        scenes (`close` waits for that).
        """
        _wait_for_any([handle.pid for handle in handles if self._lives(handle)], timeout)
        states = {}
        for handle in handles:
            if self._lives(handle):
                states[handle.token] = ProcessState(running=True)
                continue
            process = self._processes.get(handle.token)
            status = None if process is None else process.wait()
            states[handle.token] = ProcessState(running=False, exit_status=status)
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(handle.pid, signal.SIGKILL)
            sweeper = threading.Thread(target=self._sweep, args=(handle,), name="sweeper")
            self._sweepers.append(sweeper)
            sweeper.start()
        return states

    def cancel(self, handle: Handle, grace: float) -> None:
        """End the whole tree and return when nobody of it is left."""
        members = _tree(handle)
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(handle.pid, signal.SIGTERM)
        if grace > 0:
            # Once each: a training that saves on the first SIGTERM may die of a second.
            for process in members:
                with contextlib.suppress(psutil.Error, OSError):
                    if os.getpgid(process.pid) != handle.pid:
                        process.terminate()
            members = _wait_for(members, grace)
        _end_all(members)
        _end_all(_tree(handle))

    def adopt(self, token: str) -> Handle | None:
        """The leader of the session that was started for this token, if it is alive."""
        for process in _with_token(token):
            with contextlib.suppress(psutil.Error, OSError):
                if os.getsid(process.pid) == process.pid and _alive(process):
                    return Handle(token=token, pid=process.pid, started=process.create_time())
        return None

    def orphans(self, token: str) -> None:
        """End whoever is left of a job whose leader is gone."""
        _end_all(_with_token(token))

    def close(self) -> None:
        """Wait until the last leftovers are ended."""
        for sweeper in self._sweepers:
            sweeper.join()

    def _lives(self, handle: Handle) -> bool:
        process = self._processes.get(handle.token)
        if process is not None:
            return process.poll() is None
        try:
            found = psutil.Process(handle.pid)
            return abs(found.create_time() - handle.started) < 1.0 and _alive(found)
        except psutil.Error:
            return False

    def _sweep(self, handle: Handle) -> None:
        _end_all(_tree(handle))
        self._sweepers = [thread for thread in self._sweepers if thread.is_alive()]

    def capacity(self) -> int | None:
        """No limit: the workers are the limit."""
        return None


def _tree(handle: Handle) -> list[psutil.Process]:
    """Every living process of a job: its descendants, its group, and whoever has its token."""
    found = {process.pid: process for process in _with_token(handle.token)}
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, OSError):
            if os.getpgid(process.pid) == handle.pid:
                found[process.pid] = process
    with contextlib.suppress(psutil.Error):
        for process in psutil.Process(handle.pid).children(recursive=True):
            found[process.pid] = process
    return [process for process in found.values() if _alive(process)]


def _with_token(token: str) -> list[psutil.Process]:
    """Processes that were started with this token in their environment (Linux only)."""
    mark = f"{TOKEN}={token}".encode()
    found = []
    for pid in psutil.pids():
        try:
            with open(f"/proc/{pid}/environ", "rb") as file:
                entries = file.read().split(b"\0")
            # A token may go on with #, for the attempt.
            if pid != os.getpid() and any(
                entry == mark or entry.startswith(mark + b"#") for entry in entries
            ):
                found.append(psutil.Process(pid))
        except (OSError, psutil.Error):
            continue
    return found


def _alive(process: psutil.Process) -> bool:
    try:
        return bool(process.is_running() and process.status() != psutil.STATUS_ZOMBIE)
    except psutil.Error:
        return False


def _end_all(processes: Iterable[psutil.Process]) -> None:
    """SIGKILL, and wait until they are gone."""
    members = [process for process in processes if _alive(process)]
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


def _wait_for_any(pids: Sequence[int], seconds: float | None) -> None:
    """Return once one of these processes has ended, or after `seconds`."""
    descriptors = []
    try:
        for pid in pids:
            try:
                descriptors.append(os.pidfd_open(pid))
            except OSError:
                # It has ended meanwhile: nothing to wait for.
                return
        if descriptors:
            select.select(descriptors, [], [], seconds)
    finally:
        for descriptor in descriptors:
            os.close(descriptor)
