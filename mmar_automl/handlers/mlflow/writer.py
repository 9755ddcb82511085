"""The thread that writes to MLflow: in order, again after an outage, never for ever."""

from __future__ import annotations

import logging
import os
import queue
import threading
from collections.abc import Callable
from typing import Any

from mmar_automl import __version__
from mmar_automl.handlers.mlflow.names import LONGEST_VALUE, fitting, legal_name, text_of
from mmar_automl.handlers.mlflow.notes import Closing, Note
from mmar_automl.handlers.mlflow.store import creating

_ENVIRONMENT = {
    # MLflow's own defaults block one call to a dead port for four minutes.
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",
    "MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR": "1",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "10",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "DO_NOT_TRACK": "true",
}
_PAUSES = (1.0, 2.0, 5.0, 10.0, 30.0)
_BATCH = 900
"""MLflow takes at most 1000 metrics in one call."""


class Writer:
    """Writes notes to one experiment. `work` is the thread's; the rest may come from others.

    During an outage it keeps what it has and tries again, after at most half a minute. A note
    that MLflow refuses for what is in it is given up, told, and the next one tried.
    """

    def __init__(
        self, *, uri: str, artifacts: str | None, experiment: str, notify: Callable[[str], None]
    ) -> None:
        self._uri = uri
        self._artifacts = artifacts
        self._experiment = experiment
        self._notify = notify
        self._hurry = threading.Event()
        self._client: Any = None
        self._experiment_id = ""
        self._runs: dict[str, str] = {}
        self.handled = 0
        """How many notes were written or given up."""
        self._given_up = 0
        self._out = False
        self._told: set[str] = set()

    def hurry(self) -> None:
        """The search is over: one more try for each note, no more pauses."""
        self._hurry.set()

    def lost(self, notes: queue.SimpleQueue[Any], *, waiting: bool) -> int:
        """How many notes were not written, those that still wait included."""
        return self._given_up + (notes.qsize() + 1 if waiting else 0)

    def work(self, notes: queue.SimpleQueue[Note | Closing | None]) -> None:
        """Write notes until None comes."""
        while (note := notes.get()) is not None:
            self._persist(note)
            self.handled += 1

    def _persist(self, note: Note | Closing) -> None:
        for pause in (*_PAUSES, *(_PAUSES[-1] for _ in range(10_000))):
            hurried = self._hurry.is_set()
            try:
                self._connect()
                self._write(note)
            except Exception as error:
                outage = _is_outage(error)
                self._tell(error, outage)
                if not outage or hurried:
                    self._given_up += 1
                    return
                self._hurry.wait(pause)
            else:
                if self._out:
                    self._out = False
                    self._notify("MLflow answers again")
                return

    def _tell(self, error: Exception, outage: bool) -> None:
        said = " ".join(str(error).split())[:200]
        if outage and not self._out:
            self._out = True
            self._notify(f"MLflow does not answer ({self._uri}): {said}; the search goes on")
        elif not outage and said not in self._told:
            self._told.add(said)
            self._notify(f"MLflow refused something: {said}; the search goes on")

    def _connect(self) -> None:
        if self._client is not None:
            return
        for name, value in _ENVIRONMENT.items():
            os.environ.setdefault(name, value)
        with creating(self._uri):
            from mlflow import MlflowClient

            # Only after the import: MLflow sets its own levels there.
            for name in ("mlflow", "alembic"):
                logging.getLogger(name).setLevel(logging.ERROR)
            client = MlflowClient(self._uri)
            self._experiment_id = self._find_experiment(client)
        self._client = client

    def _find_experiment(self, client: Any) -> str:
        """The experiment of that name, made if need be.

        A deleted one is left alone: its owner deleted it on purpose. The next free name is used.
        """
        name = self._experiment
        for number in range(2, 1000):
            found = client.get_experiment_by_name(name)
            if found is None:
                try:
                    created = client.create_experiment(name, artifact_location=self._artifacts)
                except Exception:
                    # Another search made it at this very moment.
                    found = client.get_experiment_by_name(name)
                    if found is None:
                        raise
                else:
                    return str(created)
            if found.lifecycle_stage == "active":
                return str(found.experiment_id)
            name = f"{self._experiment} ({number})"
        raise RuntimeError(f"no free name for the experiment {self._experiment!r}")

    def _write(self, note: Note | Closing) -> None:
        if isinstance(note, Note):
            self._open(note)
        elif note.key in self._runs:
            self._close(note, self._runs[note.key])

    def _open(self, note: Note) -> None:
        from mlflow.entities import Param, RunTag

        if note.key not in self._runs:
            tags = {**note.tags, "mmar_automl.version": __version__}
            if note.key:
                tags["mlflow.parentRunId"] = self._runs[""]
            run = self._client.create_run(
                self._experiment_id,
                start_time=round(note.time * 1000),
                run_name=note.name,
                tags=tags,
            )
            self._runs[note.key] = run.info.run_id
        run_id = self._runs[note.key]
        texts = {name: text_of(value) for name, value in note.parameters.items()}
        renamed = {
            f"mmar_automl.name.{legal_name(name)}": name
            for name in texts
            if legal_name(name) != name
        }
        self._client.log_batch(
            run_id,
            params=[Param(legal_name(name), fitting(text)) for name, text in texts.items()],
            tags=[RunTag(key, value) for key, value in renamed.items()],
        )
        if any(len(text) > LONGEST_VALUE for text in texts.values()):
            self._client.log_dict(run_id, note.parameters, "parameters.json")
        for name, text in note.files.items():
            self._client.log_text(run_id, text, name)

    def _close(self, note: Closing, run_id: str) -> None:
        from mlflow.entities import Metric, RunTag

        metrics = [
            Metric(legal_name(name), value, round(at * 1000), step)
            for name, value, step, at in note.steps
        ]
        for start in range(0, len(metrics), _BATCH):
            self._client.log_batch(run_id, metrics=metrics[start : start + _BATCH])
        self._client.log_batch(
            run_id, tags=[RunTag(key, value[:5000]) for key, value in note.tags.items()]
        )
        for name, text in note.files.items():
            self._client.log_text(run_id, text, name)
        self._client.set_terminated(run_id, status=note.status, end_time=round(note.time * 1000))


def _is_outage(error: BaseException) -> bool:
    """Whether the store is at fault and not what was written: worth another try."""
    seen: BaseException | None = error
    while seen is not None:
        if isinstance(seen, OSError) or type(seen).__name__ in ("OperationalError", "TimeoutError"):
            return True
        seen = seen.__cause__ or seen.__context__
    words = ("max retries exceeded", "connection", "timed out", "locked", "503", "502", "504")
    return any(word in str(error).lower() for word in words)
