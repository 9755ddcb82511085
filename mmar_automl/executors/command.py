"""Job → argv and environment. Pure."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from mmar_automl.api import JobCommand
from mmar_automl.mmar.layout import MmarLayout

_RECORDING = (
    # The traps keep this shell alive until the script has ended by itself; a child does not
    # inherit them. Whoever resumes the search later finds the status in the file.
    "trap : TERM INT HUP; "
    'bash "$@"; status=$?; '
    'printf %s "$status" 2>/dev/null > "$MMAR_ROOT/exit_status"; '
    'exit "$status"'
)


def round_command(
    job: MmarLayout,
    token: str,
    overrides: Mapping[str, Any],
    environment: Mapping[str, str],
    *,
    again: bool = False,
    script: Path | None = None,
) -> JobCommand:
    """How the training of a job is run: its round script, by bash, in its `commands/`.

    `overrides` are the words of `--set`, passed on as the script's own arguments. `again`: it has
    run before and may go on from its checkpoint. `script` stands in for the round script.
    """
    words = (f"{name}={value}" for name, value in overrides.items())
    return JobCommand(
        token=token,
        argv=["bash", "-c", _RECORDING, "bash", str(script or job.round_script), *words],
        cwd=job.commands,
        environment={
            "MMAR_ROOT": str(job.root),
            **environment,
            **({"MMAR_RESUME": "1"} if again else {}),
        },
        log=job.log,
    )


def worker_environment(devices: str, gpus: Sequence[int], workers: int) -> dict[str, str]:
    """What a job of one of `workers` workers finds in its environment.

    torch's own default, as many threads in each job as there are cores, made two jobs on two
    cores up to ten times slower, because waiting threads spin.
    """
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return {
        "CUDA_VISIBLE_DEVICES": devices,
        "AUTOML_NUM_GPUS": str(len(gpus)),
        "OMP_NUM_THREADS": str(max(1, (cores or 1) // workers)),
        "OMP_WAIT_POLICY": "PASSIVE",
        "MMAR_AUTOML_PYTHON": sys.executable,
        # `python3` in a round script is the Python that the search runs in, venv active or not.
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")]),
        "PYTHONUNBUFFERED": "1",
    }
