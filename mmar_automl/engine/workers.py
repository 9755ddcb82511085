"""`--workers`: Clara's spec (`0:0:1,2`) → workers. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence

from mmar_automl.api import Worker
from mmar_automl.errors import BadInput

CPU = "cpu"
_EXAMPLE = (
    "0:1 is a worker on GPU 0 and one on GPU 1, 0,1 is one worker on both, cpu:cpu are two on CPU"
)


def parse_workers(spec: str | None, gpus: int) -> tuple[list[Worker], list[str]]:
    """The workers of a spec, and notices for the user.

    `gpus` is the number of visible GPUs. Without a spec: a worker for each of them, else one on
    CPU. `:` separates workers, `,` the GPU indices of one; `cpu` is a worker without any. Where
    there is no GPU at all, indices run on CPU with one notice. Raises `BadInput`.
    """
    if spec is None:
        count = max(1, gpus)
        return [Worker(f"W{n + 1}", (n,) if gpus else ()) for n in range(count)], []
    workers = [
        Worker(f"W{number}", _gpus(part.strip().lower(), spec))
        for number, part in enumerate(spec.split(":"), start=1)
    ]
    notices = []
    asked = sorted({gpu for worker in workers for gpu in worker.gpus})
    if asked and not gpus:
        notices.append("no GPU here: the workers run on CPU")
        workers = [Worker(worker.name) for worker in workers]
    elif asked and asked[-1] >= gpus:
        raise BadInput(
            f"--workers {spec}: there is no GPU {asked[-1]}; "
            f"{gpus} visible: {', '.join(map(str, range(gpus)))}",
            _EXAMPLE,
        )
    if re.fullmatch("[0-9]+", spec.strip()) and int(spec) > 0:
        notices.append(f"--workers {spec} is one worker on GPU {spec}, not {spec} workers")
    return workers, notices


def _gpus(part: str, spec: str) -> tuple[int, ...]:
    if part == CPU:
        return ()
    indices: list[int] = []
    for text in part.split(","):
        if not re.fullmatch("[0-9]+", text.strip()):
            said = "an empty place" if not text.strip() else f"{text.strip()!r}"
            raise BadInput(f"--workers {spec}: {said} is no GPU index", _EXAMPLE)
        index = int(text)
        if index in indices:
            raise BadInput(f"--workers {spec}: GPU {index} stands twice in one worker", _EXAMPLE)
        indices.append(index)
    return tuple(indices)


def visible_devices(worker: Worker, parent: Sequence[str]) -> str:
    """CUDA_VISIBLE_DEVICES for a job of this worker: its indices are relative to the parent's."""
    return ",".join(parent[gpu] if gpu < len(parent) else str(gpu) for gpu in worker.gpus)
