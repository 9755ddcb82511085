"""MMARStatsHandler: a row for each job that ended, in `jobs.csv` in the run's folder."""

from __future__ import annotations

import csv
import json
import time
from pathlib import Path

from mmar_automl.api import Handler
from mmar_automl.defs import Context, ContextKey, Outcome
from mmar_automl.mmar.layout import RunLayout

COLUMNS = (
    "job",
    "state",
    "score",
    "metric",
    "epoch",
    "seconds",
    "worker",
    "gpus",
    "parameters",
    "message",
)


class MMARStatsHandler(Handler):
    """Clara's handler of job statistics. `parameters` is a JSON object: its keys differ by job."""

    def end_job(self, ctx: Context) -> None:
        """Add the job's row; a score that does not exist is an empty field."""
        outcome: Outcome = ctx.get_prop(ContextKey.OUTCOME)
        run = RunLayout(Path(ctx.get_prop(ContextKey.AUTOML_ROOT)))
        is_new = not run.jobs_table.exists()
        with run.jobs_table.open("a", encoding="utf-8", newline="") as file:
            table = csv.writer(file)
            if is_new:
                table.writerow(COLUMNS)
            table.writerow(
                (
                    outcome.job_name,
                    outcome.state,
                    "" if outcome.natural is None else repr(outcome.natural),
                    outcome.metric or "",
                    "" if outcome.epoch is None else outcome.epoch,
                    f"{time.time() - ctx.get_prop(ContextKey.JOB_START_TIME):.3f}",
                    ctx.get_prop(ContextKey.WORKER_NAME),
                    ",".join(map(str, ctx.get_prop(ContextKey.GPUS))),
                    json.dumps(ctx.get_prop(ContextKey.NAMED_VALUES), ensure_ascii=False),
                    outcome.message,
                )
            )
