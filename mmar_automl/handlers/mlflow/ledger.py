"""`tracking.json` in a run's folder: where the search is recorded, and what was said of it.

It stays in the MMAR, so nothing in it is redacted, but no password is kept.
"""

from __future__ import annotations

import contextlib
import json
import threading
from dataclasses import dataclass, field, fields
from typing import Any

from mmar_automl.handlers.mlflow.names import text_of
from mmar_automl.handlers.mlflow.notes import Note
from mmar_automl.handlers.mlflow.store import without_password
from mmar_automl.mmar.layout import RunLayout
from mmar_automl.mmar.write import write_text


@dataclass
class Ledger:
    """`uri` is None for the MMAR's own store, which moves with it.

    Without `recorded`, `--no-mlflow`, it only tells the report what the search was.
    """

    recorded: bool = True

    uri: str | None = None
    experiment: str = ""
    data_paths: bool = False
    register: str | None = None
    parameters: dict[str, Any] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)
    files: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._lock = threading.Lock()

    def add(self, note: Note, run: RunLayout | None) -> None:
        """Keep what a note says of the search, in the run's folder if that can be written."""
        with self._lock:
            self.parameters.update(note.parameters)
            self.tags.update(note.tags)
            self.files.update(note.files)
            if run is not None:
                self.write(run)

    def write(self, run: RunLayout) -> None:
        """To the run's folder."""
        told = {item.name: getattr(self, item.name) for item in fields(self)}
        told["uri"] = None if self.uri is None else without_password(self.uri)
        with contextlib.suppress(OSError):
            write_text(run.tracking, text_of(told) + "\n")


def read_ledger(run: RunLayout) -> Ledger | None:
    """What an earlier search left; None where none was recorded or nothing can be read."""
    try:
        told = json.loads(run.tracking.read_text(encoding="utf-8"))
        known = [item.name for item in fields(Ledger)]
        return Ledger(**{key: told[key] for key in known if key in told})
    except (OSError, ValueError, TypeError):
        return None


def told_of(run: RunLayout) -> dict[str, str]:
    """What was said of a search, in short answers by question: versions, commit, data."""
    ledger = read_ledger(run)
    if ledger is None:
        return {}
    tags, parameters = ledger.tags, ledger.parameters
    version = "mmar_automl.version."
    versions = [
        f"{key.removeprefix(version)} {value}"
        for key, value in tags.items()
        if key.startswith(version) and key != f"{version}mmar-automl"
    ]
    found = {}
    if versions:
        found["versions"] = ", ".join(versions)
    commit = tags.get("mlflow.source.git.commit")
    if commit:
        branch = tags.get("mlflow.source.git.branch")
        dirty = {"true": ", changed since", "false": ""}.get(
            tags.get("mmar_automl.git.dirty", ""), ", perhaps changed since"
        )
        found["commit"] = f"{commit}{f' ({branch})' if branch else ''}{dirty}"
    cases = [
        f"{name.removeprefix('data.')} {number}"
        for name, number in parameters.items()
        if name.startswith("data.") and isinstance(number, int)
    ]
    if cases:
        found["cases in the data lists"] = ", ".join(cases)
    if "data.fingerprint" in parameters:
        found["fingerprint of the data"] = str(parameters["data.fingerprint"])
    return found
