"""MMARExecutor: a recommendation becomes a job MMAR, and its round script a score."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from mmar_automl.api import Handle, JobFailed, Launcher
from mmar_automl.defs import (
    Context,
    ContextKey,
    FailureClass,
    JobState,
    ProcessStatus,
    Recommendation,
    Score,
)
from mmar_automl.executors.base_mmar import BaseMMARExecutor, Patience
from mmar_automl.executors.command import round_command
from mmar_automl.executors.failures import classify, log_end
from mmar_automl.executors.local import LocalLauncher
from mmar_automl.executors.record import (
    conclude,
    could_not_start,
    note,
    read_record,
    record_of,
    score_of,
)
from mmar_automl.executors.watch import EVERY, ProgressWatch
from mmar_automl.jobs import result
from mmar_automl.jobs.prepare import prepare, prepare_again
from mmar_automl.mmar.layout import MmarLayout, RunLayout
from mmar_automl.mmar.load import Mmar


class MMARExecutor(BaseMMARExecutor):
    """Clara's executor of local MMARs.

    `remove_search_augs` takes the search sections out of a job's config. `msg_destination` and
    `poll_interval` are accepted for Clara's sake: the output always goes to the job's log, and
    nothing is polled. `environment` gives the extra environment of a worker by its name. A
    subclass may replace `do_job`, or any of the three verbs for a process; its jobs are then run
    as `BaseMMARExecutor` runs them.
    """

    def __init__(
        self,
        msg_destination: str = "file",
        remove_search_augs: bool = False,
        poll_interval: float = 1.0,
        *,
        launcher: Launcher | None = None,
        environment: Callable[[str], Mapping[str, str]] | None = None,
        patience: Patience | None = None,
    ) -> None:
        super().__init__(poll_interval, remove_search_augs)
        self.equip(environment, patience)
        self._launcher: Launcher = launcher or LocalLauncher()
        self._handles: dict[str, Handle] = {}
        self._aborted: dict[str, int] = {}
        self._lock = threading.Lock()

    def execute(self, recommendation: Recommendation, ctx: Context) -> Score:
        """Make the job MMAR, run its round script, read its score.

        A job of an earlier search process (LEFT_OVER) that still runs is taken over; one that
        ended meanwhile is read; one that is gone goes on from its checkpoint.
        """
        name: str = ctx.get_prop(ContextKey.JOB_NAME)
        if self._is_replaced():
            try:
                return super().execute(recommendation, ctx)
            finally:
                with self._lock:
                    self._handles.pop(name, None)
        job = RunLayout(Path(ctx.get_prop(ContextKey.AUTOML_ROOT))).job(name)
        record = record_of(recommendation, ctx)
        ctx.set_prop(ContextKey.JOB_MMAR_ROOT, str(job.root))
        status: int | None = None
        cut_short: JobFailed | None = None
        left_over = ctx.get_prop(ContextKey.LEFT_OVER)
        if left_over and ctx.get_prop(ContextKey.CUT) is not None:
            self._end_left_over(ctx, name, job)
        elif left_over and self._ended_meanwhile(job):
            status = int(job.exit_status.read_text())
        else:
            handle = self._start(recommendation, ctx, job, record)
            try:
                record.update(state="running", pid=handle.pid, process_started=handle.started)
                note(job, record)
                status, cut_short = self._wait(handle, job, self._watch(job, ctx))
            except BaseException:
                # Whatever went wrong, no training goes on that nobody waits for.
                self._launcher.cancel(handle, 0.0)
                raise
            status = _recorded(job) if status is None else status
        with self._lock:
            aborted = self._aborted.pop(name, 0)
            self._handles.pop(name, None)
        cut = ctx.get_prop(ContextKey.CUT)
        over = left_over and cut is not None
        if not over and (cut_short is None or aborted):
            cut_short = classify(status, log_end(job.log), stopped=bool(aborted))
        stats = result.read_stats(job)
        score = score_of(stats)
        if cut is not None and (cut_short is None or cut_short.state is not JobState.FAILED):
            # It was told to end; what it had by then is its score.
            state, reason = cut
            cut_short = JobFailed(reason, state=state, exit_status=status, score=score)
        conclude(job, record, status, stats, cut_short)
        if cut_short is not None:
            raise cut_short
        return score

    def abort(self, ctx: Context) -> None:
        """End the job's tree without blocking; asked a second time, at once."""
        if self._is_replaced():
            super().abort(ctx)
            return
        name: str = ctx.get_prop(ContextKey.JOB_NAME)
        with self._lock:
            asked = self._aborted[name] = self._aborted.get(name, 0) + 1
            handle = self._handles.get(name)
        if handle is not None:
            grace = self._patience.grace if asked == 1 else 0.0
            threading.Thread(
                target=self._launcher.cancel, args=(handle, grace), name=f"cancel {name}"
            ).start()

    def shutdown(self, ctx: Context) -> None:
        """Nobody is left: what still runs is ended, and what jobs left behind."""
        with self._lock:
            handles = list(self._handles.values())
        for handle in handles:
            self._launcher.cancel(handle, 0.0)
        if isinstance(self._launcher, LocalLauncher):
            self._launcher.close()

    def submit_process(
        self, job_name: str, my_mmar_root: str, train_cmd_script: str, ctx: Context
    ) -> object:
        """Start a script of the job MMAR, by bash, in the job's own `commands/`."""
        mmar: Mmar = ctx.get_prop(ContextKey.MMAR)
        command = round_command(
            MmarLayout(Path(my_mmar_root)),
            f"{self._token(job_name, ctx)}#{ctx.get_prop(ContextKey.ATTEMPT, 1)}",
            mmar.job_overrides(),
            self._environment(ctx.get_prop(ContextKey.WORKER_NAME)),
            again=self._goes_on(ctx),
            script=Path(my_mmar_root, train_cmd_script),
        )
        try:
            handle = self._launcher.submit(command, ctx.get_prop(ContextKey.GPUS, []))
        except OSError as error:
            raise could_not_start(error) from error
        with self._lock:
            self._handles[job_name] = handle
        return handle

    def check_process(self, job_name: str, prc: Any, ctx: Context) -> ProcessStatus:
        """How the process stands; its exit status goes into `ctx`."""
        state = self._launcher.poll([prc])[prc.token]
        if state.running:
            return ProcessStatus.RUNNING
        ctx.set_prop(ContextKey.PROCESS_EXIT_STATUS, state.exit_status)
        return ProcessStatus.SUCCESS if state.exit_status == 0 else ProcessStatus.ERROR

    def stop_process(self, prc: Any, ctx: Context) -> None:
        """End the job's whole tree."""
        self._launcher.cancel(prc, self._patience.grace)

    def _is_replaced(self) -> bool:
        """Whether a subclass does part of a job itself."""
        return any(
            getattr(type(self), verb) is not getattr(MMARExecutor, verb)
            for verb in ("do_job", "submit_process", "check_process", "stop_process")
        )

    @staticmethod
    def _token(name: str, ctx: Context) -> str:
        """What a job's processes are known by, whichever search process looks for them."""
        place = ctx.get_prop(ContextKey.JOB_MMAR_ROOT)
        return f"{ctx.get_prop(ContextKey.RUN_TOKEN, place)}/{name}"

    def _end_left_over(self, ctx: Context, name: str, job: MmarLayout) -> None:
        """End what still runs of a job that was to be cut when its search died."""
        handle = self._adopt(name, self._token(name, ctx))
        if handle is not None:
            self._launcher.cancel(handle, self._patience.grace)

    def _start(
        self, recommendation: Recommendation, ctx: Context, job: MmarLayout, record: dict[str, Any]
    ) -> Handle:
        """Take over the job's process or start it. Raises `JobFailed`."""
        mmar: Mmar = ctx.get_prop(ContextKey.MMAR)
        name: str = ctx.get_prop(ContextKey.JOB_NAME)
        attempt = ctx.get_prop(ContextKey.ATTEMPT, 1)
        token = self._token(name, ctx)
        try:
            again = False
            if attempt > 1:
                adopted = self._adopt(name, token)
                if adopted is not None:
                    return adopted
                again = prepare_again(job)
            if not again:
                if not job.root.parent.is_dir():
                    raise FileNotFoundError(f"the run's folder {job.root.parent} is gone")
                prepare(mmar, recommendation, job, record, remove_search=self._remove_search)
            environment = self._environment(ctx.get_prop(ContextKey.WORKER_NAME))
            command = round_command(
                job, f"{token}#{attempt}", mmar.job_overrides(), environment, again=again
            )
            with self._lock:
                if name in self._aborted:
                    raise JobFailed("stopped before it started", state=JobState.INTERRUPTED)
                handle = self._launcher.submit(command, ctx.get_prop(ContextKey.GPUS, []))
                self._handles[name] = handle
        except OSError as error:
            raise could_not_start(error) from error
        return handle

    def _adopt(self, name: str, token: str) -> Handle | None:
        handle = self._launcher.adopt(token)
        if handle is not None:
            with self._lock:
                self._handles[name] = handle
        elif isinstance(self._launcher, LocalLauncher):
            self._launcher.orphans(token)
        return handle

    def _ended_meanwhile(self, job: MmarLayout) -> bool:
        """Whether the job of an earlier search process ended by itself, unseen."""
        record = read_record(job)
        return record.get("state") == "running" and _recorded(job) is not None

    def _wait(
        self, handle: Handle, job: MmarLayout, watch: ProgressWatch | None
    ) -> tuple[int | None, JobFailed | None]:
        """Wait for the process to end, or end it once patience does."""
        patience = self._patience
        while True:
            if watch is not None:
                watch.look()
            now = time.time()
            left = None if patience.job is None else handle.started + patience.job - now
            quiet = (
                None if patience.stall is None else self._alive(job, handle) + patience.stall - now
            )
            reached = left is not None and left <= 0
            if reached or (quiet is not None and quiet <= 0):
                self._launcher.cancel(handle, patience.grace)
                self._launcher.poll([handle], timeout=None)
                said = (
                    f"timed out after {patience.job:g} s"
                    if reached
                    else f"stalled: nothing new in its log for {patience.stall:g} s"
                )
                failure = FailureClass.TIMED_OUT if reached else FailureClass.STALLED
                return None, JobFailed(said, failure=failure, tail=log_end(job.log))
            waits = [seconds for seconds in (left, quiet) if seconds is not None]
            if watch is not None:
                waits.append(EVERY)
            state = self._launcher.poll([handle], timeout=min(waits, default=None))[handle.token]
            if not state.running:
                if watch is not None:
                    watch.look()
                return state.exit_status, None

    @staticmethod
    def _alive(job: MmarLayout, handle: Handle) -> float:
        """When the job last gave a sign of life."""
        signs = [handle.started]
        for file in (job.log, job.progress):
            try:
                signs.append(file.stat().st_mtime)
            except OSError:
                continue
        return max(signs)


def _recorded(job: MmarLayout) -> int | None:
    """The exit status that the round script left, if it came that far."""
    try:
        return int(job.exit_status.read_text())
    except (OSError, ValueError):
        return None
