"""Who lives: a run's search process, and the jobs that outlived it."""

from __future__ import annotations

import json
import socket
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from mmar_automl.defs import Job
from mmar_automl.engine.lock import holder
from mmar_automl.engine.state import EngineState
from mmar_automl.executors.local import TOKEN
from mmar_automl.mmar.layout import MmarLayout, RunLayout


@dataclass(frozen=True)
class Holder:
    """The living process that has a run. `here`: on this machine, so that it can be signalled."""

    pid: int
    host: str
    here: bool


def holder_of(run: RunLayout) -> Holder | None:
    """Who has the run now; None if nobody does.

    On this machine the process itself is looked for. Of another machine only the lock tells,
    where the file system passes it on.
    """
    owner = _read(run.lock)
    pid, host, since = owner.get("pid"), owner.get("host"), owner.get("since")
    if isinstance(pid, int) and isinstance(host, str) and isinstance(since, (int, float)):
        if host != socket.gethostname():
            return Holder(pid, host, here=False) if holder(run.lock) else None
        started = started_at(pid)
        # A process that began after the lock was taken is somebody else with the same number.
        return Holder(pid, host, here=True) if started is not None and started < since + 1 else None
    return None


def started_at(pid: int) -> float | None:
    """When a living process began; None if there is none, or only what its parent has to reap."""
    try:
        process = psutil.Process(pid)
        if process.status() == psutil.STATUS_ZOMBIE:
            return None
        return float(process.create_time())
    except psutil.Error:
        return None


def process_of(job: MmarLayout) -> int | None:
    """The pid of a job's process on this machine; None if it does not live."""
    record = _read(job.job)
    pid, began = record.get("pid"), record.get("process_started")
    if not isinstance(pid, int) or not isinstance(began, (int, float)):
        return None
    started = started_at(pid)
    return pid if started is not None and abs(started - began) < 1.0 else None


def outlived(run: RunLayout, state: EngineState) -> list[tuple[Job, int]]:
    """The jobs of a search that is gone whose processes still run here, with their pids."""
    process = state.process
    if process is None or process.host != socket.gethostname():
        return []
    pids = [(job, process_of(run.job(job.name))) for job in state.running]
    return [(job, pid) for job, pid in pids if pid is not None]


def jobs_with_processes(token: str) -> list[str]:
    """The jobs of a search of which any process lives, also one that left its group (Linux only).

    `token` is the search's; each process of a job has `token/job#attempt` in its environment.
    """
    mark = f"{TOKEN}={token}/".encode()
    names = set()
    for pid in psutil.pids():
        try:
            entries = Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
        except OSError:
            continue
        names |= {
            entry[len(mark) :].partition(b"#")[0].decode(errors="replace")
            for entry in entries
            if entry.startswith(mark)
        }
    return sorted(names - {""})


def _read(file: Path) -> dict[str, Any]:
    try:
        found = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}
