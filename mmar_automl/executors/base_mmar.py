"""BaseMMARExecutor: a job MMAR is made, something trains it, its files say the score.

What trains is for a subclass to say: three verbs for a process, or `do_job` for all of it.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import threading
import time
from collections.abc import Callable, Iterator, Mapping
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
    Outcome,
    ProcessStatus,
    Recommendation,
    Score,
    SearchSpace,
)
from mmar_automl.executors.failures import classify, log_end
from mmar_automl.executors.record import (
    conclude,
    could_not_start,
    note,
    read_record,
    record_of,
    score_of,
)
from mmar_automl.executors.watch import EVERY, ProgressWatch, max_epochs
from mmar_automl.jobs import result
from mmar_automl.jobs.prepare import prepare, prepare_again
from mmar_automl.mmar.layout import MmarLayout, RunLayout
from mmar_automl.mmar.load import Mmar
from mmar_automl.search import parse

GRACE = 10.0
"""Seconds between SIGTERM and SIGKILL."""
_FAREWELL = 5.0
"""Seconds that a process may take to be gone, beyond its grace."""
_SETTLED = ("paused", "interrupted", "failed")
"""States in job.json of a job whose process has ended, and which may go on."""


@dataclass(frozen=True)
class Patience:
    """How long a job may take, in seconds; None for ever. `stall`: without a sign of life."""

    job: float | None = None
    stall: float | None = None
    grace: float = GRACE


@dataclass
class _Running:
    """A job at work: its process once there is one, whether it was told to end, and whether it
    goes on from a checkpoint."""

    told: threading.Event
    process: Any = None
    stopped: bool = False
    again: bool = False


class BaseMMARExecutor(Executor):
    """Clara's base class of executors over MMARs.

    A subclass gives `submit_process`, `check_process` and `stop_process`, or `do_job`. Every
    `poll_interval` seconds a process is looked at; `remove_search_augs` takes the search sections
    out of a job's config. When a search is resumed, a job whose end was seen goes on where it
    was; any other is run again.
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
        worker by its name, and how long a job may take. Raises `AttributeError` for a subclass
        whose `__init__` leaves ours out."""
        if not hasattr(self, "_guard"):
            raise AttributeError("super().__init__() was not called")
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
        record = record_of(recommendation, ctx)
        ctx.set_prop(ContextKey.JOB_MMAR_ROOT, str(job.root))
        running = self._begin(name)
        failed: JobFailed | None = None
        try:
            running.again = self._make(recommendation, ctx, job, record)
            note(job, {**record, "state": "running"})
            with self._watching(job, ctx):
                self.do_job(name, str(job.root), ctx)
        except JobFailed as error:
            failed = error
        finally:
            with self._guard:
                self._running.pop(name, None)
        stats = result.read_stats(job)
        if running.told.is_set():
            # By the search, or by a pruner; for the latter, what it had by then is its score.
            cut = ctx.get_prop(ContextKey.CUT)
            state, why = cut or (JobState.INTERRUPTED, "stopped with the search")
            failed = JobFailed(why, state=state, score=score_of(stats) if cut else None)
        conclude(job, record, failed.exit_status if failed else 0, stats, failed)
        if failed is not None:
            raise failed
        return score_of(stats)

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
        """The whole environment for a job's program: CUDA_VISIBLE_DEVICES included, and
        MMAR_RESUME for one that may go on from its checkpoint."""
        return {
            **os.environ,
            "MMAR_ROOT": str(ctx.get_prop(ContextKey.JOB_MMAR_ROOT)),
            **self._environment(ctx.get_prop(ContextKey.WORKER_NAME)),
            **({"MMAR_RESUME": "1"} if self._goes_on(ctx) else {}),
        }

    def abort(self, ctx: Context) -> None:
        """End the job without blocking."""
        with self._guard:
            running = self._running.get(ctx.get_prop(ContextKey.JOB_NAME))
        if running is not None:
            running.told.set()
            threading.Thread(target=self._stop, args=(running, ctx), daemon=True).start()

    def give_up(self, ctx: Context) -> None:
        """Say in the job's folder that a paused job is pruned."""
        name: str = ctx.get_prop(ContextKey.JOB_NAME)
        job = RunLayout(Path(ctx.get_prop(ContextKey.AUTOML_ROOT))).job(name)
        ctx.set_prop(ContextKey.JOB_MMAR_ROOT, str(job.root))
        outcome: Outcome = ctx.get_prop(ContextKey.OUTCOME)
        record = read_record(job)
        if record:
            note(job, {**record, "state": str(outcome.state)})

    def _begin(self, name: str) -> _Running:
        with self._guard:
            return self._running.setdefault(name, _Running(threading.Event()))

    def _goes_on(self, ctx: Context) -> bool:
        """Whether the job has trained before, and its folder is the one it had."""
        with self._guard:
            running = self._running.get(ctx.get_prop(ContextKey.JOB_NAME))
        return running is not None and running.again

    def _make(
        self, recommendation: Recommendation, ctx: Context, job: MmarLayout, record: dict[str, Any]
    ) -> bool:
        """The job MMAR; whether it is the one from before, with its checkpoint. Raises
        `JobFailed`."""
        mmar: Mmar = ctx.get_prop(ContextKey.MMAR)
        try:
            if not job.root.parent.is_dir():
                raise FileNotFoundError(f"the run's folder {job.root.parent} is gone")
            if read_record(job).get("state") in _SETTLED and prepare_again(job):
                return True
            # Whether anybody still trains in it, nobody here can tell.
            shutil.rmtree(job.root, ignore_errors=True)
            prepare(mmar, recommendation, job, record, remove_search=self._remove_search)
        except OSError as error:
            raise could_not_start(error) from error
        return False

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
                self._see_off(name, process, ctx)
                return None
            if deadline is not None and time.monotonic() >= deadline:
                self._stop(running, ctx)
                self._see_off(name, process, ctx)
                said = f"timed out after {limit:g} s"
                raise JobFailed(said, failure=FailureClass.TIMED_OUT)

    def _see_off(self, name: str, process: Any, ctx: Context) -> None:
        """Wait until a process that was told to end has: it may be writing its checkpoint and
        its score, and a job that goes on must not meet its predecessor."""
        deadline = time.monotonic() + self._patience.grace + _FAREWELL
        # One that was ended need not be there to be asked about.
        with contextlib.suppress(Exception):
            while self.check_process(name, process, ctx) is ProcessStatus.RUNNING:
                if time.monotonic() >= deadline:
                    return
                time.sleep(self._poll_interval)

    def _stop(self, running: _Running, ctx: Context) -> None:
        """Have the process ended, once, if there is one: submitted, or set by a `do_job`."""
        with self._guard:
            process = running.process or ctx.get_prop(MMARPropKey.EXEC_SUBPROCESS)
            if process is None or running.stopped:
                return
            running.stopped = True
        self.stop_process(process, ctx)

    @contextlib.contextmanager
    def _watching(self, job: MmarLayout, ctx: Context) -> Iterator[None]:
        """Meanwhile a pruner, where there is one, hears how the job is doing.

        By a thread of its own: a `do_job` comes back only at the end, and `poll_interval` is the
        time between two questions to a cluster, say.
        """
        watch = self._watch(job, ctx)
        if watch is None:
            yield
            return
        over = threading.Event()

        def look() -> None:
            while not over.wait(EVERY):
                watch.look()
            watch.look()

        thread = threading.Thread(target=look, name=f"watch {job.root.name}", daemon=True)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()

    @staticmethod
    def _watch(job: MmarLayout, ctx: Context) -> ProgressWatch | None:
        """Who tells a pruner how the job is doing, where there is one."""
        if not ctx.wants_progress():
            return None
        mmar: Mmar = ctx.get_prop(ContextKey.MMAR)
        return ProgressWatch(job, ctx, max_epochs(job, dict(mmar.job_overrides())))
