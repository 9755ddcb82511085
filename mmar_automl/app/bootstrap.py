"""A checked MMAR → an engine that is ready to run: the one place that introduces everybody."""

from __future__ import annotations

import inspect
import os
import re
import shutil
import string
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from mmar_automl.api import Controller, Handler, Pruner, Worker
from mmar_automl.app.changes import keep_configs, refuse_changes
from mmar_automl.app.check import Checked
from mmar_automl.app.configured import Component, described
from mmar_automl.defs import Context, ContextKey
from mmar_automl.engine.events import Event
from mmar_automl.engine.journal import Journal, TornJournal, read_journal, repair
from mmar_automl.engine.limits import Limits
from mmar_automl.engine.lock import Held, RunLock, holder
from mmar_automl.engine.notify import said_where
from mmar_automl.engine.run import Engine
from mmar_automl.engine.workers import visible_devices
from mmar_automl.errors import BadInput, EnvironmentFault
from mmar_automl.executors.base_mmar import BaseMMARExecutor, Patience
from mmar_automl.executors.command import worker_environment
from mmar_automl.executors.mmar import MMARExecutor
from mmar_automl.handlers.trace import TraceHandler
from mmar_automl.mmar.environment import UnknownVariable, substitute
from mmar_automl.mmar.layout import RunLayout
from mmar_automl.mmar.load import Mmar, component_args
from mmar_automl.mmar.write import current_umask

_RUN_ID = re.compile(r"[^/\\\x00-\x1f\x7f]+")
_LONGEST_ID = 200


@dataclass(frozen=True)
class Trace:
    """Clara's `traceout` and `engTrace`: `console`, `file` or `both`, and the file's name."""

    dest: str
    file: str | None = None


@dataclass(frozen=True)
class Search:
    """A search that is set up: run it once, with its context."""

    run_id: str
    run: RunLayout
    engine: Engine
    context: Context
    lock: RunLock


def runs_root(mmar: Mmar) -> Path:
    """The parent of all run folders: `<MMAR>/automl`, or MMARHandler's `work_dir`."""
    raw = component_args(mmar.automl_config.data, "handlers", "MMARHandler").get("work_dir")
    try:
        work_dir = substitute(raw, mmar.variables)
    except UnknownVariable:
        work_dir = None
    return (
        mmar.layout.root / work_dir
        if isinstance(work_dir, str) and work_dir
        else mmar.layout.automl
    )


def build(
    checked: Checked,
    *,
    run_id: str | None,
    resume: RunLayout | None = None,
    workers: list[Worker],
    gpus: list[str],
    limits: Limits,
    patience: Patience,
    tracking: Callable[[], Handler] | None,
    progress: Handler,
    trace: Trace | None = None,
    say: Callable[[str], None],
    report: Callable[[str], None],
) -> Search:
    """Make the run's folder, or take that of `resume`, and everything in memory for the search.

    `gpus` are the visible devices that the workers' indices count in; `tracking` makes the
    handler that writes to MLflow, `progress` tells a person. Raises `BadInput` for an id that
    exists, a component that refuses its arguments or an MMAR that has changed since;
    `EnvironmentFault` if the folder cannot be made or another process has it.
    """
    mmar = checked.mmar
    parts = _Parts(checked, workers, gpus, limits, patience)
    controller: Controller = parts.one("controller")
    handlers: list[Handler] = [
        # First, since MMARHandler may delete the folder that it reads.
        *([tracking()] if tracking else []),
        *([TraceHandler()] if trace else []),
        *parts.all("handlers"),
        progress,
    ]
    executor = parts.one("executor")
    scheduler = parts.one("scheduler")
    pruners: list[Pruner] = parts.all("pruner")
    pruner = pruners[0] if pruners else None
    history: list[Event] = []
    if resume is not None:
        run, lock = resume, _take_over(resume, report)
        try:
            journal, history = _reopen(run, mmar, report)
        except BaseException:
            # Else the next resume would take it for a search that has died.
            lock.release()
            raise
    else:
        run, lock = _make_folder(runs_root(mmar), run_id)
        try:
            keep_configs(run, mmar)
            journal = Journal(run.journal)
        except OSError as error:
            raise EnvironmentFault(f"{run.root} cannot be written: {error.strerror}") from error
    context = Context()
    context.connect(on_trace=lambda who, said, aloud: _trace(context, run, who, said, say, aloud))
    if trace is not None:
        context.set_trace(trace.dest, trace.file)
    context.set_prop(ContextKey.MMAR, mmar)
    context.set_prop(ContextKey.MMAR_ROOT, str(mmar.layout.root))
    context.set_prop(ContextKey.RUN_ROOT, str(run.root))
    # Plug-ins of Clara's days ask for it, since its scripts had exported it.
    os.environ["MMAR_ROOT"] = str(mmar.layout.root)
    context.set_prop(ContextKey.RUN_ID, run.root.name)
    context.set_prop(ContextKey.AUTOML_ROOT, str(run.root))
    context.set_prop(ContextKey.WORKERS, list(workers))
    context.set_prop(ContextKey.LIMITS, limits.told())
    engine = Engine(
        run_id=run.root.name,
        workers=workers,
        controller=controller,
        executor=executor,
        handlers=handlers,
        scheduler=scheduler,
        journal=journal,
        report=report,
        limits=limits,
        pruner=pruner,
        history=history,
        opened=lambda: _introduce(controller, pruner, len(workers), say),
    )
    return Search(run.root.name, run, engine, context, lock)


def _introduce(
    controller: Controller, pruner: Pruner | None, workers: int, say: Callable[[str], None]
) -> None:
    """What is going to be done, by those who do it: they know it when they have the space."""
    say(f"{described(controller)}; {workers} worker{'s' if workers > 1 else ''}")
    if pruner is not None:
        say(described(pruner))


def _trace(
    ctx: Context, run: RunLayout, who: str, said: str, say: Callable[[str], None], aloud: bool
) -> None:
    """A line of a component for the run's trace: where it is told to go, else into the file."""
    dest = ctx.get_prop(ContextKey.TRACE_DEST_TYPE, "file")
    if dest in ("file", "both"):
        file = run.root / str(ctx.get_prop(ContextKey.TRACE_DEST_FILE) or run.trace.name)
        stamp = datetime.now().astimezone().isoformat(timespec="milliseconds")
        with file.open("a", encoding="utf-8") as lines:
            lines.write(f"{stamp} {who}: {said}\n")
    if aloud or dest in ("console", "both"):
        say(f"{who}: {said}")


def _take_over(run: RunLayout, report: Callable[[str], None]) -> RunLock:
    """The lock of a run that exists; a stale one is taken over with a notice."""
    try:
        lock = RunLock(run.lock)
    except Held as held:
        raise EnvironmentFault(f"the run {run.root.name!r} is {held}") from held
    except OSError as error:
        raise EnvironmentFault(f"{run.lock} cannot be written: {error.strerror}") from error
    if lock.taken_over:
        report(f"{run.root.name} was held by {lock.taken_over}, which is gone: taking over")
    return lock


def _reopen(
    run: RunLayout, mmar: Mmar, report: Callable[[str], None]
) -> tuple[Journal, list[Event]]:
    """The journal of a run that is resumed, and what stands in it."""
    refuse_changes(run, mmar)
    try:
        if repair(run.journal):
            report(f"{run.journal}: the last line was torn and has been cut off")
        history = read_journal(run.journal)
        return Journal(run.journal, resume=True), history
    except TornJournal as error:
        raise BadInput(f"the journal is damaged: {error}") from error
    except OSError as error:
        raise EnvironmentFault(f"{run.journal} cannot be read: {error.strerror}") from error


class _Parts:
    """The components of config_automl.json, built on demand."""

    def __init__(
        self,
        checked: Checked,
        workers: list[Worker],
        gpus: list[str],
        limits: Limits,
        patience: Patience,
    ) -> None:
        self._checked = checked
        self._limits = limits
        self._patience = patience
        self._devices = {worker.name: visible_devices(worker, gpus) for worker in workers}
        self._gpus = {worker.name: worker.gpus for worker in workers}

    def all(self, kind: str) -> list[Any]:
        return [self._build(item) for item in self._checked.components if item.kind == kind]

    def one(self, kind: str) -> Any:
        return self.all(kind)[0]

    def _build(self, component: Component) -> Any:
        args = dict(component.args)
        if component.cls is MMARExecutor:
            args["environment"] = self._environment
            args["patience"] = self._patience
        takes = inspect.signature(component.cls).parameters
        if component.kind == "controller" and self._limits.max_jobs and "max_jobs" in takes:
            args["max_jobs"] = self._limits.max_jobs
        try:
            built = component.cls(**args)
        except (Exception, SystemExit) as error:
            raise BadInput(
                f"{component.name} in {self._checked.mmar.automl_config.file} refuses its args: "
                f"{said_where(error)}"
            ) from error
        if isinstance(built, BaseMMARExecutor) and component.cls is not MMARExecutor:
            try:
                built.equip(self._environment, self._patience)
            except AttributeError as error:
                raise BadInput(
                    f"{component.name} cannot run jobs: its __init__ does not call that of "
                    f"{component.cls.__mro__[1].__name__}",
                    "begin it with super().__init__()",
                ) from error
        return built

    def _environment(self, worker: str) -> dict[str, str]:
        """What the jobs of a worker find in their environment."""
        return worker_environment(self._devices[worker], self._gpus[worker], len(self._gpus))


def _make_folder(parent: Path, run_id: str | None) -> tuple[RunLayout, RunLock]:
    """The folder of a new run with its lock in it; to give it its name is what claims the id."""
    if run_id is not None and not _is_run_id(run_id):
        raise BadInput(
            f"{run_id!r} cannot be a run id",
            "it becomes the name of a folder: no / in it, no dot in front, at most 200 bytes, and "
            "none of the names that automl/ has for itself",
        )
    try:
        parent.mkdir(parents=True, exist_ok=True)
        for name in [run_id] if run_id is not None else _free_ids():
            if (parent / name).exists():
                continue
            fresh = Path(tempfile.mkdtemp(prefix=f".{name}.", dir=parent))
            fresh.chmod(0o777 & ~current_umask())
            lock = RunLock(RunLayout(fresh).lock)
            try:
                fresh.rename(parent / name)
            except OSError:
                lock.release()
                shutil.rmtree(fresh)
                if not (parent / name).exists():
                    raise
                continue
            return RunLayout(parent / name), lock
    except OSError as error:
        raise EnvironmentFault(
            f"{error.filename or parent} cannot be made: {error.strerror}"
        ) from error
    existing = RunLayout(parent / str(run_id))
    held = holder(existing.lock)
    if held:
        raise EnvironmentFault(f"the run {run_id!r} is {held}")
    raise BadInput(
        f"the run id {run_id!r} exists: {existing.root}",
        "choose another --run-id, leave it out for the next free one, or go on with --resume",
    )


def _is_run_id(run_id: str) -> bool:
    try:
        short = 0 < len(run_id.encode()) <= _LONGEST_ID
    except UnicodeEncodeError:
        return False
    plain = _RUN_ID.fullmatch(run_id) is not None and bool(run_id.strip(". "))
    return short and plain and not run_id.startswith((".", "mlflow.db", "mlartifacts"))


def _free_ids() -> Iterator[str]:
    """run_a, …, run_z, run_aa, run_ab, …"""
    letters = string.ascii_lowercase
    yield from (f"run_{letter}" for letter in letters)
    yield from (f"run_{first}{second}" for first in letters for second in letters)
    yield from (f"run_{number}" for number in range(1_000_000))
