"""A checked MMAR → an engine that is ready to run: the one place that introduces everybody."""

from __future__ import annotations

import re
import string
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mmar_automl.api import Controller, Handler, Worker
from mmar_automl.app.check import Checked, Component
from mmar_automl.defs import Context, ContextKey
from mmar_automl.engine.journal import Journal
from mmar_automl.engine.run import Engine
from mmar_automl.engine.workers import visible_devices
from mmar_automl.errors import BadInput, EnvironmentFault
from mmar_automl.executors.command import worker_environment
from mmar_automl.executors.mmar import MMARExecutor
from mmar_automl.handlers.progress import ProgressHandler
from mmar_automl.mmar.layout import RunLayout
from mmar_automl.mmar.load import Mmar, component_args

_RUN_ID = re.compile(r"[^/\\\0\n\r]{1,100}")


@dataclass(frozen=True)
class Search:
    """A search that is set up: run it once, with its context."""

    run_id: str
    run: RunLayout
    engine: Engine
    controller: Controller
    context: Context


def runs_root(mmar: Mmar) -> Path:
    """The parent of all run folders: `<MMAR>/automl`, or MMARHandler's `work_dir`."""
    work_dir = component_args(mmar.automl_config.data, "handlers", "MMARHandler").get("work_dir")
    return mmar.layout.root / str(work_dir) if work_dir else mmar.layout.automl


def build(
    checked: Checked,
    *,
    run_id: str | None,
    workers: list[Worker],
    gpus: list[str],
    tracking: Callable[[], Handler] | None,
    say: Callable[[str], None],
    report: Callable[[str], None],
) -> Search:
    """Make the run's folder and everything in memory that the search needs.

    `gpus` are the visible devices that the workers' indices count in; `tracking` makes the
    handler that writes to MLflow. Raises `BadInput` for an id that exists or a component that
    refuses its arguments, `EnvironmentFault` if the folder cannot be made.
    """
    mmar = checked.mmar
    parts = _Parts(checked, workers, gpus)
    controller: Controller = parts.one("controller")
    handlers: list[Handler] = [
        *parts.all("handlers"),
        *([tracking()] if tracking else []),
        ProgressHandler(say),
    ]
    executor = parts.one("executor")
    scheduler = parts.one("scheduler")
    run_id, run = _make_folder(runs_root(mmar), run_id)
    context = Context()
    context.set_prop(ContextKey.MMAR, mmar)
    context.set_prop(ContextKey.RUN_ID, run_id)
    context.set_prop(ContextKey.AUTOML_ROOT, str(run.root))
    context.set_prop(ContextKey.WORKERS, list(workers))
    try:
        journal = Journal(run.journal)
    except OSError as error:
        raise EnvironmentFault(f"{run.journal} cannot be written: {error.strerror}") from error
    engine = Engine(
        run_id=run_id,
        workers=workers,
        controller=controller,
        executor=executor,
        handlers=handlers,
        scheduler=scheduler,
        journal=journal,
        report=report,
    )
    return Search(run_id, run, engine, controller, context)


class _Parts:
    """The components of config_automl.json, built on demand."""

    def __init__(self, checked: Checked, workers: list[Worker], gpus: list[str]) -> None:
        self._checked = checked
        self._devices = {worker.name: visible_devices(worker, gpus) for worker in workers}
        self._gpus = {worker.name: worker.gpus for worker in workers}

    def all(self, kind: str) -> list[Any]:
        return [self._build(item) for item in self._checked.components if item.kind == kind]

    def one(self, kind: str) -> Any:
        return self.all(kind)[0]

    def _build(self, component: Component) -> Any:
        args = dict(component.args)
        if component.cls is MMARExecutor:
            args["environment"] = lambda name: worker_environment(
                self._devices[name], self._gpus[name], len(self._gpus)
            )
        try:
            return component.cls(**args)
        except Exception as error:
            raise BadInput(
                f"{component.name} in {self._checked.mmar.automl_config.file} refuses its args: "
                f"{error}"
            ) from error


def _make_folder(parent: Path, run_id: str | None) -> tuple[str, RunLayout]:
    """The folder of a new run; making it is what claims the id."""
    if run_id is not None and (not _RUN_ID.fullmatch(run_id) or run_id.strip(". ") == ""):
        raise BadInput(
            f"{run_id!r} cannot be a run id", "it becomes the name of a folder: no / in it"
        )
    try:
        parent.mkdir(parents=True, exist_ok=True)
        for name in [run_id] if run_id is not None else _free_ids():
            try:
                (parent / name).mkdir()
            except FileExistsError:
                continue
            return name, RunLayout(parent / name)
    except OSError as error:
        raise EnvironmentFault(
            f"{error.filename or parent} cannot be made: {error.strerror}"
        ) from error
    raise BadInput(
        f"the run id {run_id!r} exists: {parent / str(run_id)}",
        "choose another --run-id, or leave it out for the next free one",
    )


def _free_ids() -> Iterator[str]:
    """run_a, …, run_z, run_aa, run_ab, …"""
    letters = string.ascii_lowercase
    yield from (f"run_{letter}" for letter in letters)
    yield from (f"run_{first}{second}" for first in letters for second in letters)
    yield from (f"run_{number}" for number in range(1_000_000))
