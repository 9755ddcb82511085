"""MMARExecutor: a recommendation becomes a job MMAR, and its round script a score."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from mmar_automl.api import Executor, Handle, JobFailed, Launcher
from mmar_automl.defs import (
    Context,
    ContextKey,
    FailureClass,
    JobState,
    Recommendation,
    Score,
    SearchSpace,
)
from mmar_automl.executors.command import round_command
from mmar_automl.executors.local import LocalLauncher
from mmar_automl.jobs import result
from mmar_automl.jobs.prepare import prepare
from mmar_automl.mmar.layout import RunLayout
from mmar_automl.mmar.load import Mmar
from mmar_automl.mmar.write import write_json
from mmar_automl.search import parse

GRACE = 10.0
"""Seconds between SIGTERM and SIGKILL."""
_TAIL_BYTES = 16_384
_TAIL_LINES = 12
_OUT_OF_MEMORY = (
    "OutOfMemoryError",
    "CUDA out of memory",
    "DefaultCPUAllocator: can't allocate memory",
    "MemoryError",
    "std::bad_alloc",
)


class MMARExecutor(Executor):
    """Clara's executor of local MMARs.

    `remove_search_augs` takes the search sections out of a job's config. `msg_destination` and
    `poll_interval` are accepted for Clara's sake: the output always goes to the job's log, and
    nothing is polled. `environment` gives the extra environment of a worker by its name.
    """

    def __init__(
        self,
        msg_destination: str = "file",
        remove_search_augs: bool = False,
        poll_interval: float = 1.0,
        *,
        launcher: Launcher | None = None,
        environment: Callable[[str], Mapping[str, str]] | None = None,
    ) -> None:
        self._remove_search = remove_search_augs
        self._launcher: Launcher = launcher or LocalLauncher()
        self._environment = environment or (lambda _worker: {})
        self._handles: dict[str, Handle] = {}
        self._aborted: dict[str, int] = {}
        self._lock = threading.Lock()

    def determine_search_space(self, ctx: Context) -> SearchSpace:
        """The space of the base training config."""
        mmar: Mmar = ctx.get_prop(ContextKey.MMAR)
        return parse(mmar.train_config.data)

    def execute(self, recommendation: Recommendation, ctx: Context) -> Score:
        """Make the job MMAR, run its round script, read its score."""
        name: str = ctx.get_prop(ContextKey.JOB_NAME)
        job = RunLayout(Path(ctx.get_prop(ContextKey.AUTOML_ROOT))).job(name)
        record = self._record(recommendation, ctx)
        mmar: Mmar = ctx.get_prop(ContextKey.MMAR)
        try:
            prepare(mmar, recommendation, job, record, remove_search=self._remove_search)
            ctx.set_prop(ContextKey.JOB_MMAR_ROOT, str(job.root))
            environment = self._environment(ctx.get_prop(ContextKey.WORKER_NAME))
            command = round_command(job, str(job.root), mmar.job_overrides(), environment)
            handle = self._submit(name, command, ctx)
        except OSError as error:
            raise JobFailed(
                f"could not be started: {error}", failure=FailureClass.NOT_STARTED
            ) from error
        record.update(state="running", pid=handle.pid, process_started=handle.started)
        write_json(job.job, record)
        state = self._launcher.poll([handle], timeout=None)[handle.token]
        with self._lock:
            aborted = self._aborted.pop(name, 0)
            self._handles.pop(name, None)
        status = state.exit_status
        score = result.read_stats(job)
        failed = self._failure(status, aborted, _tail(job.log))
        if failed is None:
            ended = "finished" if score.metric_value is not None else "finished_no_score"
        else:
            ended = str(failed.state)
        record.update(
            state=ended,
            ended=time.time(),
            exit_status=status,
            score=None if failed else score.metric_value,
            failure=None if failed is None or failed.failure is None else str(failed.failure),
        )
        write_json(job.job, record)
        if failed is not None:
            raise failed
        return Score(
            value=score.metric_value,
            epoch=score.epoch,
            metric=score.metric,
            complaint=score.complaint,
        )

    def abort(self, ctx: Context) -> None:
        """End the job's tree without blocking; asked a second time, at once."""
        name: str = ctx.get_prop(ContextKey.JOB_NAME)
        with self._lock:
            asked = self._aborted[name] = self._aborted.get(name, 0) + 1
            handle = self._handles.get(name)
        if handle is not None:
            self._cancel(handle, GRACE if asked == 1 else 0.0)

    def _submit(self, name: str, command: Any, ctx: Context) -> Handle:
        """Start the job, unless an abort came first; one that comes meanwhile is carried out."""
        with self._lock:
            if name in self._aborted:
                raise JobFailed("stopped before it started", state=JobState.INTERRUPTED)
            handle = self._launcher.submit(command, ctx.get_prop(ContextKey.GPUS, []))
            self._handles[name] = handle
        return handle

    def _cancel(self, handle: Handle, grace: float) -> None:
        threading.Thread(
            target=self._launcher.cancel, args=(handle, grace), name=f"cancel {handle.pid}"
        ).start()

    def _record(self, recommendation: Recommendation, ctx: Context) -> dict[str, Any]:
        return {
            "name": ctx.get_prop(ContextKey.JOB_NAME),
            "recommendation": recommendation.id,
            "parameters": ctx.get_prop(ContextKey.NAMED_VALUES),
            "worker": ctx.get_prop(ContextKey.WORKER_NAME),
            "gpus": list(ctx.get_prop(ContextKey.GPUS)),
            "state": "starting",
            "started": ctx.get_prop(ContextKey.JOB_START_TIME),
        }

    def _failure(self, status: int | None, aborted: int, tail: str) -> JobFailed | None:
        """How the job failed, from its exit status and the end of its log; None if it did not."""
        if aborted:
            return JobFailed(
                "stopped with the search", state=JobState.INTERRUPTED, exit_status=status, tail=tail
            )
        if status == 0:
            return None
        failure = FailureClass.EXIT_STATUS
        message = f"ended with exit status {status}"
        # A shell reports a child's signal as 128 + n; both ways of reading it are one fact.
        number = -status if status is not None and status < 0 else (status or 0) - 128
        if number in (
            signal.SIGKILL,
            signal.SIGTERM,
            signal.SIGSEGV,
            signal.SIGBUS,
            signal.SIGABRT,
        ):
            failure = FailureClass.KILLED
            often = " (often: out of memory)" if number == signal.SIGKILL else ""
            message = f"killed by signal {int(number)}{often}"
        elif any(word in tail for word in _OUT_OF_MEMORY):
            failure = FailureClass.OUT_OF_MEMORY
            message = f"out of memory (exit status {status})"
        return JobFailed(message, failure=failure, exit_status=status, tail=tail)


def _tail(log: Path) -> str:
    """The last lines of a log of any size and encoding."""
    try:
        with log.open("rb") as file:
            file.seek(0, 2)
            file.seek(max(0, file.tell() - _TAIL_BYTES))
            text = file.read().decode("utf-8", errors="replace")
    except OSError:
        return ""
    lines = [line.rstrip()[:400] for line in text.splitlines() if line.strip()]
    return "\n".join(lines[-_TAIL_LINES:])
