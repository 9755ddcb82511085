"""One search process for each run: who holds it, and whether that process still lives."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import socket
import time
from datetime import datetime
from pathlib import Path
from typing import Any


class Held(Exception):
    """Another process has the run; the message names it."""


class RunLock:
    """A lock on a run's folder, released by the system when the process ends, whatever end.

    `taken_over` says whose stale lock it was, if the one before did not release it.
    """

    def __init__(self, file: Path) -> None:
        self._file = file.open("a+", encoding="utf-8")
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            owner = _read(self._file)
            self._file.close()
            raise Held(f"in use by {describe(owner)}") from None
        before = _read(self._file)
        self.taken_over = describe(before) if before else ""
        self._write({"pid": os.getpid(), "host": socket.gethostname(), "since": time.time()})

    def release(self) -> None:
        """Say that nobody has the run any more."""
        with contextlib.suppress(OSError):
            self._file.seek(0)
            self._file.truncate()
        self._file.close()

    def _write(self, owner: dict[str, Any]) -> None:
        self._file.seek(0)
        self._file.truncate()
        self._file.write(json.dumps(owner))
        self._file.flush()


def holder(file: Path) -> str:
    """Who holds a run now; empty if nobody does. Leaves no trace."""
    try:
        with file.open(encoding="utf-8") as opened:
            try:
                fcntl.flock(opened, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except OSError:
                return f"in use by {describe(_read(opened))}"
    except OSError:
        pass
    return ""


def describe(owner: dict[str, Any]) -> str:
    """`pid 4711 on box since 2026-11-25 03:12`."""
    if not owner:
        return "another process"
    since = datetime.fromtimestamp(owner["since"]).strftime("%Y-%m-%d %H:%M:%S")
    return f"pid {owner['pid']} on {owner['host']} since {since}"


def _read(file: Any) -> dict[str, Any]:
    try:
        file.seek(0)
        found = json.loads(file.read())
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) and {"pid", "host", "since"} <= set(found) else {}
