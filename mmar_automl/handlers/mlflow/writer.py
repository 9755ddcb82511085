"""The thread that writes to MLflow: in order, again after an outage, never for ever."""

from __future__ import annotations

import queue
import threading
import uuid
from collections.abc import Callable, Sequence
from typing import Any

from mmar_automl import __version__
from mmar_automl.handlers.mlflow.client import client_class, is_outage, reason_of
from mmar_automl.handlers.mlflow.names import LONGEST_VALUE, fitting, legal_name, text_of
from mmar_automl.handlers.mlflow.notes import Closing, Note
from mmar_automl.handlers.mlflow.store import (
    artifacts_beside,
    creating,
    in_one_step,
    sqlite_file,
    sqlite_uri,
    without_password,
)

_PAUSES = (1.0, 2.0, 5.0, 10.0, 30.0)
_METRICS_AT_ONCE = 900
_OTHERS_AT_ONCE = 90
"""MLflow takes at most 1000 metrics, and 100 parameters or tags, in one call."""


class Writer:
    """Writes notes to one experiment. `work` is the thread's; the rest may come from others.

    `token` is the search's own, 32 hex digits: a `resumed` search finds its runs by it.

    During an outage it keeps what it has and tries again, after at most half a minute. What
    MLflow refuses for what is in it is given up, told, and the rest written.
    """

    def __init__(
        self,
        *,
        uri: str,
        experiment: str,
        notify: Callable[[str], None],
        token: str | None = None,
        resumed: bool = False,
    ) -> None:
        self._uri = uri
        self._experiment = experiment
        self._notify = notify
        self._hurry = threading.Event()
        self._client: Any = None
        self._experiment_id = ""
        self._id = uuid.UUID(hex=token) if token else uuid.uuid4()
        self._resumed = resumed
        self._found: dict[str, tuple[str, str]] = {}
        self._runs: dict[str, str] = {}
        self._unsure: set[str] = set()
        self.written = 0
        """How many notes are in MLflow."""
        self._given_up = 0
        self._out = False
        self._told: set[str] = set()

    def hurry(self) -> None:
        """The search is over: one more try for each note, no more pauses."""
        self._hurry.set()

    def lost(self, notes: queue.SimpleQueue[Any], *, waiting: bool) -> int:
        """How many notes were not written, those that still wait included."""
        # The one in hand is no longer in the queue, but the None at its end is.
        return self._given_up + (notes.qsize() if waiting else 0)

    def work(self, notes: queue.SimpleQueue[Note | Closing | None]) -> None:
        """Write notes until None comes."""
        while (note := notes.get()) is not None:
            self._persist(note)

    def _persist(self, note: Note | Closing) -> None:
        tries = 0
        while True:
            hurried = self._hurry.is_set()
            try:
                self._connect()
                self._write(note)
            except Exception as error:
                outage = is_outage(error)
                self._tell(error, outage)
                if not outage or hurried:
                    self._given_up += 1
                    return
                self._hurry.wait(_PAUSES[min(tries, len(_PAUSES) - 1)])
                tries += 1
            else:
                self.written += 1
                if self._out:
                    self._out = False
                    self._notify("MLflow answers again")
                return

    def _tell(self, error: Exception, outage: bool) -> None:
        if isinstance(error, Unwritten):
            return
        said = reason_of(error)
        if outage and not self._out:
            self._out = True
            where = without_password(self._uri)
            self._notify(f"MLflow does not answer ({where}): {said}; the search goes on")
        elif not outage and said not in self._told:
            self._told.add(said)
            self._notify(f"MLflow refused something: {said}; the search goes on")

    def _connect(self) -> None:
        if self._client is not None:
            return
        with creating(self._uri):
            make_client = client_class()
            file = sqlite_file(self._uri)
            artifacts = artifacts_beside(self._uri)
            if file is not None and not file.exists():
                from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore

                with in_one_step(file) as beside:
                    SqlAlchemyStore(sqlite_uri(beside), artifacts).engine.dispose()
            client = make_client(self._uri)
            self._experiment_id = self._find_experiment(client, artifacts)
            if self._resumed:
                self._found = _marked(client, self._experiment_id)
        self._client = client

    def _find_experiment(self, client: Any, artifacts: str | None) -> str:
        """The experiment of that name, made if need be.

        A deleted one is left alone: its owner deleted it on purpose. The next free name is used.
        """
        name = self._experiment
        for number in range(2, 1000):
            found = client.get_experiment_by_name(name)
            if found is None:
                try:
                    made: str | None = client.create_experiment(name, artifact_location=artifacts)
                except Exception:
                    # Another search made it at this very moment.
                    found = client.get_experiment_by_name(name)
                    if found is None:
                        raise
                    made = None
            else:
                made = None
            if made is not None or found.lifecycle_stage == "active":
                if name != self._experiment:
                    self._notify(
                        f"MLflow's experiment {self._experiment!r} was deleted: "
                        f"this search is in {name!r}"
                    )
                return str(found.experiment_id if made is None else made)
            name = f"{self._experiment} ({number})"
        raise RuntimeError(f"no free name for the experiment {self._experiment!r}")

    def _write(self, note: Note | Closing) -> None:
        """Write a note, whatever part of it is there already; what is refused comes last."""
        refused: list[Exception] = []
        if note.past and self._is_settled(note.key):
            return
        if isinstance(note, Note):
            self._open(note, refused)
        elif note.key in self._runs:
            self._close(note, self._runs[note.key], refused)
        else:
            raise Unwritten(f"{note.key or 'the search'} has no run to close")
        if refused:
            raise refused[0]

    def _open(self, note: Note, refused: list[Exception]) -> None:
        if note.key not in self._runs:
            self._runs[note.key] = self._create(note)
        run_id = self._runs[note.key]
        texts = {name: text_of(value) for name, value in note.parameters.items()}
        renamed = {
            f"mmar_automl.name.{legal_name(name)}": fitting(text_of(name))
            for name in texts
            if legal_name(name) != name
        }
        params = {legal_name(name): fitting(text) for name, text in texts.items()}
        self._log(run_id, params, renamed, refused)
        files = dict(note.files)
        if any(len(text) > LONGEST_VALUE for text in texts.values()):
            files["parameters.json"] = text_of(note.parameters)
        self._log_files(run_id, files, refused)

    def _is_settled(self, key: str) -> bool:
        """Whether an earlier process of this search has written a run to its end."""
        _, status = self._found.get(uuid.uuid5(self._id, key).hex, ("", "RUNNING"))
        return status != "RUNNING"

    def _create(self, note: Note) -> str:
        """Make the note's run; one that an answer lost on its way has made already is found."""
        mark = uuid.uuid5(self._id, note.key).hex
        if mark in self._found:
            run_id, _ = self._found[mark]
            self._client.update_run(run_id, status="RUNNING")
            return run_id
        if note.key in self._unsure:
            query = f"tags.`mmar_automl.mark` = '{mark}'"
            for run in self._client.search_runs([self._experiment_id], query):
                return str(run.info.run_id)
        tags = {**note.tags, "mmar_automl.version": __version__, "mmar_automl.mark": mark}
        if note.key:
            if "" not in self._runs:
                raise Unwritten(f"the search has no run for {note.key} to stand in")
            tags["mlflow.parentRunId"] = self._runs[""]
        self._unsure.add(note.key)
        run = self._client.create_run(
            self._experiment_id,
            start_time=round(note.time * 1000),
            run_name=note.name,
            tags={key: value[:5000] for key, value in tags.items()},
        )
        return str(run.info.run_id)

    def _close(self, note: Closing, run_id: str, refused: list[Exception]) -> None:
        from mlflow.entities import Metric

        metrics = [
            Metric(legal_name(name), value, round(at * 1000), step)
            for name, value, step, at in note.steps
        ]
        for some in _parts(metrics, _METRICS_AT_ONCE):
            _tolerate(refused, self._client.log_batch, run_id, metrics=some)
        tags = {key: value[:5000] for key, value in note.tags.items()}
        self._log(run_id, {}, tags, refused)
        self._log_files(run_id, note.files, refused)
        # Whatever was refused, the run must not stay RUNNING.
        self._client.set_terminated(run_id, status=note.status, end_time=round(note.time * 1000))

    def _log(
        self, run_id: str, params: dict[str, str], tags: dict[str, str], refused: list[Exception]
    ) -> None:
        """Parameters and tags; a batch that is refused for one of them is written one by one."""
        from mlflow.entities import Param, RunTag

        for kind, values in (
            ("params", [Param(key, value) for key, value in params.items()]),
            ("tags", [RunTag(key, value) for key, value in tags.items()]),
        ):
            for some in _parts(values, _OTHERS_AT_ONCE):
                batch: list[Exception] = []
                _tolerate(batch, self._client.log_batch, run_id, **{kind: some})
                for one in some if batch else ():
                    _tolerate(refused, self._client.log_batch, run_id, **{kind: [one]})

    def _log_files(self, run_id: str, files: dict[str, str], refused: list[Exception]) -> None:
        for name, text in files.items():
            _tolerate(refused, self._client.log_text, run_id, text, name)


def _marked(client: Any, experiment_id: str) -> dict[str, tuple[str, str]]:
    """The experiment's runs with a mark of ours: mark → (run id, status)."""
    found: dict[str, tuple[str, str]] = {}
    token = None
    while True:
        page = client.search_runs([experiment_id], max_results=1000, page_token=token)
        for run in page:
            mark = run.data.tags.get("mmar_automl.mark")
            if mark:
                found[mark] = (str(run.info.run_id), str(run.info.status))
        token = page.token
        if not token:
            return found


class Unwritten(Exception):
    """What this belongs to was refused before, and that was told."""


def _parts(values: Sequence[Any], size: int) -> list[Sequence[Any]]:
    return [values[start : start + size] for start in range(0, len(values), size)]


def _tolerate(
    refused: list[Exception], call: Callable[..., Any], *args: Any, **kwargs: Any
) -> None:
    """Keep a refusal for later; an outage goes through."""
    try:
        call(*args, **kwargs)
    except Exception as error:
        if is_outage(error):
            raise
        refused.append(error)
