"""A run's files → everything that a page tells of it. Reads only; a search may be running."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from mmar_automl.app import timeline
from mmar_automl.app.results import Run, report_of
from mmar_automl.defs import RunState, SearchResult, SearchSpace, finite
from mmar_automl.errors import ConfigProblems, JsonPath, format_path
from mmar_automl.handlers.mlflow import told_of
from mmar_automl.jobs.result import read_progress, read_stats
from mmar_automl.mmar.layout import MmarLayout
from mmar_automl.mmar.source import UnreadableJson, read_json
from mmar_automl.reports.record import Life, Point, Record
from mmar_automl.reports.summary import Row
from mmar_automl.search import apply, parse
from mmar_automl.search.apply import without_search
from mmar_automl.search.diff import Change, changes

_SEED_DEPTH = 12


def read_record(found: Run, now: float) -> Record:
    """What the files of a run tell now; what cannot be read is left out, and told in `notes`."""
    report = report_of(found)
    notes: list[str] = []
    base = _config(found, found.layout.train_config.name, notes)
    automl = _config(found, found.layout.automl_config.name, notes)
    space = read_space(base, notes)
    alive = found.state is RunState.RUNNING
    spans = timeline.spans(found.events, alive)
    lives = timeline.lives(found.events, now if alive else None)
    jobs = {row.name: found.run.job(row.name) for row in report.rows if row.folder is not None}
    winner = report.winner
    return Record(
        mmar=found.layout.root.name,
        report=report,
        now=now,
        spans=spans,
        lives=lives,
        cost=timeline.cost(spans, lives, now),
        base=base,
        automl=automl,
        overrides=_config(found, "set.json", []) or {},
        space=space,
        changes=None if winner is None else changes_of(winner, base, space, notes),
        curves={name: curve for name, job in jobs.items() if (curve := _curve(job))},
        facts={
            **_process_facts(lives),
            **told_of(found.run),
            **_config_facts(base, automl),
            **_training_facts(jobs.values()),
        },
        tensorboard=_events_below(found)
        if has_events([MmarLayout(found.run.root), *jobs.values()])
        else "",
        notes=notes,
    )


def read_space(base: Mapping[str, Any] | None, notes: list[str]) -> SearchSpace | None:
    """The space of a kept training config; None where it has none that can be read."""
    if base is None:
        return None
    try:
        return parse(base)
    except ConfigProblems as error:
        notes.append(f"the search space cannot be read from the kept config: {error}")
        return None


def changes_of(
    row: Row, base: Mapping[str, Any] | None, space: SearchSpace | None, notes: list[str]
) -> list[Change] | None:
    """What a job's config changed in the base, search sections apart.

    Its own file tells; where that is gone or torn, what was proposed does.
    """
    if base is None:
        return None
    trained: Mapping[str, Any] | None = None
    if row.folder is not None:
        file = MmarLayout(row.folder).train_config
        try:
            data = read_json(file).data
            trained = without_search(data) if isinstance(data, dict) else None
        except (OSError, UnreadableJson) as error:
            notes.append(f"{row.name}/config/{file.name} cannot be read: {_why(error)}")
    if trained is None and space is not None:
        try:
            trained = apply(base, SearchResult(space, row.values))
        except (ValueError, KeyError) as error:
            notes.append(f"the values of {row.name} do not fit the kept config: {error}")
    return None if trained is None else list(changes(without_search(base), trained))


def _config(found: Run, name: str, notes: list[str]) -> dict[str, Any] | None:
    file = found.run.configs / name
    try:
        data = read_json(file).data
    except (OSError, UnreadableJson) as error:
        notes.append(f"{file.parent.name}/{name} of the run cannot be read: {_why(error)}")
        return None
    return data if isinstance(data, dict) else None


def _why(error: OSError | UnreadableJson) -> str:
    """Without a path: a page is made to be passed on."""
    return str(error.strerror if isinstance(error, OSError) else error)


def _curve(job: MmarLayout) -> list[Point]:
    points = []
    for line in read_progress(job):
        epoch = finite(line.get("epoch"))
        if epoch is not None:
            loss = finite(line.get("train_loss"))
            points.append(Point(epoch, finite(line.get("metric")), loss))
    return points


def _process_facts(lives: tuple[Life, ...]) -> dict[str, str]:
    facts = {
        "mmar-automl": ", ".join(dict.fromkeys(life.version for life in lives)),
        "host": ", ".join(dict.fromkeys(life.host for life in lives)),
    }
    if lives:
        facts["workers"] = ", ".join(
            f"{name} ({'GPU ' + ', '.join(map(str, gpus)) if gpus else 'CPU'})"
            for name, gpus in lives[-1].workers
        )
    if len(lives) > 1:
        facts["processes"] = f"{len(lives)}: the search was resumed"
    return facts


def _config_facts(
    base: Mapping[str, Any] | None, automl: Mapping[str, Any] | None
) -> dict[str, str]:
    controller = (automl or {}).get("controller")
    facts = {}
    if isinstance(controller, Mapping):
        name = controller.get("name") or controller.get("path")
        args = controller.get("args")
        told = ", ".join(f"{k}={v!r}" for k, v in args.items()) if isinstance(args, dict) else ""
        facts["controller"] = f"{name}({told})"
    seeds = [
        f"{format_path(path)} = {value}"
        for config in (base, automl)
        for path, value in _seeds(config)
    ]
    facts["seeds"] = "; ".join(seeds) if seeds else "none in the configs"
    return facts


def _seeds(node: Any, path: JsonPath = ()) -> Iterator[tuple[JsonPath, Any]]:
    """Every number under a key that speaks of a seed."""
    if len(path) > _SEED_DEPTH:
        return
    items = node.items() if isinstance(node, Mapping) else ()
    for key, value in items:
        if "seed" in str(key).lower() and isinstance(value, (int, float)):
            yield (*path, key), value
        yield from _seeds(value, (*path, key))
    for index, value in enumerate(node if isinstance(node, list) else ()):
        yield from _seeds(value, (*path, index))


def _training_facts(jobs: Iterable[MmarLayout]) -> dict[str, str]:
    """What the trainings said of where they ran and what they took."""
    said = [read_stats(job).raw for job in jobs]
    facts = {}
    devices = sorted({str(raw["device"]) for raw in said if raw.get("device")})
    if devices:
        facts["device of the trainings"] = ", ".join(devices)
    threads = sorted({raw["threads"] for raw in said if isinstance(raw.get("threads"), int)})
    if threads:
        facts["threads of a training"] = ", ".join(map(str, threads))
    for key, title in (("peak_rss", "peak memory"), ("peak_gpu_memory", "peak GPU memory")):
        peaks = [peak for raw in said if (peak := finite(raw.get(key))) is not None]
        if peaks:
            facts[f"{title} of a training"] = f"{max(peaks) / 2**30:.2f} GiB at most"
    return facts


def _events_below(found: Run) -> str:
    """The folder to give to TensorBoard, as seen from the MMAR's, which is nobody else's."""
    root, run = found.layout.root, found.run.root
    return str(run.relative_to(root)) if run.is_relative_to(root) else f"…/{run.name}"


def has_events(jobs: Iterable[MmarLayout]) -> bool:
    """Whether TensorBoard has anything to show of any job."""
    return any(map(_has_events, jobs))


def _has_events(job: MmarLayout) -> bool:
    """Of one job: in its folder, in `models/`, or one folder below these."""
    folders = [job.root, job.models]
    for folder in list(folders):
        folders += _inside(folder)
    return any(
        name.startswith("events.out.tfevents") for folder in folders for name in _names(folder)
    )


def _inside(folder: Path) -> list[Path]:
    try:
        with os.scandir(folder) as entries:
            return [Path(entry.path) for entry in entries if entry.is_dir(follow_symlinks=False)]
    except OSError:
        return []


def _names(folder: Path) -> list[str]:
    try:
        return os.listdir(folder)
    except OSError:
        return []
