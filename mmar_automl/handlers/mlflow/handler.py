"""Every search a parent run in MLflow, every job a nested one, written from a thread of its own.

The handler's methods only take notes, of files too, since a job's folder may be deleted later; the
thread writes them. So a job never waits for MLflow, and MLflow failing never costs one.
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from mmar_automl.api import Handler
from mmar_automl.defs import (
    Context,
    ContextKey,
    Job,
    JobState,
    Outcome,
    RunOutcome,
    RunState,
    finite,
    natural,
)
from mmar_automl.handlers.mlflow.notes import Closing, Note
from mmar_automl.handlers.mlflow.store import check_tracking_uri, store_uri
from mmar_automl.handlers.mlflow.writer import Writer
from mmar_automl.jobs.result import read_progress, read_stats
from mmar_automl.mmar.layout import MmarLayout, RunLayout
from mmar_automl.mmar.load import Mmar

PATIENCE = 30.0
"""Seconds without a write that succeeds after which the end of a search no longer waits."""
LONGEST_WAIT = 120.0
"""Seconds after which it no longer waits at all."""
_JOB_STATUS = {
    JobState.FINISHED: "FINISHED",
    JobState.FINISHED_NO_SCORE: "FINISHED",
    JobState.FAILED: "FAILED",
    JobState.INTERRUPTED: "KILLED",
    JobState.PAUSED: "KILLED",
    JobState.PRUNED: "KILLED",
}
_MAY_GO_ON = (JobState.INTERRUPTED, JobState.PAUSED)
_RUN_STATUS = {
    RunState.FINISHED: "FINISHED",
    RunState.STOPPED: "FINISHED",
    RunState.INTERRUPTED: "KILLED",
    RunState.FAILED: "FAILED",
}


class MlflowHandler(Handler):
    """Writes to `tracking_uri`, by default the MMAR's own sqlite store.

    `experiment` is by default the MMAR's name. `notify` gets one line for an outage, not for a
    call. Parameters stand under their readable names (see `names.legal_name`), the curves of
    `models/progress.jsonl` with the epoch as step, the score as `score` if there is one. Stands
    before any handler that deletes job folders. Raises `BadInput` for a plain directory.
    """

    def __init__(
        self,
        *,
        tracking_uri: str | None = None,
        experiment: str | None = None,
        notify: Callable[[str], None] = print,
    ) -> None:
        if tracking_uri is not None:
            check_tracking_uri(tracking_uri)
        self._tracking_uri = tracking_uri
        self._experiment = experiment
        self._notify = notify
        self._notes: queue.SimpleQueue[Note | Closing | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        self._writer: Writer | None = None
        self._ended = False
        self._opened: set[str] = set()

    def start_automl(self, ctx: Context) -> None:
        """Open the search's run; the store is made meanwhile."""
        mmar: Mmar = ctx.get_prop(ContextKey.MMAR)
        self._writer = Writer(
            uri=self._tracking_uri or store_uri(mmar.layout),
            experiment=self._experiment or mmar.layout.root.name,
            notify=self._notify,
            token=ctx.get_prop(ContextKey.RUN_TOKEN),
            resumed=bool(ctx.get_prop(ContextKey.HISTORY)),
        )
        run_id = str(ctx.get_prop(ContextKey.RUN_ID))
        controller = mmar.automl_config.data.get("controller") or {}
        self._notes.put(
            Note(
                key="",
                name=run_id,
                time=time.time(),
                parameters={
                    "controller": controller.get("path") or controller.get("name") or "default",
                },
                tags={
                    "mmar_automl.workers": str(ctx.get_prop(ContextKey.NUM_WORKERS)),
                    "mmar_automl.run_id": run_id,
                    "mmar_automl.mmar": mmar.layout.root.name,
                    "mlflow.note.content": f"A search over {mmar.layout.root.name}, {run_id}.",
                },
                files={**_texts(mmar.train_config.file), **_texts(mmar.automl_config.file)},
            )
        )
        for job in ctx.get_prop(ContextKey.HISTORY, []):
            if job.state in _JOB_STATUS and job.state not in _MAY_GO_ON:
                # What an earlier process could not write any more.
                self._notes.put(_opening(job, run_id, past=True))
                run = RunLayout(Path(ctx.get_prop(ContextKey.AUTOML_ROOT)))
                self._notes.put(_closing(job, str(run.job(job.name).root), past=True))
        self._thread = threading.Thread(
            target=self._writer.work, args=(self._notes,), name="mlflow", daemon=True
        )
        self._thread.start()

    def start_job(self, ctx: Context) -> None:
        """Open the job's run with its parameters."""
        self._opened.add(ctx.get_prop(ContextKey.JOB_NAME))
        self._notes.put(_opening(_job_of(ctx), str(ctx.get_prop(ContextKey.RUN_ID))))

    def end_job(self, ctx: Context) -> None:
        """Close the job's run with its curves, its score and its config."""
        outcome: Outcome = ctx.get_prop(ContextKey.OUTCOME)
        if outcome.job_name not in self._opened:
            # It was paused by an earlier process of this search, and has not gone on.
            self.start_job(ctx)
        job = replace(
            _job_of(ctx),
            state=outcome.state,
            ended=time.time(),
            score=outcome.value,
            epoch=outcome.epoch,
            metric=outcome.metric,
            minimised=outcome.minimised,
            failure=outcome.failure,
            message=outcome.message,
        )
        self._notes.put(_closing(job, ctx.get_prop(ContextKey.JOB_MMAR_ROOT)))

    def end_automl(self, ctx: Context) -> None:
        """Close the search's run with its best score."""
        outcome: RunOutcome = ctx.get_prop(ContextKey.RUN_OUTCOME)
        self._ended = True
        now = time.time()
        score = () if outcome.score is None else (("best_score", outcome.score, 0, now),)
        tags = {"mmar_automl.state": str(outcome.state)}
        if outcome.best is not None:
            tags["mmar_automl.best_job"] = outcome.best
        self._notes.put(
            Closing(key="", status=_RUN_STATUS[outcome.state], time=now, steps=score, tags=tags)
        )

    def shutdown(self, ctx: Context) -> None:
        """Wait for the thread, but not for ever."""
        if self._thread is None or self._writer is None:
            return
        if not self._ended:
            # Whatever went wrong: nothing is left RUNNING for ever.
            self._notes.put(Closing(key="", status="KILLED", time=time.time()))
        self._writer.hurry()
        self._notes.put(None)
        self._thread.join(2.0)
        if self._thread.is_alive():
            self._notify("waiting for MLflow to take the last results")
            last = time.monotonic() + LONGEST_WAIT
            written = -1
            while self._thread.is_alive() and written != self._writer.written:
                written = self._writer.written
                self._thread.join(min(PATIENCE, max(0.0, last - time.monotonic())))
        lost = self._writer.lost(self._notes, waiting=self._thread.is_alive())
        if lost:
            self._notify(f"MLflow: {lost} writes were lost; the report has everything")


def _job_of(ctx: Context) -> Job:
    return Job(
        name=ctx.get_prop(ContextKey.JOB_NAME),
        recommendation_id=0,
        worker=ctx.get_prop(ContextKey.WORKER_NAME),
        gpus=tuple(ctx.get_prop(ContextKey.GPUS)),
        parameters=dict(ctx.get_prop(ContextKey.NAMED_VALUES)),
        started=ctx.get_prop(ContextKey.JOB_START_TIME),
    )


def _opening(job: Job, run_id: str, *, past: bool = False) -> Note:
    return Note(
        key=job.name,
        name=job.name,
        time=job.started,
        parameters=dict(job.parameters),
        tags={
            "mmar_automl.run_id": run_id,
            "mmar_automl.worker": job.worker,
            "mmar_automl.gpus": ",".join(map(str, job.gpus)),
            "mmar_automl.state": str(JobState.RUNNING),
        },
        past=past,
    )


def _closing(job: Job, root: str | None, *, past: bool = False) -> Closing:
    ended = job.ended or time.time()
    steps: list[tuple[str, float, int, float]] = []
    files: dict[str, str] = {}
    if root is not None:
        layout = MmarLayout(Path(root))
        steps += _curves(layout, job.started)
        files = _texts(layout.train_config)
    if job.score is not None:
        shown = natural(job.score, job.minimised)
        steps.append(("score", shown or 0.0, job.epoch or 0, ended))
    tags = {"mmar_automl.state": str(job.state), "mlflow.note.content": _in_words(job)}
    if job.failure is not None:
        tags["mmar_automl.failure"] = str(job.failure)
    if job.metric is not None:
        tags["mmar_automl.metric"] = job.metric
    return Closing(
        key=job.name,
        status=_JOB_STATUS[job.state],
        time=ended,
        steps=tuple(steps),
        tags=tags,
        files=files,
        past=past,
    )


def _curves(job: MmarLayout, started: float) -> list[tuple[str, float, int, float]]:
    metric = read_stats(job).metric or "metric"
    # The key metric goes before a value of the same name, and `score` is the job's own.
    names = {"metric": metric, metric: f"{metric} (progress)", "score": "score (progress)"}
    curves = []
    for number, line in enumerate(read_progress(job), start=1):
        epoch = line.get("epoch")
        step = epoch if isinstance(epoch, int) and abs(epoch) < 2**53 else number
        at = started + (finite(line.get("seconds")) or 0.0)
        for key, raw in line.items():
            value = finite(raw)
            if value is not None and key != "epoch":
                curves.append((names.get(key, key), value, step, at))
    return curves


def _in_words(job: Job) -> str:
    if job.score is not None and job.state is JobState.FINISHED:
        epoch = "" if job.epoch is None else f" at epoch {job.epoch}"
        return f"{job.metric or 'score'} {natural(job.score, job.minimised):.4f}{epoch}."
    if job.state in (JobState.PAUSED, JobState.PRUNED):
        score = "" if job.score is None else f" {natural(job.score, job.minimised):.4f}"
        return f"{job.metric or 'score'}{score}, {job.state} {job.message}."
    return f"{str(job.state).replace('_', ' ')}: {job.message}"


def _texts(file: Path) -> dict[str, str]:
    """The file by its name, or nothing where it is gone."""
    try:
        return {file.name: file.read_text(encoding="utf-8", errors="replace")}
    except OSError:
        return {}
