"""The winner of a search: where it is, what it changed, and how it becomes the MMAR's config."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mmar_automl.app.changes import changes as differences
from mmar_automl.app.kept import kept_config
from mmar_automl.app.record import changes_of, read_space
from mmar_automl.app.results import Run, read_run, report_of
from mmar_automl.defs import RunState, SearchResult
from mmar_automl.errors import (
    MISSING,
    BadInput,
    EnvironmentFault,
    NoUsableScore,
    format_path,
)
from mmar_automl.mmar.layout import MmarLayout
from mmar_automl.mmar.load import load
from mmar_automl.mmar.source import UnreadableJson, read_json
from mmar_automl.mmar.write import write_json
from mmar_automl.reports.summary import Report, Row
from mmar_automl.search import apply
from mmar_automl.search.diff import Change


@dataclass(frozen=True, kw_only=True)
class Best:
    """The winner of a run. `changes` is None where neither its config nor the base is there."""

    run: Run
    report: Report
    row: Row
    changes: tuple[Change, ...] | None
    notes: tuple[str, ...]
    overrides: Mapping[str, Any]


@dataclass(frozen=True)
class Applied:
    """The config that was written, and where the old one is kept; None if nothing had to be."""

    file: Path
    kept: Path | None


def find_best(root: Path, run_id: str | None) -> Best:
    """The winner of a run, the latest by default. Raises `NoUsableScore` where none has a score."""
    run = read_run(root, run_id)
    report = report_of(run)
    row = report.winner
    if row is None:
        jobs = len(report.rows)
        raise NoUsableScore(
            f"no job of {report.run_id} has a score yet: {jobs} job{'' if jobs == 1 else 's'}, "
            f"{report.state}"
        )
    notes: list[str] = []
    base = kept_config(run.run, run.layout.train_config.name)
    if base is None:
        notes.append("the base config that the search kept cannot be read")
    found = changes_of(row, base, read_space(base, notes), notes)
    return Best(
        run=run,
        report=report,
        row=row,
        changes=None if found is None else tuple(found),
        notes=tuple(notes),
        overrides=kept_config(run.run, "set.json") or {},
    )


def apply_best(best: Best) -> Applied:
    """Write the winner's values into the MMAR's training config; the old file is kept beside it.

    The search sections stay: what changes are values, and the next search starts from them. A
    config that was edited since the search began is left alone, since the mixture has never been
    trained. Raises `BadInput` for that and while the search runs.
    """
    run, name = best.run, best.report.run_id
    if best.report.state is RunState.RUNNING:
        raise BadInput(
            f"{name} still runs, and its best may change",
            f"wait, or end it: mmar-automl stop {run.layout.root} {name}",
        )
    base = kept_config(run.run, run.layout.train_config.name)
    if base is None:
        raise EnvironmentFault(f"{run.run.configs} has no readable base config")
    target = _target(best, base)
    now = load(run.layout.root, best.overrides).train_config
    if now.data == target:
        return Applied(now.file, None)
    edited = list(differences(base, now.data))
    if edited:
        said = ", ".join(format_path(path) for path, _, _ in edited[:6])
        raise BadInput(
            f"{now.file} has changed since {name} began: {said}"
            f"{' and more' if len(edited) > 6 else ''}",
            f"take the changes back, or copy by hand from {best.row.folder or run.run.root}",
        )
    try:
        kept = _free_name(now.file, name)
        shutil.copy2(now.file, kept)
        write_json(now.file, target)
    except OSError as error:
        raise EnvironmentFault(
            f"{error.filename or now.file} cannot be written: {error.strerror}"
        ) from error
    return Applied(now.file, kept)


def _target(best: Best, base: Mapping[str, Any]) -> dict[str, Any]:
    """The base with the winner's values; the job's own file where the space is unknown."""
    space = read_space(base, [])
    if space is not None:
        try:
            return apply(base, SearchResult(space, best.row.values), remove_search=False)
        except (ValueError, KeyError):
            pass
    if best.row.folder is not None:
        file = MmarLayout(best.row.folder).train_config
        try:
            data = read_json(file).data
        except (OSError, UnreadableJson) as error:
            raise EnvironmentFault(f"{file} cannot be read: {error}") from error
        if isinstance(data, dict):
            return data
    raise EnvironmentFault(f"the config of {best.row.name} is not there any more")


def _free_name(file: Path, run_id: str) -> Path:
    """`config_train.before_run_a.json`, numbered where that exists."""
    name, number = f"{file.stem}.before_{run_id}", 1
    while (kept := file.with_name(f"{name}{'' if number == 1 else f'_{number}'}.json")).exists():
        number += 1
    return kept


def change_json(change: Change) -> dict[str, Any]:
    """A change for a script; null where there was or is nothing."""
    return {
        "path": format_path(change.path),
        "before": None if change.before is MISSING else change.before,
        "after": None if change.after is MISSING else change.after,
    }
