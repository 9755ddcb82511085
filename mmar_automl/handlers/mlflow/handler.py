"""Every search a parent run in MLflow, every job a nested one, written from a thread of its own.

The handler's methods only take notes, of files too, since a job's folder may be deleted later; the
thread writes them. So a job never waits for MLflow, and MLflow failing never costs one.
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable
from pathlib import Path

from mmar_automl.api import Handler
from mmar_automl.defs import Context, ContextKey, JobState, Outcome, RunOutcome, RunState, finite
from mmar_automl.handlers.mlflow.notes import Closing, Note
from mmar_automl.handlers.mlflow.store import check_tracking_uri, store_uri
from mmar_automl.handlers.mlflow.writer import Writer
from mmar_automl.jobs.result import read_progress, read_stats
from mmar_automl.mmar.layout import MmarLayout
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
    JobState.PRUNED: "KILLED",
}
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
        self._thread = threading.Thread(
            target=self._writer.work, args=(self._notes,), name="mlflow", daemon=True
        )
        self._thread.start()

    def start_job(self, ctx: Context) -> None:
        """Open the job's run with its parameters."""
        name = ctx.get_prop(ContextKey.JOB_NAME)
        self._notes.put(
            Note(
                key=name,
                name=name,
                time=ctx.get_prop(ContextKey.JOB_START_TIME),
                parameters=dict(ctx.get_prop(ContextKey.NAMED_VALUES)),
                tags={
                    "mmar_automl.run_id": str(ctx.get_prop(ContextKey.RUN_ID)),
                    "mmar_automl.worker": ctx.get_prop(ContextKey.WORKER_NAME),
                    "mmar_automl.gpus": ",".join(map(str, ctx.get_prop(ContextKey.GPUS))),
                    "mmar_automl.state": str(JobState.RUNNING),
                },
            )
        )

    def end_job(self, ctx: Context) -> None:
        """Close the job's run with its curves, its score and its config."""
        outcome: Outcome = ctx.get_prop(ContextKey.OUTCOME)
        now = time.time()
        root = ctx.get_prop(ContextKey.JOB_MMAR_ROOT)
        steps: list[tuple[str, float, int, float]] = []
        files: dict[str, str] = {}
        if root is not None:
            job = MmarLayout(Path(root))
            steps += _curves(job, ctx.get_prop(ContextKey.JOB_START_TIME))
            files = _texts(job.train_config)
        if outcome.value is not None:
            steps.append(("score", outcome.value, outcome.epoch or 0, now))
        tags = {
            "mmar_automl.state": str(outcome.state),
            "mlflow.note.content": _in_words(outcome),
        }
        if outcome.failure is not None:
            tags["mmar_automl.failure"] = str(outcome.failure)
        if outcome.metric is not None:
            tags["mmar_automl.metric"] = outcome.metric
        self._notes.put(
            Closing(
                key=outcome.job_name,
                status=_JOB_STATUS[outcome.state],
                time=now,
                steps=tuple(steps),
                tags=tags,
                files=files,
            )
        )

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


def _in_words(outcome: Outcome) -> str:
    if outcome.value is not None and outcome.state is JobState.FINISHED:
        epoch = "" if outcome.epoch is None else f" at epoch {outcome.epoch}"
        return f"{outcome.metric or 'score'} {outcome.value:.4f}{epoch}."
    return f"{str(outcome.state).replace('_', ' ')}: {outcome.message}"


def _texts(file: Path) -> dict[str, str]:
    """The file by its name, or nothing where it is gone."""
    try:
        return {file.name: file.read_text(encoding="utf-8", errors="replace")}
    except OSError:
        return {}
