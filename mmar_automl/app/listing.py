"""Every search of an MMAR, a line each."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from mmar_automl.app.results import find_runs, report_of, run_at
from mmar_automl.errors import MmarAutomlError
from mmar_automl.reports.summary import Report


@dataclass(frozen=True)
class Listed:
    """A run; `report` is None where its journal cannot be read, and `trouble` says why."""

    run_id: str
    report: Report | None
    trouble: str = ""


def list_runs(root: Path) -> list[Listed]:
    """The runs of an MMAR, the earliest first. One that is damaged does not hide the others."""
    layout, runs = find_runs(root)
    listed = []
    for run in runs:
        try:
            listed.append(Listed(run.root.name, report_of(run_at(layout, run))))
        except MmarAutomlError as error:
            listed.append(Listed(run.root.name, None, str(error)))
    return listed
