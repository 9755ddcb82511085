"""Sending to MLflow what a search could not: from its journal and its jobs' folders."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from mmar_automl.app.kept import mmar_of
from mmar_automl.app.living import holder_of
from mmar_automl.app.results import Run, read_run
from mmar_automl.defs import RunState
from mmar_automl.errors import EnvironmentFault
from mmar_automl.handlers.mlflow import is_recorded, relocate_store, send


@dataclass(frozen=True)
class Sent:
    """Where a run is recorded, its number of jobs, and of how many something did not get there."""

    run_id: str
    where: str
    jobs: int
    lost: int


def sync(root: Path, run_id: str | None, *, uri: str | None, notify: Callable[[str], None]) -> Sent:
    """Write what is missing of a run, the latest by default. Twice does no harm.

    Raises `BadInput` for one without MLflow, `EnvironmentFault` while a search has it: that one
    sends everything by itself.
    """
    found = read_run(root, run_id)
    who = holder_of(found.run)
    if who is not None:
        raise EnvironmentFault(
            f"{found.run.root.name} is running (pid {who.pid} on {who.host}): it sends what is "
            "missing by itself"
        )
    return _send(found, uri=uri, notify=notify)


def settle(found: Run, notify: Callable[[str], None]) -> None:
    """After a search that was killed has been stopped: nothing of it stays RUNNING in MLflow."""
    if found.journal.ended is None and is_recorded(found.run):
        _send(found, uri=None, notify=notify, model=False)


def _send(
    found: Run, *, uri: str | None, notify: Callable[[str], None], model: bool = True
) -> Sent:
    state, run = found.journal, found.run
    relocate_store(found.layout)
    over = state.ended
    where, lost = send(
        mmar_of(found.layout, run),
        run,
        token=state.token,
        began=state.began or 0.0,
        ended=list(state.jobs.values()),
        best=state.best,
        state=over.state if over else RunState.INTERRUPTED,
        reason=over.reason if over else "the search process is gone",
        notify=notify,
        uri=uri,
        model=model,
    )
    return Sent(run.root.name, where, len(state.jobs), lost)
