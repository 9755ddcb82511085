"""What a job takes of the machine, sampled from outside: its processes, and the GPUs it was given.

By us and not by MLflow's own sampler, which would measure the search's process. The names are
MLflow's, whose page shows them in a tab of their own. Samples are kept beside the job's log, so
that what could not be sent can be sent later.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import psutil

from mmar_automl.defs import finite
from mmar_automl.handlers.mlflow.notes import Step
from mmar_automl.jobs.result import read_lines
from mmar_automl.mmar.layout import MmarLayout

_MEGABYTE = 1e6


class Sampler:
    """Samples one job. GPUs are those that the job's worker has, whoever else uses them."""

    def __init__(self, job: MmarLayout, gpus: Sequence[int]) -> None:
        self._job = job
        self._gpus = tuple(gpus)
        self._spent: dict[int, float] = {}
        self._last: float | None = None
        self._number = len(read_lines(job.samples))

    def sample(self) -> list[Step]:
        """What it takes now; nothing while it has no process."""
        processes = _processes(self._job.job)
        if not processes:
            self._last = None
            return []
        now = time.time()
        values: dict[str, float] = {}
        spent, resident = _spent(processes)
        if self._last is not None and now > self._last:
            # A process that is new since the last look has spent it all since then.
            delta = sum(total - self._spent.get(pid, 0.0) for pid, total in spent.items())
            values["system/cpu_utilization_percentage"] = 100 * delta / (now - self._last)
        values["system/system_memory_usage_megabytes"] = resident / _MEGABYTE
        self._spent, self._last = spent, now
        values |= _gpu_values(self._gpus)
        self._number += 1
        line = {"sample": self._number, "time": round(now, 3), **values}
        with contextlib.suppress(OSError), self._job.samples.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")
        return _steps(line)


def read_samples(job: MmarLayout) -> list[Step]:
    """All samples of a job so far."""
    return [step for line in read_lines(job.samples) for step in _steps(line)]


def _steps(line: dict[str, Any]) -> list[Step]:
    number, at = finite(line.get("sample")), finite(line.get("time"))
    if number is None or at is None:
        return []
    values = {name: finite(value) for name, value in line.items() if name.startswith("system/")}
    return [(name, v, int(number), at) for name, v in values.items() if v is not None]


def _processes(record: Path) -> list[psutil.Process]:
    """The job's leader, as job.json names it, and its descendants."""
    try:
        told = json.loads(record.read_text(encoding="utf-8"))
        leader = psutil.Process(told["pid"])
        if abs(leader.create_time() - told["process_started"]) > 1.0:
            return []
        return [leader, *leader.children(recursive=True)]
    except (OSError, ValueError, KeyError, TypeError, psutil.Error):
        return []


def _spent(processes: Sequence[psutil.Process]) -> tuple[dict[int, float], int]:
    """CPU seconds by process, and the resident bytes of all; shared pages count each time."""
    spent, resident = {}, 0
    for process in processes:
        with contextlib.suppress(psutil.Error):
            with process.oneshot():
                times = process.cpu_times()
                resident += process.memory_info().rss
            spent[process.pid] = times.user + times.system
    return spent, resident


def _gpu_values(gpus: Sequence[int]) -> dict[str, float]:
    """Use and memory of these GPUs by nvidia-smi; nothing where there is none."""
    tool = shutil.which("nvidia-smi") if gpus else None
    if tool is None:
        return {}
    visible = [word.strip() for word in os.environ.get("CUDA_VISIBLE_DEVICES", "").split(",")]
    query = "--query-gpu=index,uuid,utilization.gpu,memory.used"
    try:
        listing = subprocess.run(
            [tool, query, "--format=csv,noheader,nounits"],
            capture_output=True,
            text=True,
            timeout=10,
            check=True,
        ).stdout
    except (OSError, subprocess.SubprocessError):
        return {}
    rows = [[cell.strip() for cell in line.split(",")] for line in listing.splitlines()]
    return gpu_values(gpus, visible if visible != [""] else [], rows)


def gpu_values(
    gpus: Sequence[int], visible: Sequence[str], rows: Sequence[Sequence[str]]
) -> dict[str, float]:
    """The metrics of a worker's GPUs from nvidia-smi's rows (index, uuid, use, megabytes).

    `gpus` count in `visible`, where that is set; both forms that CUDA takes are understood.
    """
    found = {}
    for gpu in gpus:
        name = visible[gpu] if gpu < len(visible) else str(gpu)
        for row in rows:
            if len(row) == 4 and (row[0] == name or row[1].startswith(name)):
                for what, cell in zip(
                    ("utilization_percentage", "memory_usage_megabytes"), row[2:], strict=True
                ):
                    with contextlib.suppress(ValueError):
                        found[f"system/gpu_{gpu}_{what}"] = float(cell)
    return found
