"""The journal: every event, a JSON line each, on disk before it has an effect.

One process writes it. A line is flushed at once, and forced to the disk for the events that an
effect outside hangs on (`durable`), which takes the lines before it along.
"""

from __future__ import annotations

import errno
import json
import os
from pathlib import Path
from typing import IO

from mmar_automl.engine.events import Event, from_json, to_json


class TornJournal(Exception):
    """A line of a journal is no event; `line` is its number, from 1."""

    def __init__(self, path: Path, line: int, reason: str) -> None:
        super().__init__(f"{path}, line {line}: {reason}")
        self.line = line


class Journal:
    """The writing end. Raises `OSError` if the disk refuses."""

    def __init__(self, path: Path, *, resume: bool = False) -> None:
        self._path = path
        self._file: IO[str] = path.open("a" if resume else "x", encoding="utf-8")

    def append(self, event: Event) -> None:
        """Write one event; when this returns, it may have effects.

        Raises `OSError` also if the file was deleted meanwhile: nobody would find it again.
        """
        self._file.write(json.dumps(to_json(event), ensure_ascii=False, allow_nan=False) + "\n")
        self._file.flush()
        if event.durable:
            os.fsync(self._file.fileno())
            if os.fstat(self._file.fileno()).st_nlink == 0:
                raise OSError(errno.ENOENT, "it was deleted", str(self._path))

    def close(self) -> None:
        """Nothing more will be written."""
        self._file.close()


def repair(path: Path) -> bool:
    """Cut off a torn last line, as a crash leaves it; whether there was one. Raises `OSError`."""
    raw = path.read_bytes()
    whole = raw.rfind(b"\n") + 1
    if whole == len(raw):
        return False
    try:
        from_json(json.loads(raw[whole:]))
    except (ValueError, TypeError, KeyError, AttributeError):
        os.truncate(path, whole)
        return True
    # Complete but for its line end.
    with path.open("ab") as file:
        file.write(b"\n")
    return False


def read_journal(path: Path) -> list[Event]:
    """Every event so far. A torn last line, as a crash leaves it, is left out.

    Raises `TornJournal` for anything else that is no event, `OSError` if there is no journal.
    """
    events: list[Event] = []
    lines = path.read_text(encoding="utf-8", errors="replace").split("\n")
    for number, line in enumerate(lines, start=1):
        if not line:
            continue
        try:
            events.append(from_json(json.loads(line)))
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            if number == len(lines):
                break
            raise TornJournal(path, number, str(error)) from None
    return events
