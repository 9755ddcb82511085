"""The bag of properties that plug-ins see, and the keys in it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

TRACE_DESTINATIONS = ("console", "file", "both")


class ContextKey:
    """The keys that Clara names, with Clara's values: user code also writes the raw strings."""

    CONCRETE_SEARCH_VALUE = "_concreteSearchValue"
    GPUS = "_gpus"
    JOB_NAME = "_jobName"
    JOB_STATUS = "_jobStatus"
    NUM_WORKERS = "_numWorkers"
    PROCESS_EXIT_STATUS = "_processExitStatus"
    RECOMMENDATION = "_recommendation"
    RECOMMENDATIONS = "_recommendations"
    SCORE = "_score"
    SEARCH_SPACE = "_searchSpace"
    TRACE_DEST_FILE = "_traceDestFile"
    TRACE_DEST_TYPE = "_traceDestType"

    # What ours add. OUTCOME is the honest form of SCORE and JOB_STATUS.
    ATTEMPT = "_attempt"
    AUTOML_ROOT = "_automlRoot"
    CUT = "_cut"
    """Why a job is being ended early: the state that it will have, and the reason."""
    HISTORY = "_history"
    JOB_MMAR_ROOT = "_jobMmarRoot"
    JOB_START_TIME = "_jobStartTime"
    LEFT_OVER = "_leftOver"
    LIMITS = "_limits"
    MMAR = "_mmar"
    MMAR_ROOT = "_mmarRoot"
    NAMED_VALUES = "_namedValues"
    OUTCOME = "_outcome"
    PROPOSED = "_proposed"
    RUN_ID = "_runId"
    RUN_OUTCOME = "_runOutcome"
    RUN_ROOT = "_runRoot"
    RUN_TOKEN = "_runToken"
    WORKER_NAME = "_workerName"
    WORKERS = "_workers"


class MMARPropKey:
    """The keys of Clara's `medl.apps.automl.constants`: where a search over an MMAR is at work."""

    AUTOML_ROOT = ContextKey.AUTOML_ROOT
    EXEC_SUBPROCESS = "_execSubprocess"
    JOB_MMAR_ROOT = ContextKey.JOB_MMAR_ROOT
    JOB_START_TIME = ContextKey.JOB_START_TIME
    MMAR_ROOT = ContextKey.MMAR_ROOT
    RUN_ROOT = ContextKey.RUN_ROOT


class Context:
    """Properties with live inheritance: a read falls through to the parent, a write stays here.

    `stop_work` reaches the outermost context whichever one it is called on. Safe to use from
    several threads.
    """

    def __init__(self, parent: Context | None = None) -> None:
        self._parent = parent
        self._props: dict[str, Any] = {}
        self._lock = threading.Lock()
        self._modules: list[Any] = []
        self._stop: tuple[str, str] | None = None
        self._on_stop: Callable[[str, str], None] | None = None
        self._on_trace: Callable[[str, str, bool], None] | None = None
        self._on_progress: Callable[[str, int, float | None, int | None, bool], None] | None = None

    def get_prop(self, key: str, default: Any = None) -> Any:
        """The value of `key` here or in the nearest parent that has it."""
        with self._lock:
            if key in self._props:
                return self._props[key]
        return default if self._parent is None else self._parent.get_prop(key, default)

    def set_prop(self, key: str, value: Any) -> None:
        """Set `key` here; parents do not see it."""
        with self._lock:
            self._props[key] = value

    def stop_work(self, issuer: object, msg: str) -> None:
        """Ask the engine to end the search: nothing new starts, running jobs finish."""
        root = self._root()
        with root._lock:
            first = root._stop is None
            if first:
                root._stop = (_name_of(issuer), msg)
        if first and root._on_stop is not None:
            root._on_stop(_name_of(issuer), msg)

    def ask_to_stop(self, issuer: object = "a component", msg: str = "it asked for it") -> None:
        """`stop_work`, by the name and without the arguments that Clara's page on controllers
        has for it."""
        self.stop_work(issuer, msg)

    def stop_work_asked(self) -> bool:
        """Whether anyone has called `stop_work`."""
        return self._root()._stop is not None

    def get_stop_message(self) -> str | None:
        """The reason given to the first `stop_work`."""
        stop = self._root()._stop
        return None if stop is None else stop[1]

    def forget_stop(self) -> None:
        """Take back what was asked while a resumed search's history was given back."""
        root = self._root()
        with root._lock:
            root._stop = None

    def exception_occurred(self, issuer: object, msg: str | None = None) -> None:
        """Report a fault that should end the search."""
        self.stop_work(issuer, msg or "an exception occurred")

    def trace(self, issuer: object, msg: str, print_to_console: bool = False) -> None:
        """Write a line to the run's trace, and to the console if asked."""
        root = self._root()
        if root._on_trace is not None:
            root._on_trace(_name_of(issuer), msg, print_to_console)

    def wants_progress(self) -> bool:
        """Whether anybody listens to `report_progress`."""
        return self._root()._on_progress is not None

    def report_progress(
        self,
        epoch: int,
        score: float | None,
        max_epochs: int | None = None,
        *,
        minimised: bool = False,
    ) -> None:
        """Say how the job of this context is doing: its score at an epoch, higher is better.

        For executors. A pruner may then have the job ended, by `Executor.abort`.
        """
        listener = self._root()._on_progress
        if listener is not None:
            name = str(self.get_prop(ContextKey.JOB_NAME))
            listener(name, epoch, score, max_epochs, minimised)

    def set_trace(self, dest: str, file_name: str | None = None) -> None:
        """Where the trace goes from now on: `console`, `file` or `both`; the file's name."""
        if dest not in TRACE_DESTINATIONS:
            raise ValueError(f"{dest!r} is none of {', '.join(TRACE_DESTINATIONS)}")
        root = self._root()
        root.set_prop(ContextKey.TRACE_DEST_TYPE, dest)
        if file_name:
            root.set_prop(ContextKey.TRACE_DEST_FILE, file_name)

    def close_trace(self) -> None:
        """Trace nothing any more."""
        self._root().set_prop(ContextKey.TRACE_DEST_TYPE, "none")

    def add_command_module(self, module: Any) -> None:
        """Offer the commands of a `CommandModule` on the admin console."""
        root = self._root()
        with root._lock:
            root._modules.append(module)

    @property
    def command_modules(self) -> list[Any]:
        """What was given to `add_command_module`."""
        root = self._root()
        with root._lock:
            return list(root._modules)

    def connect(
        self,
        *,
        on_stop: Callable[[str, str], None] | None = None,
        on_trace: Callable[[str, str, bool], None] | None = None,
        on_progress: Callable[[str, int, float | None, int | None, bool], None] | None = None,
    ) -> None:
        """Wire the outermost context to whoever listens; called once, where the run is built."""
        if on_stop is not None:
            self._on_stop = on_stop
        if on_trace is not None:
            self._on_trace = on_trace
        if on_progress is not None:
            self._on_progress = on_progress

    def _root(self) -> Context:
        return self if self._parent is None else self._parent._root()


def _name_of(issuer: object) -> str:
    return issuer if isinstance(issuer, str) else type(issuer).__name__
