"""Which GPUs this machine shows, without loading torch."""

from __future__ import annotations

import os
import shutil
import subprocess


def visible_gpus() -> list[str]:
    """What CUDA_VISIBLE_DEVICES would name for each visible GPU; empty where there is none.

    The parent's CUDA_VISIBLE_DEVICES is taken at its word, indices, UUIDs and MIG alike.
    """
    asked = os.environ.get("CUDA_VISIBLE_DEVICES")
    if asked is not None:
        return [word.strip() for word in asked.split(",") if word.strip() not in ("", "-1")]
    tool = shutil.which("nvidia-smi")
    if tool is None:
        return []
    try:
        listing = subprocess.run(
            [tool, "--query-gpu=index", "--format=csv,noheader"],
            capture_output=True,
            text=True,
            timeout=20,
            check=True,
        ).stdout
    except (OSError, subprocess.SubprocessError):
        return []
    return [line.strip() for line in listing.splitlines() if line.strip()]
