"""The journal: every event, a JSON line each, on disk before it has an effect.

One process writes it. A line is flushed at once, and forced to the disk for the events that an
effect outside hangs on (`durable`), which takes the lines before it along.
"""

from __future__ import annotations

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

    def __init__(self, path: Path) -> None:
        self._file: IO[str] = path.open("x", encoding="utf-8")

    def append(self, event: Event) -> None:
        """Write one event; when this returns, it may have effects."""
        self._file.write(json.dumps(to_json(event), ensure_ascii=False, allow_nan=False) + "\n")
        self._file.flush()
        if event.durable:
            os.fsync(self._file.fileno())

    def close(self) -> None:
        """Nothing more will be written."""
        self._file.close()


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
