"""The best job's model in MLflow, by processes of their own: torch never loads in a search."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from mmar_automl.jobs.result import read_stats
from mmar_automl.mmar.layout import MmarLayout

LONGEST = 300.0
"""Seconds that each of the two may take: a model of gigabytes over a slow line takes a while."""
ALIAS = "best"


def log_best_model(
    *,
    uri: str,
    job: MmarLayout,
    run: str | None,
    parent: str | None,
    register: str | None,
    notify: Callable[[str], None],
    tell: Callable[[str], None],
) -> bool:
    """Log a job's `models/model.pt` as an MLflow model; whether it is there now.

    Nothing is done for a training that leaves no such file: it has its own ways. `register` is a
    name in the registry, perhaps with an alias: `liver` or `liver@champion`.
    """
    if run is None or parent is None or not job.checkpoint.is_file():
        return False
    tell(f"waiting for MLflow to take the model of {job.root.name}")
    shape = read_stats(job).raw.get("input_shape")
    batch = [1, *shape] if isinstance(shape, list) and all(type(n) is int for n in shape) else None
    name, _, alias = (register or "").partition("@")
    with tempfile.TemporaryDirectory(prefix="mmar-automl-") as folder:
        script = Path(folder) / "model.ts"
        told = {
            "uri": uri,
            "run": run,
            "parent": parent,
            "job": job.root.name,
            "script": str(script),
            "shape": batch,
            "register": name or None,
            "alias": alias or ALIAS,
        }
        said = _export(job, script, batch)
        if not said:
            # The log is MLflow's: it tells of its own files in words that change.
            said = _call([sys.executable, "-m", "mmar_automl.handlers.mlflow.model"], told)
    if said:
        notify(f"the model of {job.root.name} is not in MLflow ({said}); `mmar-automl sync` tries")
    return not said


def _export(job: MmarLayout, script: Path, batch: list[int] | None) -> str:
    """Its TorchScript: scripted, and where that fails traced; what went wrong, or nothing."""
    command = [sys.executable, "-m", "mmar_automl", "export", "-m", str(job.root)]
    command += ["--output_path", str(script)]
    said = _call(command, None)
    if said and batch:
        said = _call([*command, "--input_shape", json.dumps(batch)], None)
    return said


def _call(command: list[str], told: object) -> str:
    """What went wrong, in a line; nothing if nothing did."""
    quiet = {"MLFLOW_DISABLE_TELEMETRY": "true", "DO_NOT_TRACK": "true", "MMAR_AUTOML_DEBUG": ""}
    try:
        done = subprocess.run(
            command,
            input=json.dumps(told),
            capture_output=True,
            text=True,
            errors="replace",
            timeout=LONGEST,
            env={**os.environ, **quiet, "CUDA_VISIBLE_DEVICES": ""},
        )
    except (OSError, subprocess.SubprocessError) as error:
        return str(error)[:200]
    if done.returncode == 0:
        return ""
    lines = [line for line in (done.stderr + done.stdout).splitlines() if line.strip()]
    return lines[-1].strip()[:200] if lines else f"exit status {done.returncode}"
