"""BaseMMARExecutor: a job MMAR is made, something trains it, its files say the score.

What trains is for a subclass to say: three verbs for a process, or `do_job` for all of it.
"""

from __future__ import annotations

import contextlib
import shutil
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mmar_automl.api import Executor, JobFailed
from mmar_automl.defs import (
    Context,
    ContextKey,
    FailureClass,
    JobState,
    MMARPropKey,
    ProcessStatus,
    Recommendation,
    Score,
    SearchSpace,
)
from mmar_automl.executors.failures import classify, log_end
from mmar_automl.jobs import result
from mmar_automl.jobs.prepare import prepare
from mmar_automl.mmar.layout import MmarLayout, RunLayout
from mmar_automl.mmar.load import Mmar
from mmar_automl.mmar.write import write_json
from mmar_automl.search import parse

GRACE = 10.0
"""Seconds between SIGTERM and SIGKILL."""


@dataclass(frozen=True)
class Patience:
    """How long a job may take, in seconds; None for ever. `stall`: without a sign of life."""

    job: float | None = None
    stall: float | None = None
    grace: float = GRACE


@dataclass
class _Running:
    """A job at work: its process once there is one, and whether it was told to end."""

    told: threading.Event
    process: Any = None
    stopped: bool = False


class BaseMMARExecutor(Executor):
    """Clara's base class of executors over MMARs.

    A subclass gives `submit_process`, `check_process` and `stop_process`, or `do_job`. Every
    `poll_interval` seconds a process is looked at; `remove_search_augs` takes the search sections
    out of a job's config. A subclass's own job is run again when a search is resumed.
    """

    def __init__(self, poll_interval: float = 1.0, remove_search_augs: bool = False) -> None:
        self._poll_interval = poll_interval
        self._remove_search = remove_search_augs
        self._environment: Callable[[str], Mapping[str, str]] = lambda _worker: {}
        self._patience = Patience()
        self._running: dict[str, _Running] = {}
        self._guard = threading.Lock()

    def equip(
        self, environment: Callable[[str], Mapping[str, str]] | None, patience: Patience | None
    ) -> None:
        """What the application knows and a config does not say: the extra environment of a
        worker by its name, and how long a job may take."""
        self._environment = environment or self._environment
        self._patience = patience or self._patience

    def determine_search_space(self, ctx: Context) -> SearchSpace:
        """The space of the base training config."""
        mmar: Mmar = ctx.get_prop(ContextKey.MMAR)
        return parse(mmar.train_config.data)

    def execute(self, recommendation: Recommendation, ctx: Context) -> Score:
        """Make the job MMAR, have its job done, read its score."""
        name: str = ctx.get_prop(ContextKey.JOB_NAME)
        job = RunLayout(Path(ctx.get_prop(ContextKey.AUTOML_ROOT))).job(name)
        record = self._record(recommendation, ctx)
        ctx.set_prop(ContextKey.JOB_MMAR_ROOT, str(job.root))
        running = self._begin(name)
        failed: JobFailed | None = None
        try:
            self._make(recommendation, ctx, job, record)
            note(job, {**record, "state": "running"})
            self.do_job(name, str(job.root), ctx)
        except JobFailed as error:
            failed = error
        finally:
            with self._guard:
                self._running.pop(name, None)
        if running.told.is_set():
            failed = JobFailed("stopped", state=JobState.INTERRUPTED)
        score = result.read_stats(job)
        conclude(job, record, failed.exit_status if failed else 0, score, failed)
        if failed is not None:
            raise failed
        return Score(
            value=score.metric_value,
            epoch=score.epoch,
            metric=score.metric,
            complaint=score.complaint,
            minimised=score.direction == "min",
        )

    def do_job(self, job_name: str, my_mmar_root: str, ctx: Context) -> None:
        """Train the job MMAR at `my_mmar_root` to its end; raise `JobFailed` if that fails.

        By default a process is submitted for its round script, and looked at until it has ended.
        """
        job = MmarLayout(Path(my_mmar_root))
        running = self._begin(job_name)
        process = self.submit_process(job_name, my_mmar_root, str(job.round_script), ctx)
        ctx.set_prop(MMARPropKey.EXEC_SUBPROCESS, process)
        with self._guard:
            running.process = process
        try:
            status = self._await(job_name, process, running, ctx)
        except BaseException:
            # Whatever went wrong, no training goes on that nobody waits for.
            with contextlib.suppress(NotImplementedError):
                self._stop(running, ctx)
            raise
        if status is ProcessStatus.ERROR and not running.told.is_set():
            exit_status = ctx.get_prop(ContextKey.PROCESS_EXIT_STATUS)
            if isinstance(exit_status, int) and exit_status:
                failed = classify(exit_status, log_end(job.log), stopped=False)
                assert failed is not None
                raise failed
            tail = log_end(job.log)
            raise JobFailed("its process failed", failure=FailureClass.EXIT_STATUS, tail=tail)

    def submit_process(
        self, job_name: str, my_mmar_root: str, train_cmd_script: str, ctx: Context
    ) -> object:
        """Start the job's training and return something to know it by."""
        raise NotImplementedError(f"{type(self).__name__} has neither submit_process nor do_job")

    def check_process(self, job_name: str, prc: Any, ctx: Context) -> ProcessStatus:
        """How the process stands that `submit_process` returned.

        An exit status that is set as PROCESS_EXIT_STATUS in `ctx` tells failures apart.
        """
        raise NotImplementedError(f"{type(self).__name__} has no check_process")

    def stop_process(self, prc: Any, ctx: Context) -> None:
        """End the process that `submit_process` returned; called from a thread of its own."""
        raise NotImplementedError(f"{type(self).__name__} has no stop_process")

    def job_environment(self, ctx: Context) -> dict[str, str]:
        """What a job's program should find in its environment, CUDA_VISIBLE_DEVICES included."""
        return {
            "MMAR_ROOT": str(ctx.get_prop(ContextKey.JOB_MMAR_ROOT)),
            **self._environment(ctx.get_prop(ContextKey.WORKER_NAME)),
        }

    def abort(self, ctx: Context) -> None:
        """End the job without blocking."""
        with self._guard:
            running = self._running.get(ctx.get_prop(ContextKey.JOB_NAME))
        if running is not None:
            running.told.set()
            threading.Thread(target=self._stop, args=(running, ctx), daemon=True).start()

    def _begin(self, name: str) -> _Running:
        with self._guard:
            return self._running.setdefault(name, _Running(threading.Event()))

    def _make(
        self, recommendation: Recommendation, ctx: Context, job: MmarLayout, record: dict[str, Any]
    ) -> None:
        """The job MMAR, anew if there is one from before. Raises `JobFailed`."""
        mmar: Mmar = ctx.get_prop(ContextKey.MMAR)
        try:
            if not job.root.parent.is_dir():
                raise FileNotFoundError(f"the run's folder {job.root.parent} is gone")
            # A job of an earlier search process is run again from its beginning.
            shutil.rmtree(job.root, ignore_errors=True)
            prepare(mmar, recommendation, job, record, remove_search=self._remove_search)
        except OSError as error:
            raise could_not_start(error) from error

    def _await(
        self, name: str, process: Any, running: _Running, ctx: Context
    ) -> ProcessStatus | None:
        """Look at a process until it has ended or has to."""
        limit = self._patience.job
        deadline = None if limit is None else time.monotonic() + limit
        while True:
            status = self.check_process(name, process, ctx)
            if not isinstance(status, ProcessStatus):
                raise TypeError(f"check_process returned {status!r}, which is no ProcessStatus")
            if status is not ProcessStatus.RUNNING:
                return status
            if running.told.wait(self._poll_interval):
                self._stop(running, ctx)
                return None
            if deadline is not None and time.monotonic() >= deadline:
                self._stop(running, ctx)
                said = f"timed out after {limit:g} s"
                raise JobFailed(said, failure=FailureClass.TIMED_OUT)

    def _stop(self, running: _Running, ctx: Context) -> None:
        """Have the process ended, once, if there is one: submitted, or set by a `do_job`."""
        with self._guard:
            process = running.process or ctx.get_prop(MMARPropKey.EXEC_SUBPROCESS)
            if process is None or running.stopped:
                return
            running.stopped = True
        self.stop_process(process, ctx)

    @staticmethod
    def _record(recommendation: Recommendation, ctx: Context) -> dict[str, Any]:
        return {
            "name": ctx.get_prop(ContextKey.JOB_NAME),
            "recommendation": recommendation.id,
            "parameters": ctx.get_prop(ContextKey.NAMED_VALUES),
            "worker": ctx.get_prop(ContextKey.WORKER_NAME),
            "gpus": list(ctx.get_prop(ContextKey.GPUS)),
            "attempt": ctx.get_prop(ContextKey.ATTEMPT, 1),
            "state": "starting",
            "started": ctx.get_prop(ContextKey.JOB_START_TIME),
        }


def conclude(
    job: MmarLayout,
    record: dict[str, Any],
    status: int | None,
    score: result.TrainStats,
    failed: JobFailed | None,
) -> None:
    """Write into job.json how the job ended."""
    if failed is not None:
        state = str(failed.state)
    else:
        state = "finished" if score.metric_value is not None else "finished_no_score"
    record.update(
        state=state,
        ended=time.time(),
        exit_status=status,
        score=score.metric_value if failed is None or failed.score is not None else None,
        failure=None if failed is None or failed.failure is None else str(failed.failure),
        message="" if failed is None else str(failed),
    )
    note(job, record)


def note(job: MmarLayout, record: Mapping[str, Any]) -> None:
    """Write job.json if it can be written: the journal has it all, and a full disk shows there."""
    with contextlib.suppress(OSError):
        write_json(job.job, record)


def could_not_start(error: OSError) -> JobFailed:
    """The failure of a job whose MMAR or process could not be made."""
    full = error.errno == 28  # ENOSPC
    return JobFailed(
        f"could not be started: {error}",
        failure=FailureClass.DISK_FULL if full else FailureClass.NOT_STARTED,
    )
