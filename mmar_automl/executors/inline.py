"""Jobs as calls in this process: the launcher for tests and for trying out an executor."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Sequence

import psutil

from mmar_automl.api import Handle, JobCommand, ProcessState


class InlineLauncher:
    """Runs `program(command, cancelled)` in a thread; what it returns is the exit status.

    `cancelled` is an event that `cancel` sets; a program that ignores it is waited for.
    """

    def __init__(self, program: Callable[[JobCommand, threading.Event], int]) -> None:
        self._program = program
        self._jobs: dict[str, tuple[Handle, threading.Thread, threading.Event]] = {}
        self._statuses: dict[str, int] = {}
        self._lock = threading.Lock()

    def submit(self, command: JobCommand, resources: Sequence[int]) -> Handle:
        """Start the program in a thread of its own."""
        with self._lock:
            if command.token in self._jobs:
                return self._jobs[command.token][0]
            handle = Handle(
                token=command.token, pid=os.getpid(), started=psutil.Process().create_time()
            )
            cancelled = threading.Event()
            thread = threading.Thread(
                target=self._call, args=(command, cancelled), name=command.token, daemon=True
            )
            self._jobs[command.token] = (handle, thread, cancelled)
        thread.start()
        return handle

    def poll(
        self, handles: Sequence[Handle], timeout: float | None = 0.0
    ) -> dict[str, ProcessState]:
        """The states, after waiting up to `timeout` seconds in all."""
        deadline = None if timeout is None else time.monotonic() + timeout
        states = {}
        for handle in handles:
            if handle.token not in self._jobs:
                states[handle.token] = ProcessState(running=False, reason="never submitted here")
                continue
            _, thread, _ = self._jobs[handle.token]
            thread.join(None if deadline is None else max(0.0, deadline - time.monotonic()))
            running = thread.is_alive()
            status = None if running else self._statuses[handle.token]
            states[handle.token] = ProcessState(running=running, exit_status=status)
        return states

    def cancel(self, handle: Handle, grace: float) -> None:
        """Set the job's event and wait for its program to return."""
        if handle.token in self._jobs:
            _, thread, cancelled = self._jobs[handle.token]
            cancelled.set()
            thread.join(grace)

    def adopt(self, token: str) -> Handle | None:
        """A thread cannot be taken over from another process."""
        known = self._jobs.get(token)
        return known[0] if known is not None and known[1].is_alive() else None

    def capacity(self) -> int | None:
        """No limit."""
        return None

    def _call(self, command: JobCommand, cancelled: threading.Event) -> None:
        status = 1
        try:
            status = self._program(command, cancelled)
        finally:
            self._statuses[command.token] = status
