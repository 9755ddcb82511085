"""Sends what a search could not: its own writer's work, from the run's folder."""

from __future__ import annotations

import queue
from collections.abc import Callable, Sequence

from mmar_automl.defs import Job, RunState
from mmar_automl.errors import BadInput
from mmar_automl.handlers.mlflow import jobs
from mmar_automl.handlers.mlflow.champion import log_best_model
from mmar_automl.handlers.mlflow.handler import end_of_search
from mmar_automl.handlers.mlflow.ledger import read_ledger
from mmar_automl.handlers.mlflow.notes import Note
from mmar_automl.handlers.mlflow.store import check_tracking_uri, store_uri, without_password
from mmar_automl.handlers.mlflow.writer import Writer
from mmar_automl.mmar.datalist import data_lists
from mmar_automl.mmar.layout import RunLayout
from mmar_automl.mmar.load import Mmar
from mmar_automl.mmar.redact import Redactor


def is_recorded(run: RunLayout) -> bool:
    """Whether a search was to be recorded at all."""
    ledger = read_ledger(run)
    return ledger is not None and ledger.recorded


def send(
    mmar: Mmar,
    run: RunLayout,
    *,
    token: str,
    began: float,
    ended: Sequence[Job],
    best: Job | None,
    state: RunState,
    reason: str,
    notify: Callable[[str], None],
    uri: str | None = None,
    model: bool = True,
) -> tuple[str, int]:
    """Write what is not there yet; where to, and of how many runs something is still missing.

    `uri` is for a server whose password the run's folder does not keep. Raises `BadInput` for a
    search that was run without MLflow, and for an address that it refuses.
    """
    ledger = read_ledger(run)
    if ledger is None or not ledger.recorded:
        raise BadInput(
            f"{run.root.name} is not recorded in MLflow",
            "it was run with --no-mlflow, or by a version that keeps no tracking.json",
        )
    if uri is not None:
        check_tracking_uri(uri)
    elif ledger.uri and ":***@" in ledger.uri:
        raise BadInput(
            f"{ledger.uri} asks for a password, which is not kept in the run's folder",
            "give the address with --tracking-uri or MLFLOW_TRACKING_URI",
        )
    where = uri or ledger.uri or store_uri(mmar.layout)
    redactor = Redactor(data_lists(mmar), token)
    log = ledger.data_paths or not redactor.blind
    writer = Writer(
        uri=where,
        experiment=ledger.experiment,
        notify=notify,
        token=token,
        resumed=True,
        redact=str if ledger.data_paths else redactor,
    )
    notes: queue.SimpleQueue[object] = queue.SimpleQueue()
    run_id = run.root.name
    notes.put(Note("", run_id, began, ledger.parameters, ledger.tags, ledger.files))
    for job in ended:
        if job.state in jobs.JOB_STATUS:
            notes.put(jobs.opening(job, run_id, past=True))
            notes.put(jobs.closing(job, str(run.job(job.name).root), log=log, past=True))
    notes.put(end_of_search(state, best.name if best else None, reason, list(ended)))
    notes.put(None)
    # Nobody waits for anything else: one try for each note.
    writer.hurry()
    writer.work(notes)
    lost = len(writer.missing(notes))
    if model and best is not None and not lost and not writer.has_model(best.name):
        log_best_model(
            uri=where,
            job=run.job(best.name),
            run=writer.run_of(best.name),
            parent=writer.run_of(""),
            register=ledger.register,
            notify=notify,
            tell=notify,
        )
    return without_password(where), lost
