"""How a search stands, from its journal and the jobs' folders: the search need not be asked."""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mmar_automl.app.living import Holder, holder_of, outlived
from mmar_automl.app.results import Run, find_runs, read_run
from mmar_automl.defs import Job, JobState, RunState, natural
from mmar_automl.engine.admin import worker_state
from mmar_automl.engine.state import EngineState
from mmar_automl.jobs.result import read_progress
from mmar_automl.mmar.layout import MmarLayout


@dataclass(frozen=True, kw_only=True)
class WorkerStatus:
    """A worker and its job. Times are in seconds since the epoch; None for what is not there.

    `epoch`, `metric` and `values` are the training's last word in its progress file.
    """

    name: str
    gpus: tuple[int, ...]
    state: str
    job: str | None = None
    since: float | None = None
    log_grew: float | None = None
    epoch: int | None = None
    metric: float | None = None


@dataclass(frozen=True, kw_only=True)
class Status:
    """A search as it stands. `since` is when it got into its state; `notes` say why anything waits.

    `stopping` says why it is about to end; `holder` is the process that has it, if one lives.
    """

    run_id: str
    folder: Path
    state: RunState
    since: float | None
    stopping: str
    holder: Holder | None
    workers: tuple[WorkerStatus, ...]
    proposed: int
    queued: int
    dropped: int
    jobs: Mapping[JobState, int]
    best: Job | None
    seconds_left: float | None
    notes: tuple[str, ...]


def read_status(root: Path, run_id: str | None, now: float) -> Status:
    """The status of a run, the latest by default. Raises `BadInput` or `EnvironmentFault`."""
    found = read_run(root, run_id)
    state, who = found.journal, holder_of(found.run)
    lives = who is not None and (state.process is None or who.pid == state.process.pid)
    over = state.ended
    since: float | None
    if over is not None:
        run_state, since = over.state, over.time
    elif lives:
        run_state, since = RunState.RUNNING, state.process.time if state.process else None
    else:
        run_state, since = RunState.INTERRUPTED, _last_sign(found.run.journal)
    running = run_state is RunState.RUNNING
    return Status(
        run_id=found.run.root.name,
        folder=found.run.root,
        state=run_state,
        since=since,
        stopping=state.stop.reason if running and state.stop else "",
        holder=who,
        workers=tuple(_workers(found)) if running else (),
        proposed=len(state.proposals),
        queued=len(state.queue),
        dropped=len(state.dropped),
        jobs=Counter(job.state for job in state.jobs.values()),
        best=state.best,
        seconds_left=_seconds_left(state, now) if running else None,
        notes=tuple(_waits(found, root) if running else _over(found, who, root)),
    )


def to_json(status: Status) -> dict[str, Any]:
    """The status for a script: strict JSON, what is unknown is null."""
    best, who = status.best, status.holder
    return {
        "run_id": status.run_id,
        "folder": str(status.folder),
        "state": str(status.state),
        "since": status.since,
        "stopping": status.stopping or None,
        "process": {"pid": who.pid, "host": who.host} if who else None,
        "workers": [
            {
                "name": worker.name,
                "gpus": list(worker.gpus),
                "state": worker.state,
                "job": worker.job,
                "since": worker.since,
                "log_grew": worker.log_grew,
                "epoch": worker.epoch,
                "metric": worker.metric,
            }
            for worker in status.workers
        ],
        "proposed": status.proposed,
        "queued": status.queued,
        "dropped": status.dropped,
        "jobs": {str(state): count for state, count in status.jobs.items()},
        "best": None
        if best is None
        else {
            "job": best.name,
            "score": natural(best.score, best.minimised),
            "metric": best.metric,
            "epoch": best.epoch,
        },
        "seconds_left": status.seconds_left,
        "notes": list(status.notes),
    }


def living_runs(root: Path) -> list[str]:
    """The runs of an MMAR that some process has now."""
    return [run.root.name for run in find_runs(root)[1] if holder_of(run) is not None]


def in_words(command: str, root: Path, run_id: str, *words: str) -> str:
    """A command line of ours that can be pasted."""
    return shlex.join(["mmar-automl", command, str(root), run_id, *words])


def how_to_resume(root: Path, run_id: str) -> str:
    """The command line that goes on with a run."""
    return shlex.join(["mmar-automl", "run", str(root), "--run-id", run_id, "--resume"])


def _workers(found: Run) -> list[WorkerStatus]:
    lines = []
    for name, worker in found.journal.workers.items():
        job = found.journal.jobs.get(worker.job or "")
        if job is None:
            lines.append(WorkerStatus(name=name, gpus=worker.gpus, state=worker_state(worker)))
            continue
        folder = found.run.job(job.name)
        epoch, metric = _last_progress(folder)
        lines.append(
            WorkerStatus(
                name=name,
                gpus=worker.gpus,
                state=worker_state(worker),
                job=job.name,
                since=job.started,
                log_grew=_modified(folder.log),
                epoch=epoch,
                metric=metric,
            )
        )
    return lines


def _last_progress(job: MmarLayout) -> tuple[int | None, float | None]:
    lines = read_progress(job)
    last = lines[-1] if lines else {}
    epoch, metric = last.get("epoch"), last.get("metric")
    number = isinstance(metric, (int, float)) and not isinstance(metric, bool)
    return epoch if isinstance(epoch, int) else None, metric if number else None


def _seconds_left(state: EngineState, now: float) -> float | None:
    """From how long jobs took so far; None before the first has ended."""
    took = [
        job.seconds
        for job in state.jobs.values()
        if job.seconds is not None and job.state is not JobState.INTERRUPTED
    ]
    if not took or state.stop is not None:
        return None
    mean = sum(took) / len(took)
    left = [max(0.0, mean - (now - job.started)) for job in state.running]
    left += [mean] * len(state.queue)
    hands = sum(1 for worker in state.workers.values() if not worker.suspended or worker.job)
    if not left or not hands:
        return None
    # No schedule is shorter than the longest job, or than all the work on all the hands.
    return max(max(left), sum(left) / hands)


def _waits(found: Run, root: Path) -> list[str]:
    """Why anything waits in a search that lives."""
    state, run_id = found.journal, found.run.root.name
    lines = []
    suspended = [name for name, worker in state.workers.items() if worker.suspended]
    active = [worker for worker in state.workers.values() if not worker.suspended]
    waiting = len(state.queue)
    if not state.answered and state.stop is None:
        lines.append("the controller has not proposed anything yet")
    elif waiting:
        verb = "wait" if waiting > 1 else "waits"
        if not active:
            why = "every worker is suspended"
        elif all(worker.job for worker in active):
            why = f"all {'other ' if suspended else ''}workers are busy"
        else:
            why = "the scheduler has not given them to the idle workers yet"
        lines.append(f"{waiting} {verb}: {why}")
    elif state.stop is None and any(worker.job is None for worker in active):
        lines.append("idle workers wait for the controller: it has proposed nothing more so far")
    for name in suspended:
        resume = in_words("admin", root, run_id, "resume_worker", name)
        lines.append(f"{name} is suspended: {resume}")
    if state.stop is not None and state.running:
        count = len(state.running)
        ends = "being ended" if state.stop.abort else "left to finish"
        lines.append(f"{count} job{'s are' if count > 1 else ' is'} {ends}; nothing new starts")
    return lines


def _over(found: Run, who: Holder | None, root: Path) -> list[str]:
    """What is left to say of a search that is over or gone."""
    state, run_id = found.journal, found.run.root.name
    resume = how_to_resume(root, run_id)
    lines = [] if state.ended is None else [f"why it ended: {state.ended.reason}"]
    if who is not None:
        closing = state.process is not None and who.pid == state.process.pid
        what = "still closes its files" if closing else "has it: a resume that begins, or a stop"
        return [*lines, f"pid {who.pid} on {who.host} {what}"]
    if state.ended is not None:
        if state.ended.state is not RunState.FINISHED:
            lines.append(f"{resume} goes on")
        return lines
    left = outlived(found.run, found.journal)
    lines += [f"{job.name} still runs without it, pid {pid}" for job, pid in left]
    lines.append(f"the search process is gone: {resume} goes on")
    if left:
        lines[-1] += " and takes over what still runs"
        lines.append(f"{in_words('stop', root, run_id)} ends what still runs")
    return lines


def _last_sign(journal: Path) -> float | None:
    """About when a search went that could not say so."""
    return _modified(journal)


def _modified(file: Path) -> float | None:
    try:
        return file.stat().st_mtime
    except OSError:
        return None
