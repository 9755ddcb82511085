"""A run's journal → what a report is made of."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from mmar_automl.app.bootstrap import runs_root
from mmar_automl.app.living import holder_of
from mmar_automl.defs import RunState
from mmar_automl.engine.events import Event, RunStarted, from_json
from mmar_automl.engine.journal import TornJournal, read_journal
from mmar_automl.engine.state import EngineState, replay
from mmar_automl.errors import BadInput, EnvironmentFault
from mmar_automl.handlers.mlflow import relocate_store
from mmar_automl.mmar.layout import MmarLayout, RunLayout
from mmar_automl.mmar.load import find_root, read
from mmar_automl.reports.summary import Report, summarise


@dataclass(frozen=True)
class Run:
    """A search that was started, from its journal. `state` is what is true now."""

    layout: MmarLayout
    run: RunLayout
    journal: EngineState
    state: RunState
    events: tuple[Event, ...]


def find_runs(root: Path) -> tuple[MmarLayout, list[RunLayout]]:
    """The runs of an MMAR, the earliest first; raises `BadInput` where there is no MMAR."""
    layout = find_root(root)
    parents = [layout.automl]
    for config in sorted(layout.config.glob("*.json")):
        # Any of them may have been a search's --automlconf, and have its runs elsewhere. A report
        # must not depend on a config that was broken since, hence `read`.
        if _names_runs(config):
            parents.append(runs_root(read(root, automl_config=config.name)[0]))
    journals = {journal for parent in parents for journal in parent.glob("*/journal.jsonl")}
    return layout, [RunLayout(journal.parent) for journal in sorted(journals, key=_began)]


def _names_runs(config: Path) -> bool:
    """Whether a config may say where the runs are."""
    try:
        return b"work_dir" in config.read_bytes()
    except OSError:
        return False


def find_run(root: Path, run_id: str | None) -> tuple[MmarLayout, RunLayout]:
    """One run, the latest by default. Raises `BadInput` with the ids there are."""
    layout, runs = find_runs(root)
    if not runs:
        raise BadInput(f"no search has been run on {root}", f"mmar-automl run {root}")
    chosen = [run for run in runs if run_id in (None, run.root.name)]
    if not chosen:
        raise BadInput(
            f"there is no run {run_id!r}",
            f"the MMAR has {', '.join(run.root.name for run in runs)}",
        )
    return layout, chosen[-1]


def read_run(root: Path, run_id: str | None) -> Run:
    """What is in the journal of a run. Raises `BadInput` or `EnvironmentFault`."""
    return run_at(*find_run(root, run_id))


def run_at(layout: MmarLayout, run: RunLayout) -> Run:
    """What is in the journal of this run. Raises `BadInput` or `EnvironmentFault`."""
    try:
        events = read_journal(run.journal)
        state = replay(events)
    except TornJournal as error:
        raise BadInput(f"the journal is damaged: {error}") from error
    except OSError as error:
        raise EnvironmentFault(f"{run.journal} cannot be read: {error.strerror}") from error
    return Run(layout, run, state, _state_now(run, state), tuple(events))


def _state_now(run: RunLayout, state: EngineState) -> RunState:
    if state.ended is not None:
        return state.ended.state
    return RunState.RUNNING if holder_of(run) else RunState.INTERRUPTED


def _began(journal: Path) -> float:
    """When a run began, from the first line of its journal."""
    try:
        with journal.open(encoding="utf-8") as file:
            line = file.readline()
        first = from_json(json.loads(line))
    except (OSError, ValueError):
        return 0.0
    return first.time if isinstance(first, RunStarted) else 0.0


def read_report(root: Path, run_id: str | None) -> Report:
    """The report of one run, the latest by default; the tracking store is mended on the way.

    An MMAR that was moved since has artifact paths in its store that lead nowhere.
    """
    return report_of(read_run(root, run_id))


def report_of(found: Run) -> Report:
    """The report of a run that has been read."""
    relocate_store(found.layout)
    state = found.journal
    first = next((event for event in found.events if isinstance(event, RunStarted)), None)
    return summarise(
        state.jobs.values(),
        run_id=found.run.root.name,
        run_root=found.run.root,
        state=found.state,
        reason=state.ended.reason if state.ended else "the search process is gone",
        dropped=len(state.dropped),
        proposed=len(state.proposals),
        controller=first.controller if first else "",
        began=state.began,
        ended=state.ended.time if state.ended else None,
    )
