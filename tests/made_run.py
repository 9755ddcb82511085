"""A search of any size on disk, as a real one leaves it: by the real journal, without training."""

from __future__ import annotations

import json
import math
import os
import random
import socket
import time
from pathlib import Path
from typing import Any

from mmar_automl.defs import FailureClass, JobState, RunState, SearchResult
from mmar_automl.engine.events import (
    JobAssigned,
    JobEnded,
    JobRetried,
    Proposal,
    RecommendationsMade,
    RunEnded,
    RunStarted,
    WorkerFreed,
    to_json,
)
from mmar_automl.engine.journal import Journal
from mmar_automl.mmar.layout import MmarLayout, RunLayout
from mmar_automl.mmar.write import write_json
from mmar_automl.search import apply, parse

BEGAN = 1_700_000_000.0
HOSTILE = "</script><img src=x onerror=alert(1)>"
CONFIG: dict[str, Any] = {
    "epochs": 20,
    "learning_rate": 0.001,
    "optimizer": "adam",
    "momentum": 0.9,
    "width": 16,
    "note": "plain",
    "determinism": {"random_seed": 7},
    "search": [
        {"args": ["learning_rate"], "type": "float", "domain": "lr", "targets": [1e-5, 0.1],
         "scale": "log"},
        {"args": ["optimizer"], "type": "enum", "domain": "net", "targets": [["adam"], ["sgd"]]},
        {"args": ["momentum"], "type": "float", "domain": "net", "targets": [0.0, 0.99],
         "when": {"optimizer": ["sgd"]}},
        {"args": ["width"], "type": "int", "domain": "net", "targets": [8, 64]},
        {"args": ["note"], "type": "enum", "domain": "net", "targets": [["plain"], [HOSTILE]]},
    ],
}  # fmt: skip


def make_run(
    root: Path,
    jobs: int,
    *,
    run_id: str = "run_a",
    workers: int = 4,
    validations: int = 20,
    ended: bool = True,
    troubles: bool = True,
    repeats: int = 0,
    seed: int = 0,
) -> RunLayout:
    """Write the MMAR and the run. `troubles`: failures, pruned jobs, retries among them.

    The first `repeats` jobs have the configuration of the first one. With `ended` False the last
    two jobs have no end, and nor has the search, whose process is this one.
    """
    chance = random.Random(seed)
    layout = MmarLayout(root)
    layout.config.mkdir(parents=True, exist_ok=True)
    layout.commands.mkdir(exist_ok=True)
    automl = {"controller": {"name": "RandomController", "args": {"max_jobs": jobs, "seed": seed}}}
    write_json(layout.train_config, CONFIG)
    write_json(layout.automl_config, automl)
    run = RunLayout(layout.automl / run_id)
    run.configs.mkdir(parents=True)
    for name, value in {
        "config_train.json": CONFIG,
        "config_automl.json": automl,
        "environment.json": {},
        "set.json": {},
    }.items():
        write_json(run.configs / name, value)
    space = parse(CONFIG)
    names = [f"W{number + 1}" for number in range(workers)]
    journal = Journal(run.journal)
    journal.append(
        RunStarted(
            run_id=run_id, token="t" * 32, controller="RandomController", version="0.1.0",
            workers=tuple((name, (place,)) for place, name in enumerate(names)), host="box",
            pid=os.getpid(), process_started=BEGAN, time=BEGAN,
        )
    )  # fmt: skip
    results = []
    for number in range(jobs):
        values = {parameter.key: _draw(parameter.domain, chance) for parameter in space}
        results.append(SearchResult(space, values if number >= repeats or not results
                                    else results[0].values))  # fmt: skip
    journal.append(
        RecommendationsMade(
            proposals=tuple(
                Proposal(id=number, values=dict(result.values), parameters=result.named())
                for number, result in enumerate(results)
            ),
            after=None,
            time=BEGAN + 1,
        )
    )
    free = dict.fromkeys(names, BEGAN + 2.0)
    had = dict.fromkeys(names, 0)
    lines: list[tuple[float, Any]] = []
    for number, result in enumerate(results):
        worker = min(free, key=lambda name: free[name])
        had[worker] += 1
        name = f"{worker}_{had[worker]}_J{number + 1}"
        start, took = free[worker], 60 + 240 * chance.random()
        lines.append((start, JobAssigned(job=name, recommendation_id=number, worker=worker,
                                         time=start)))  # fmt: skip
        if troubles and number % 29 == 7:
            start += 20
            lines.append((start, JobRetried(job=name, failure=FailureClass.KILLED,
                                            message="killed by signal 9", time=start)))  # fmt: skip
        end = start + took
        free[worker] = end + 2 + 30 * chance.random() ** 4
        open_ = not ended and number >= jobs - 2
        score, epoch = _train(run.job(name), result, validations, chance,
                              pruned=troubles and number % 11 == 3, base=CONFIG)  # fmt: skip
        if not open_:
            end_ = _end(name, number, score, epoch, end, troubles)
            lines += [(end, end_), (end + 0.5, WorkerFreed(job=name, time=end + 0.5))]
    last = 0.0
    for at, event in sorted(lines, key=lambda line: line[0]):
        # What would be forced to disk a thousand times need not be here.
        journal._file.write(json.dumps(to_json(event)) + "\n")
        last = at
    if ended:
        journal.append(RunEnded(state=RunState.FINISHED, reason="done", time=last + 1))
    journal.close()
    if not ended:
        write_json(
            run.lock, {"pid": os.getpid(), "host": socket.gethostname(), "since": time.time()}
        )
    return run


def _draw(domain: Any, chance: random.Random) -> Any:
    values = domain.values
    if values is not None:
        return values[chance.randrange(len(values))]
    if domain.scale == "log":
        return float(domain.min * (domain.max / domain.min) ** chance.random())
    return chance.uniform(domain.min, domain.max)


def _train(
    job: MmarLayout,
    result: SearchResult,
    validations: int,
    chance: random.Random,
    *,
    pruned: bool,
    base: dict[str, Any],
) -> tuple[float, int]:
    named = result.named()
    rate = abs(math.log10(named["learning_rate"]) + 2.5)
    top = 0.9 - 0.12 * rate - (0.05 * named["momentum"] if "momentum" in named else 0.03)
    top += chance.gauss(0, 0.006)
    job.models.mkdir(parents=True)
    job.config.mkdir()
    write_json(job.train_config, apply(base, result))
    shown = max(1, validations // 3) if pruned else validations
    curve = [
        round(top * (1 - 0.8 * 0.75 ** (step + 1)) + chance.gauss(0, 0.004), 6)
        for step in range(shown)
    ]
    job.progress.write_text(
        "".join(
            json.dumps({"epoch": step + 1, "metric": value, "seconds": 3.0 * step}) + "\n"
            for step, value in enumerate(curve)
        )
    )
    return max(curve), curve.index(max(curve)) + 1


def _end(name: str, number: int, score: float, epoch: int, at: float, troubles: bool) -> JobEnded:
    if troubles and number % 13 == 5:
        return JobEnded(
            job=name, state=JobState.FAILED, failure=FailureClass.OUT_OF_MEMORY, exit_status=1,
            message="out of memory (exit status 1)", tail=f"CUDA out of memory {HOSTILE}",
            time=at,
        )  # fmt: skip
    if troubles and number % 31 == 9:
        return JobEnded(
            job=name, state=JobState.FAILED, failure=FailureClass.DIVERGED, exit_status=1,
            message="the loss became NaN", time=at,
        )  # fmt: skip
    pruned = troubles and number % 11 == 3
    return JobEnded(
        job=name, state=JobState.PRUNED if pruned else JobState.FINISHED, score=score,
        epoch=epoch, metric="val_mean_dice", exit_status=0, time=at,
    )  # fmt: skip
