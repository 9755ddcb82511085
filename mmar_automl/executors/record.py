"""job.json, kept by whoever runs the job: how it stands, and how it ended."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import shutil
import time
from collections.abc import Mapping
from typing import Any

from mmar_automl.api import JobFailed
from mmar_automl.defs import Context, ContextKey, FailureClass, Recommendation, Score
from mmar_automl.jobs import result
from mmar_automl.mmar.layout import MmarLayout
from mmar_automl.mmar.write import write_json


def record_of(recommendation: Recommendation, ctx: Context) -> dict[str, Any]:
    """job.json of a job that begins."""
    return {
        "name": ctx.get_prop(ContextKey.JOB_NAME),
        "recommendation": recommendation.id,
        "parameters": ctx.get_prop(ContextKey.NAMED_VALUES),
        "worker": ctx.get_prop(ContextKey.WORKER_NAME),
        "gpus": list(ctx.get_prop(ContextKey.GPUS)),
        "attempt": ctx.get_prop(ContextKey.ATTEMPT, 1),
        "state": "starting",
        "started": ctx.get_prop(ContextKey.JOB_START_TIME),
    }


def conclude(
    job: MmarLayout,
    record: dict[str, Any],
    status: int | None,
    score: result.TrainStats,
    failed: JobFailed | None,
) -> None:
    """Write into job.json how the job ended."""
    if failed is not None:
        state = str(failed.state)
    else:
        state = "finished" if score.metric_value is not None else "finished_no_score"
    record.update(
        state=state,
        ended=time.time(),
        exit_status=status,
        score=score.metric_value if failed is None or failed.score is not None else None,
        failure=None if failed is None or failed.failure is None else str(failed.failure),
        message="" if failed is None else str(failed),
    )
    note(job, record)


def score_of(stats: result.TrainStats) -> Score:
    """What a training's score file says, for the engine."""
    return Score(
        value=stats.metric_value,
        epoch=stats.epoch,
        metric=stats.metric,
        complaint=stats.complaint,
        minimised=stats.direction == "min",
    )


def note(job: MmarLayout, record: Mapping[str, Any]) -> None:
    """Write job.json if it can be written: the journal has it all, and a full disk shows there."""
    with contextlib.suppress(OSError):
        write_json(job.job, record)


def read_record(job: MmarLayout) -> dict[str, Any]:
    """job.json, or nothing where it is missing or torn."""
    try:
        found = json.loads(job.job.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def could_not_start(error: OSError) -> JobFailed:
    """The failure of a job whose MMAR or process could not be made."""
    # A folder that could not be copied gives one error for many files, without a number.
    many = isinstance(error, shutil.Error) and isinstance(error.args[0], list)
    reason = str(error.args[0][0][2]) if many else str(error)
    full = error.errno == errno.ENOSPC or os.strerror(errno.ENOSPC) in reason
    return JobFailed(
        f"could not be started: {reason}",
        failure=FailureClass.DISK_FULL if full else FailureClass.NOT_STARTED,
    )
