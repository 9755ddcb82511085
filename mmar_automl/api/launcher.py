"""Where job processes run: five verbs, idempotent by the job's token."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol


@dataclass(frozen=True, kw_only=True)
class JobCommand:
    """What to run for a job: an argv in a directory, with its output in a file.

    `environment` is added to the launcher's own. `token` names the job for the launcher's whole
    life; a second `submit` with the same token gives the first one's handle.
    """

    token: str
    argv: Sequence[str]
    cwd: Path
    environment: Mapping[str, str]
    log: Path


@dataclass(frozen=True, kw_only=True)
class Handle:
    """A job process that can be recognised again: a pid alone may be somebody else's."""

    token: str
    pid: int
    started: float
    """The process's start time, in seconds since the epoch, as the system records it."""


@dataclass(frozen=True, kw_only=True)
class ProcessState:
    """How a job process stands. `exit_status` is None while it runs or if nobody knows it;
    negative for a signal. `reason` says why a job is not running, where that is known."""

    running: bool
    exit_status: int | None = None
    reason: str = ""


class Launcher(Protocol):
    """A place where job processes run. Implementations wait on events, never by sleeping."""

    def submit(self, command: JobCommand, resources: Sequence[int]) -> Handle:
        """Start the command on these GPUs (none for CPU). Raises `OSError` if it cannot start."""

    def poll(
        self, handles: Sequence[Handle], timeout: float | None = 0.0
    ) -> dict[str, ProcessState]:
        """The state of each handle by token, waiting up to `timeout` seconds for one to end."""

    def cancel(self, handle: Handle, grace: float) -> None:
        """End the job's whole process tree: SIGTERM, then SIGKILL after `grace` seconds.

        Returns when no process of it is left; does nothing if it has ended.
        """

    def adopt(self, token: str) -> Handle | None:
        """Take over a job that an earlier search process started; None if it is gone.

        Its exit status may then be unknown: `poll` gives None for it.
        """

    def capacity(self) -> int | None:
        """Free slots, or None where there is no limit."""
