"""Write beside, then rename: someone is always reading."""

from __future__ import annotations

import json
import os
import tempfile
from pathlib import Path
from typing import Any


def write_text(path: Path, text: str) -> None:
    """Replace `path` with `text` in one step; the old content stays if anything fails."""
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
        # mkstemp makes the file private; the one that it replaces is readable as umask says.
        os.chmod(name, 0o666 & ~current_umask())
        os.replace(name, path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def current_umask() -> int:
    """The permissions that new files do not get; the system only tells by setting it."""
    umask = os.umask(0)
    os.umask(umask)
    return umask


def write_json(path: Path, value: Any, indent: int | None = 2) -> None:
    """Replace `path` with `value` as strict JSON: NaN and inf raise `ValueError`."""
    write_text(path, json.dumps(value, indent=indent, ensure_ascii=False, allow_nan=False) + "\n")
