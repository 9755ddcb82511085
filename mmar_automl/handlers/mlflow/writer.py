"""The thread that writes to MLflow: in order, again after an outage, never for ever."""

from __future__ import annotations

import contextlib
import queue
import re
import threading
import uuid
from collections.abc import Callable, Sequence
from typing import Any

from mmar_automl import __version__
from mmar_automl.handlers.mlflow.client import is_outage, reason_of
from mmar_automl.handlers.mlflow.experiment import connect, marked, points, sweep
from mmar_automl.handlers.mlflow.facts import of_process
from mmar_automl.handlers.mlflow.figures import draw
from mmar_automl.handlers.mlflow.names import LONGEST_VALUE, fitting, legal_name, text_of
from mmar_automl.handlers.mlflow.notes import Closing, Note, Step, Steps
from mmar_automl.handlers.mlflow.store import without_password

_PAUSES = (1.0, 2.0, 5.0, 10.0, 30.0)
_METRICS_AT_ONCE = 900
_IN_VAIN = 3
"""Notes without an answer, once the search is over, after which the rest is not tried."""
_OTHERS_AT_ONCE = 90
"""MLflow takes at most 1000 metrics, and 100 parameters or tags, in one call."""


class Writer:
    """Writes notes to one experiment. `work` is the thread's; the rest may come from others.

    `token` is the search's own, 32 hex digits: a `resumed` search finds its runs by it. Every
    text that leaves goes through `redact`.

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
        redact: Callable[[str], str] = str,
    ) -> None:
        self._uri = uri
        self._experiment = experiment
        self._notify = notify
        self._hurry = threading.Event()
        self._client: Any = None
        self._experiment_id = ""
        self._id = uuid.UUID(hex=token) if token else uuid.uuid4()
        self._resumed = resumed
        self._redact = redact
        self._found: dict[str, tuple[str, str, str]] = {}
        self._runs: dict[str, str] = {}
        self._points: dict[str, set[tuple[str, int, float]]] = {}
        self._params: dict[str, dict[str, str]] = {}
        self._unsure: set[str] = set()
        self.written = 0
        """How many notes are in MLflow."""
        self._missing: set[str] = set()
        self._out = False
        self._in_vain = 0
        self._told: set[str] = set()

    def hurry(self) -> None:
        """The search is over: one more try for each note, three in vain, and no pauses."""
        self._hurry.set()

    def run_of(self, key: str) -> str | None:
        """MLflow's id of a run that was written."""
        found = self._runs.get(key)
        if found is None and (mark := uuid.uuid5(self._id, key).hex) in self._found:
            found = self._found[mark][0]
        return found

    def has_model(self, job: str) -> bool:
        """Whether the search's run names the model of this job, or cannot be asked."""
        try:
            tags = self._client.get_run(self.run_of("")).data.tags
        except Exception:
            return True
        return bool(tags.get("mmar_automl.model_job") == job)

    def missing(self, notes: queue.SimpleQueue[Any]) -> set[str]:
        """The runs of which something was not written: what still waits is counted, and let go."""
        with contextlib.suppress(queue.Empty):
            while True:
                note = notes.get_nowait()
                if note is not None:
                    self._missing.add(note.key)
        return set(self._missing)

    def work(self, notes: queue.SimpleQueue[Any]) -> None:
        """Write notes until None comes."""
        while (note := notes.get()) is not None:
            self._persist(note)

    def _persist(self, note: Note | Steps | Closing) -> None:
        tries = 0
        while True:
            hurried = self._hurry.is_set()
            if self._in_vain >= _IN_VAIN:
                self._missing.add(note.key)
                return
            try:
                self._connect()
                self._write(note)
            except Exception as error:
                outage = is_outage(error)
                self._tell(error, outage)
                if not outage or hurried:
                    self._in_vain += outage
                    self._missing.add(note.key)
                    return
                self._hurry.wait(_PAUSES[min(tries, len(_PAUSES) - 1)])
                tries += 1
            else:
                self.written += 1
                self._in_vain = 0
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
        elif not outage and (kind := re.sub(r"[0-9a-f]{8,}", "…", said)) not in self._told:
            # One line for what is wrong with every run, an experiment deleted meanwhile for one.
            self._told.add(kind)
            self._notify(f"MLflow refused something: {said}; the search goes on")

    def _connect(self) -> None:
        if self._client is not None:
            return
        client, self._experiment_id = connect(self._uri, self._experiment, self._notify)
        if self._resumed:
            self._found = marked(client, self._experiment_id)
        self._client = client
        # Of no consequence to this search: not worth a try that could fail it.
        with contextlib.suppress(Exception):
            sweep(client, self._experiment_id, lambda mark: mark in self._found)

    def _write(self, note: Note | Steps | Closing) -> None:
        """Write a note, whatever part of it is there already; what is refused comes last."""
        refused: list[Exception] = []
        if not isinstance(note, Steps) and note.past and self._is_settled(note):
            return
        if isinstance(note, Note):
            self._open(note, refused)
        elif note.key in self._runs and isinstance(note, Steps):
            self._log_steps(self._runs[note.key], note.steps, refused)
        elif note.key in self._runs and isinstance(note, Closing):
            self._close(note, self._runs[note.key], refused)
        else:
            raise Unwritten(f"{note.key or 'the search'} has no run to close")
        if refused:
            raise refused[0]

    def _open(self, note: Note, refused: list[Exception]) -> None:
        if note.key not in self._runs:
            self._runs[note.key] = self._create(note)
        run_id = self._runs[note.key]
        texts = {name: self._redact(text_of(value)) for name, value in note.parameters.items()}
        renamed = {
            f"mmar_automl.name.{legal_name(name)}": self._redact(fitting(text_of(name)))
            for name in texts
            if legal_name(name) != name
        }
        params = {legal_name(name): fitting(text) for name, text in texts.items()}
        known = self._params.get(run_id, {})
        for name in known.keys() & params.keys():
            # MLflow changes no parameter, and a resume may have others: more jobs, fewer workers.
            if (now := params.pop(name)) != known[name]:
                renamed[f"mmar_automl.resumed.{name}"] = now
        if not note.past:
            renamed |= self._plain(note.tags)
        self._log(run_id, params, renamed, refused)
        files = dict(note.files)
        if any(len(text) > LONGEST_VALUE for text in texts.values()):
            files["parameters.json"] = text_of(note.parameters)
        self._log_files(run_id, files, refused)

    def _is_settled(self, note: Note | Closing) -> bool:
        """Whether an earlier process of this search has written a run to this very end."""
        mark = uuid.uuid5(self._id, note.key).hex
        _, status, state = self._found.get(mark, ("", "RUNNING", ""))
        return status != "RUNNING" and state == note.tags.get("mmar_automl.state")

    def _create(self, note: Note) -> str:
        """Make the note's run; one that an answer lost on its way has made already is found."""
        mark = uuid.uuid5(self._id, note.key).hex
        if mark in self._found:
            run_id = self._found[mark][0]
            self._client.update_run(run_id, status="RUNNING")
            for key, value in of_process().items():
                self._client.set_tag(run_id, key, value)
            self._params[run_id] = dict(self._client.get_run(run_id).data.params)
            self._points[run_id] = points(self._client, run_id)
            return run_id
        if note.key in self._unsure:
            query = f"tags.`mmar_automl.mark` = '{mark}'"
            for run in self._client.search_runs([self._experiment_id], query):
                return str(run.info.run_id)
        tags = self._plain(note.tags)
        tags |= {"mmar_automl.version": __version__, "mmar_automl.mark": mark, **of_process()}
        if note.key:
            if "" not in self._runs:
                raise Unwritten(f"the search has no run for {note.key} to stand in")
            tags["mlflow.parentRunId"] = self._runs[""]
        self._unsure.add(note.key)
        run = self._client.create_run(
            self._experiment_id,
            start_time=round(note.time * 1000),
            run_name=note.name,
            tags=tags,
        )
        return str(run.info.run_id)

    def _close(self, note: Closing, run_id: str, refused: list[Exception]) -> None:
        self._log_steps(run_id, note.steps, refused)
        self._log(run_id, {}, self._plain(note.tags), refused)
        self._log_files(run_id, note.files, refused)
        figure = draw(note.steps, note.figure, note.key) if note.figure else None
        if figure is not None:
            _tolerate(refused, self._client.log_figure, run_id, figure, "curves.png")
        # Whatever was refused, the run must not stay RUNNING.
        self._client.set_terminated(run_id, status=note.status, end_time=round(note.time * 1000))

    def _log_steps(self, run_id: str, steps: Sequence[Step], refused: list[Exception]) -> None:
        """Metrics, each point once however often it is noted."""
        from mlflow.entities import Metric

        known = self._points.setdefault(run_id, set())
        fresh = {}
        for name, value, step, at in steps:
            key = (legal_name(self._redact(name)), step, value)
            if key not in known:
                fresh[key] = round(at * 1000)
        metrics = [Metric(name, value, at, step) for (name, step, value), at in fresh.items()]
        for some in _parts(metrics, _METRICS_AT_ONCE):
            _tolerate(refused, self._client.log_batch, run_id, metrics=some)
        known |= fresh.keys()

    def _plain(self, tags: dict[str, str]) -> dict[str, str]:
        return {key: self._redact(value)[:5000] for key, value in tags.items()}

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
            _tolerate(refused, self._client.log_text, run_id, self._redact(text), name)


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
