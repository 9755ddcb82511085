"""Every search a parent run in MLflow, every job a nested one, written from a thread of its own.

The handler's methods only take notes, of files too, since a job's folder may be deleted later; the
thread writes them. So a job never waits for MLflow, and MLflow failing never costs one.
"""

from __future__ import annotations

import queue
import threading
import time
import uuid
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from mmar_automl.api import Handler
from mmar_automl.defs import Context, ContextKey, Job, JobState, Outcome, RunOutcome, RunState
from mmar_automl.handlers.mlflow import facts, jobs
from mmar_automl.handlers.mlflow.champion import log_best_model
from mmar_automl.handlers.mlflow.ledger import Ledger
from mmar_automl.handlers.mlflow.notes import Closing, Note, Steps
from mmar_automl.handlers.mlflow.store import check_tracking_uri, store_uri
from mmar_automl.handlers.mlflow.watch import Watch
from mmar_automl.handlers.mlflow.writer import Writer
from mmar_automl.mmar.datalist import DataList, data_lists
from mmar_automl.mmar.layout import RunLayout
from mmar_automl.mmar.load import Mmar
from mmar_automl.mmar.redact import Redactor

PATIENCE = 30.0
"""Seconds without a write that succeeds after which the end of a search no longer waits."""
LONGEST_WAIT = 120.0
"""Seconds after which it no longer waits at all."""
_MAY_GO_ON = (JobState.INTERRUPTED, JobState.PAUSED, JobState.RUNNING)
RUN_STATUS = {
    RunState.FINISHED: "FINISHED",
    RunState.STOPPED: "FINISHED",
    RunState.INTERRUPTED: "KILLED",
    RunState.FAILED: "FAILED",
}


class MlflowHandler(Handler):
    """Writes to `tracking_uri`, by default the MMAR's own sqlite store.

    `experiment` is by default the MMAR's name. `notify` gets one line for an outage, not for a
    call; `tell` one where MLflow is waited for. Parameters stand under their readable names (see
    `names.legal_name`), the curves of `models/progress.jsonl` with the epoch as step, the score
    as `score` if there is one. Where the patients' data lies stays in the MMAR unless
    `data_paths`. The best job's model is logged at the end, and with `register` gets into the
    registry under that name. Stands before any handler that deletes job folders. Raises
    `BadInput` for a URI that MLflow refuses.
    """

    def __init__(
        self,
        *,
        tracking_uri: str | None = None,
        experiment: str | None = None,
        data_paths: bool = False,
        register: str | None = None,
        notify: Callable[[str], None] = print,
        tell: Callable[[str], None] = print,
    ) -> None:
        if tracking_uri is not None:
            check_tracking_uri(tracking_uri)
        self._tracking_uri = tracking_uri
        self._experiment = experiment
        self._data_paths = data_paths
        self._register = register
        self._notify = notify
        self._tell = tell
        self._notes: queue.SimpleQueue[Note | Steps | Closing | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        self._writer: Writer | None = None
        self._watch: Watch | None = None
        self._outcome: RunOutcome | None = None
        self._uri = ""
        self._run: RunLayout | None = None
        self._ledger = Ledger()
        self._began = time.time()
        self._log = True
        self._ended: list[Job] = []
        self._opened: set[str] = set()

    def start_automl(self, ctx: Context) -> None:
        """Open the search's run; the store is made meanwhile."""
        mmar: Mmar = ctx.get_prop(ContextKey.MMAR)
        token = ctx.get_prop(ContextKey.RUN_TOKEN) or uuid.uuid4().hex
        lists = data_lists(mmar)
        redactor = Redactor(lists, token)
        self._log = self._data_paths or not redactor.blind
        self._uri = self._tracking_uri or store_uri(mmar.layout)
        self._ledger = Ledger(
            uri=self._tracking_uri,
            experiment=self._experiment or mmar.layout.root.name,
            data_paths=self._data_paths,
            register=self._register,
        )
        root = ctx.get_prop(ContextKey.AUTOML_ROOT)
        self._run = None if root is None else RunLayout(Path(root))
        self._writer = Writer(
            uri=self._uri,
            experiment=self._ledger.experiment,
            notify=self._notify,
            token=token,
            resumed=bool(ctx.get_prop(ContextKey.HISTORY)),
            redact=str if self._data_paths else redactor,
        )
        run_id = str(ctx.get_prop(ContextKey.RUN_ID))
        workers, count = ctx.get_prop(ContextKey.WORKERS, []), ctx.get_prop(ContextKey.NUM_WORKERS)
        limits = ctx.get_prop(ContextKey.LIMITS, {})
        self._note(run_id, facts.of_search(mmar, run_id, workers, count, limits))
        self._recall(ctx, run_id)
        self._watch = Watch(self._notes, lambda: self._look_around(run_id, mmar, lists))
        self._thread = threading.Thread(
            target=self._writer.work, args=(self._notes,), name="mlflow", daemon=True
        )
        self._thread.start()
        self._watch.start()

    def _recall(self, ctx: Context, run_id: str) -> None:
        """Note what an earlier process could not write any more."""
        for job in ctx.get_prop(ContextKey.HISTORY, []):
            if job.state in jobs.JOB_STATUS and job.state not in _MAY_GO_ON:
                root = None if self._run is None else str(self._run.job(job.name).root)
                self._notes.put(jobs.opening(job, run_id, past=True))
                self._notes.put(jobs.closing(job, root, log=self._log, past=True))
                self._ended.append(job)

    def _look_around(self, run_id: str, mmar: Mmar, lists: list[DataList]) -> None:
        """What takes a while to find out: by the watching thread, not by the engine's."""
        self._note(run_id, facts.of_data(lists))
        self._note(run_id, facts.of_code(mmar.layout.root))

    def _note(self, run_id: str, told: facts.Facts) -> None:
        parameters, tags, files = told
        note = Note("", run_id, self._began, parameters, tags, files)
        self._ledger.add(note, self._run)
        self._notes.put(note)

    def search_space_available(self, ctx: Context) -> None:
        """Note what is searched."""
        run_id = str(ctx.get_prop(ContextKey.RUN_ID))
        self._note(run_id, facts.of_space(ctx.get_prop(ContextKey.SEARCH_SPACE)))

    def start_job(self, ctx: Context) -> None:
        """Open the job's run with its parameters, and look at it while it trains."""
        job = _job_of(ctx)
        self._opened.add(job.name)
        self._notes.put(jobs.opening(job, str(ctx.get_prop(ContextKey.RUN_ID))))
        if self._watch is not None and self._run is not None:
            self._watch.add(job, self._run.job(job.name))

    def pause_job(self, ctx: Context) -> None:
        """It has no process to look at."""
        if self._watch is not None:
            self._watch.remove(ctx.get_prop(ContextKey.JOB_NAME))

    def resume_job(self, ctx: Context) -> None:
        """It has one again."""
        if self._watch is not None and self._run is not None:
            job = _job_of(ctx)
            self._watch.add(job, self._run.job(job.name))

    def end_job(self, ctx: Context) -> None:
        """Close the job's run with its curves, its score and its config."""
        outcome: Outcome = ctx.get_prop(ContextKey.OUTCOME)
        if outcome.job_name not in self._opened:
            # It was paused by an earlier process of this search, and has not gone on.
            self.start_job(ctx)
        if self._watch is not None:
            self._watch.remove(outcome.job_name)
        job = replace(
            _job_of(ctx),
            state=outcome.state,
            ended=time.time(),
            score=outcome.value,
            epoch=outcome.epoch,
            metric=outcome.metric,
            minimised=outcome.minimised,
            failure=outcome.failure,
            exit_status=outcome.exit_status,
            message=outcome.message,
        )
        self._notes.put(jobs.closing(job, ctx.get_prop(ContextKey.JOB_MMAR_ROOT), log=self._log))
        self._ended.append(job)
        self._notes.put(Steps("", tuple(jobs.best_so_far(self._ended))))

    def end_automl(self, ctx: Context) -> None:
        """Close the search's run with its best score."""
        outcome: RunOutcome = ctx.get_prop(ContextKey.RUN_OUTCOME)
        self._outcome = outcome
        self._notes.put(end_of_search(outcome.state, outcome.best, outcome.reason, self._ended))

    def shutdown(self, ctx: Context) -> None:
        """Wait for the thread, but not for ever."""
        if self._thread is None or self._writer is None or self._watch is None:
            return
        self._watch.stop()
        if self._outcome is None:
            # Whatever went wrong: nothing is left RUNNING for ever.
            self._notes.put(Closing(key="", status="KILLED", time=time.time()))
        self._writer.hurry()
        self._notes.put(None)
        self._thread.join(2.0)
        if self._thread.is_alive():
            self._tell("waiting for MLflow to take the last results")
            last = time.monotonic() + LONGEST_WAIT
            written = -1
            while self._thread.is_alive() and written != self._writer.written:
                written = self._writer.written
                self._thread.join(min(PATIENCE, max(0.0, last - time.monotonic())))
        missing = self._writer.missing(self._notes)
        if self._thread.is_alive() or missing:
            self._notify(
                f"MLflow lacks something of {max(1, len(missing))} of this search's runs; "
                "the report has everything, and `mmar-automl sync` sends what is missing"
            )
        elif self._outcome is not None and self._outcome.signal is None:
            self._log_model(self._outcome)

    def _log_model(self, outcome: RunOutcome) -> None:
        if self._writer is None or self._run is None or outcome.best is None:
            return
        if self._writer.has_model(outcome.best):
            return
        log_best_model(
            uri=self._uri,
            job=self._run.job(outcome.best),
            run=self._writer.run_of(outcome.best),
            parent=self._writer.run_of(""),
            register=self._register,
            notify=self._notify,
            tell=self._tell,
        )


def end_of_search(state: RunState, best: str | None, reason: str, ended: list[Job]) -> Closing:
    """The end of a search's run: its best score as it rose, and how many jobs ended how."""
    tags = {"mmar_automl.state": str(state), "mmar_automl.reason": reason}
    if best is not None:
        tags["mmar_automl.best_job"] = best
    now = time.time()
    latest = {job.name: job for job in ended}
    counts = {str(word): 0 for word in (JobState.FINISHED, JobState.FAILED)}
    for job in latest.values():
        counts[str(job.state)] = counts.get(str(job.state), 0) + 1
    steps = jobs.best_so_far(list(latest.values()))
    score = f" Best {steps[-1][1]:.4f}: {best}." if steps and best is not None else ""
    tags["mlflow.note.content"] = f"{len(latest)} jobs, {state}: {reason}.{score}"
    steps += [(f"jobs_{word}", float(count), 0, now) for word, count in counts.items()]
    return Closing(
        key="",
        status=RUN_STATUS[state],
        time=now,
        steps=tuple(steps),
        tags=tags,
        figure=("best_score",),
    )


def _job_of(ctx: Context) -> Job:
    return Job(
        name=ctx.get_prop(ContextKey.JOB_NAME),
        recommendation_id=0,
        worker=ctx.get_prop(ContextKey.WORKER_NAME),
        gpus=tuple(ctx.get_prop(ContextKey.GPUS)),
        attempt=ctx.get_prop(ContextKey.ATTEMPT, 1),
        parameters=dict(ctx.get_prop(ContextKey.NAMED_VALUES)),
        started=ctx.get_prop(ContextKey.JOB_START_TIME),
    )
