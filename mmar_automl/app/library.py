"""The engine as a library, in the words of Clara's `automl.workflows`: no MMAR, no command line.

A program brings its own controller, executor and handlers and calls `Engine.run`. What it
searches over is whatever its executor says.
"""

from __future__ import annotations

import contextlib
import logging
import socket
import tempfile
import threading
from collections.abc import Sequence
from pathlib import Path

from mmar_automl.api import (
    CommandModule,
    CommandModuleSpec,
    CommandSpec,
    Controller,
    Executor,
    Handler,
    Reply,
    Worker,
)
from mmar_automl.defs import Context, ContextKey, RunOutcome
from mmar_automl.engine.admin import COMMANDS, Admin
from mmar_automl.engine.console import Console, Refused
from mmar_automl.engine.journal import Journal
from mmar_automl.engine.limits import Limits
from mmar_automl.engine.run import Engine as Loop
from mmar_automl.engine.scheduler import FifoScheduler
from mmar_automl.errors import BadInput
from mmar_automl.handlers.trace import TraceHandler

log = logging.getLogger("mmar_automl")

WorkerConfig = Worker
"""Clara's name: `WorkerConfig("W1", [0, 1])`."""


class Engine:
    """Clara's engine. Times are in seconds.

    `max_job_run_time` has the executor abort a job that takes longer, `max_sys_run_time` ends the
    search. `job_poll_interval` is accepted: nothing is polled. `admin_port` serves the admin
    console on this machine's loopback, with a notice instead where it cannot be had; None: none.
    """

    def __init__(
        self,
        worker_configs: Sequence[Worker],
        controller: Controller,
        executor: Executor,
        handlers: Sequence[Handler] | None = None,
        job_poll_interval: float = 1.0,
        trace: bool = False,
        max_job_run_time: float | None = None,
        max_sys_run_time: float | None = None,
        admin_port: int | None = 33330,
    ) -> None:
        if not worker_configs:
            raise BadInput("an engine needs a worker")
        self._folder = tempfile.TemporaryDirectory(prefix="mmar-automl-")
        self._admin_port = admin_port
        self._trace = trace
        extra: list[Handler] = [TraceHandler()] if trace else []
        if max_job_run_time is not None:
            extra.append(_TimeLimit(executor, max_job_run_time))
        self.loop = Loop(
            run_id="search",
            workers=[Worker(worker.name, tuple(worker.gpus)) for worker in worker_configs],
            controller=controller,
            executor=executor,
            handlers=[*extra, *(handlers or ())],
            scheduler=FifoScheduler(),
            journal=Journal(Path(self._folder.name, "journal.jsonl")),
            report=log.warning,
            limits=Limits(max_time=max_sys_run_time),
        )

    def run(self, ctx: Context) -> RunOutcome:
        """Search to the end; `shutdown` of everything brought is called on the way."""
        if self._trace:
            ctx.connect(on_trace=lambda who, said, _aloud: log.info("%s: %s", who, said))
        if ctx.get_prop(ContextKey.AUTOML_ROOT) is None:
            ctx.set_prop(ContextKey.AUTOML_ROOT, self._folder.name)
        console = None
        if self._admin_port is not None:
            console = start_admin(self, self._admin_port, ctx)
        try:
            return self.loop.run(ctx)
        finally:
            if console is not None:
                console.close()

    def ask_to_stop(self) -> None:
        """Nothing new starts, running jobs finish."""
        self.loop.ask_to_stop("the program", "ask_to_stop was called")

    def shutdown(self, ctx: Context | None = None) -> None:
        """Forget what was written meanwhile; what was brought has been shut down by `run`."""
        self._folder.cleanup()


class _TimeLimit(Handler):
    """Has the executor abort a job that takes too long."""

    def __init__(self, executor: Executor, seconds: float) -> None:
        self._executor, self._seconds = executor, seconds
        self._timers: dict[str, threading.Timer] = {}

    def start_job(self, ctx: Context) -> None:
        timer = threading.Timer(self._seconds, self._executor.abort, (ctx,))
        timer.daemon = True
        self._timers[ctx.get_prop(ContextKey.JOB_NAME)] = timer
        timer.start()

    def end_job(self, ctx: Context) -> None:
        self._timers.pop(ctx.get_prop(ContextKey.JOB_NAME)).cancel()


class AutomlCommandModule(CommandModule):
    """Clara's admin commands of an engine; each answers into `conn`."""

    def __init__(self, engine: Engine) -> None:
        self._admin = Admin(engine.loop)

    def get_spec(self) -> CommandModuleSpec:
        """The commands, with what `help` says of them."""
        names = ("list_workers", "show_worker", "suspend_worker", "resume_worker", "abort_worker")
        return CommandModuleSpec(
            "automl",
            [
                CommandSpec(name, COMMANDS[name].summary, name, getattr(self, f"handle_{name}"))
                for name in (*names, "stop")
            ],
        )

    def handle_list_workers(self, conn: Reply, args: list[str]) -> None:
        self._answer(conn, args)

    def handle_show_worker(self, conn: Reply, args: list[str]) -> None:
        self._answer(conn, args)

    def handle_suspend_worker(self, conn: Reply, args: list[str]) -> None:
        self._answer(conn, args)

    def handle_resume_worker(self, conn: Reply, args: list[str]) -> None:
        self._answer(conn, args)

    def handle_abort_worker(self, conn: Reply, args: list[str]) -> None:
        self._answer(conn, args)

    def handle_stop(self, conn: Reply, args: list[str]) -> None:
        self._answer(conn, args)

    def _answer(self, conn: Reply, args: list[str]) -> None:
        try:
            conn.append_string(self._admin.answer(args))
        except Refused as refused:
            conn.append_error(" ".join(filter(None, (str(refused), refused.hint))))


def start_admin(engine: Engine, admin_port: int, ctx: Context) -> Console | None:
    """Serve an engine's console; None, with a notice, where that cannot be done."""
    file = Path(ctx.get_prop(ContextKey.AUTOML_ROOT), "console.json")
    listening = None
    try:
        with contextlib.suppress(PermissionError):
            listening = socket.create_server(("127.0.0.1", admin_port))
        return Console(file, Admin(engine.loop, context=ctx).answer, listening=listening)
    except OSError as error:
        if listening is not None:
            listening.close()
        log.warning("no admin console on port %d: %s", admin_port, error.strerror or error)
        return None
