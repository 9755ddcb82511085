"""What is written of a job: how its run opens, how it goes on, how it closes."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from mmar_automl.defs import Job, JobState, finite, natural
from mmar_automl.handlers.mlflow.machine import read_samples
from mmar_automl.handlers.mlflow.notes import Closing, Note, Step
from mmar_automl.jobs.result import read_progress, read_stats
from mmar_automl.mmar.layout import MmarLayout

JOB_STATUS = {
    JobState.FINISHED: "FINISHED",
    JobState.FINISHED_NO_SCORE: "FINISHED",
    JobState.FAILED: "FAILED",
    JobState.INTERRUPTED: "KILLED",
    JobState.PAUSED: "KILLED",
    JobState.PRUNED: "KILLED",
    # Of a search that is gone: nobody saw it end.
    JobState.RUNNING: "KILLED",
}
"""What MLflow calls a job's state; the exact word stands in the tag `mmar_automl.state`."""
_TAIL_BYTES = 65_536
_TAIL_LINES = 200
_SKIPPED = ("epoch", "seconds", "time")


def opening(job: Job, run_id: str, *, past: bool = False) -> Note:
    """The job's run with everything that is known at its start."""
    return Note(
        key=job.name,
        name=job.name,
        time=job.started,
        parameters=dict(job.parameters),
        tags={
            "mmar_automl.run_id": run_id,
            "mmar_automl.worker": job.worker,
            "mmar_automl.gpus": ",".join(map(str, job.gpus)),
            "mmar_automl.state": _state(job) if past else str(JobState.RUNNING),
        },
        past=past,
    )


def closing(job: Job, root: str | None, *, log: bool = True, past: bool = False) -> Closing:
    """The end of the job's run; without `log` the log's end stays where it is."""
    ended = job.ended or time.time()
    steps: list[Step] = []
    files: dict[str, str] = {}
    metric: str | None = None
    if root is not None:
        layout = MmarLayout(Path(root))
        metric = read_stats(layout).metric or "metric"
        steps += curves(layout, read_progress(layout), job.started)
        steps += read_samples(layout)
        files = texts(layout.train_config)
        tail = _tail(layout.log) if log else ""
        if tail:
            files["log_end.txt"] = tail
    if job.score is not None:
        shown = natural(job.score, job.minimised)
        steps.append(("score", shown or 0.0, job.epoch or 0, ended))
    gone = job.state is JobState.RUNNING
    tags = {
        "mmar_automl.state": _state(job),
        "mlflow.note.content": "The search went away under it." if gone else in_words(job),
        "mmar_automl.attempt": str(job.attempt),
        "mmar_automl.seconds": f"{max(0.0, ended - job.started):.3f}",
    }
    if job.failure is not None:
        tags["mmar_automl.failure"] = str(job.failure)
    if job.exit_status is not None:
        tags["mmar_automl.exit_status"] = str(job.exit_status)
    if job.metric is not None:
        tags["mmar_automl.metric"] = job.metric
    return Closing(
        key=job.name,
        status=JOB_STATUS[job.state],
        time=ended,
        steps=tuple(steps),
        tags=tags,
        files=files,
        figure=(metric, "train_loss") if metric else (),
        past=past,
    )


def curves(job: MmarLayout, lines: Sequence[dict[str, Any]], started: float) -> list[Step]:
    """The lines of a progress file as metrics, the epoch as step.

    Each at the time that the line tells, so that the same line gives the same point whoever
    reads it; a training that tells none is taken to have begun when the job did.
    """
    metric = read_stats(job).metric or "metric"
    # The key metric goes before a value of the same name, and `score` is the job's own.
    names = {"metric": metric, metric: f"{metric} (progress)", "score": "score (progress)"}
    found = []
    for number, line in enumerate(lines, start=1):
        epoch = line.get("epoch")
        step = epoch if isinstance(epoch, int) and abs(epoch) < 2**53 else number
        at = finite(line.get("time")) or started + (finite(line.get("seconds")) or 0.0)
        for key, raw in line.items():
            if key in _SKIPPED:
                continue
            if key == "per_class" and isinstance(raw, dict):
                classes = ((f"{metric} class {name}", finite(v)) for name, v in raw.items())
                found += [(name, v, step, at) for name, v in classes if v is not None]
                continue
            value = finite(raw)
            if value is not None:
                found.append((names.get(key, key), value, step, at))
    return found


def best_so_far(jobs: Sequence[Job]) -> list[Step]:
    """`best_score` of the search after each job that ended, in the order of their ends."""
    found: list[Step] = []
    best: float | None = None
    ended = sorted((job for job in jobs if job.ended is not None), key=lambda job: job.ended or 0.0)
    for number, job in enumerate(ended, start=1):
        counts = job.state in (JobState.FINISHED, JobState.PRUNED) and job.score is not None
        if counts and (best is None or (job.score or 0.0) > best):
            best = job.score
            shown = natural(best, job.minimised)
            found.append(("best_score", shown or 0.0, number, job.ended or 0.0))
    return found


def _state(job: Job) -> str:
    """The state's word; nobody saw the end of one that runs in a search that is gone."""
    return str(JobState.INTERRUPTED if job.state is JobState.RUNNING else job.state)


def in_words(job: Job) -> str:
    """A job's end as a sentence."""
    if job.score is not None and job.state is JobState.FINISHED:
        epoch = "" if job.epoch is None else f" at epoch {job.epoch}"
        return f"{job.metric or 'score'} {natural(job.score, job.minimised):.4f}{epoch}."
    if job.state in (JobState.PAUSED, JobState.PRUNED):
        score = "" if job.score is None else f" {natural(job.score, job.minimised):.4f}"
        return f"{job.metric or 'score'}{score}, {job.state} {job.message}."
    return f"{str(job.state).replace('_', ' ')}: {job.message}"


def texts(file: Path) -> dict[str, str]:
    """The file by its name, or nothing where it is gone."""
    try:
        return {file.name: file.read_text(encoding="utf-8", errors="replace")}
    except OSError:
        return {}


def _tail(log: Path) -> str:
    """The end of a log of any size and encoding."""
    try:
        with log.open("rb") as file:
            size = file.seek(0, 2)
            file.seek(max(0, size - _TAIL_BYTES))
            text = file.read().decode("utf-8", errors="replace")
    except OSError:
        return ""
    return "\n".join(line[:1000] for line in text.splitlines()[-_TAIL_LINES:])
