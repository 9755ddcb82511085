"""MyHandler: hears what happens in a search. Named in config/config_automl.json by its path.

What is written here works: it says when a job is the best so far, and keeps a history of them in
`best_so_far.csv` in the run's folder. Delete the methods that you have no use for.
"""

from __future__ import annotations

import csv
from pathlib import Path

from mmar_automl.api import Handler
from mmar_automl.defs import Context, ContextKey, JobState, Outcome, RunOutcome


class MyHandler(Handler):
    """Says which job is the best so far.

    The arguments of `__init__` are the `args` in config_automl.json. One call at a time, so no
    lock is needed, and a slow one holds up all others. A method that raises is named once and
    costs the search nothing; in `startup` it ends the search.
    """

    def __init__(self, file_name: str = "best_so_far.csv") -> None:
        self.file_name = file_name
        self.best: float | None = None

    def startup(self, ctx: Context) -> None:
        # Before anything else: the place to refuse a run, for instance since a server is away.
        self.file = Path(ctx.get_prop(ContextKey.AUTOML_ROOT)) / self.file_name
        # Of a search that is resumed: the jobs that ended before.
        for job in ctx.get_prop(ContextKey.HISTORY, []):
            if job.state is JobState.FINISHED and job.score is not None:
                self.best = job.score if self.best is None else max(self.best, job.score)

    def search_space_available(self, ctx: Context) -> None:
        ctx.trace(self, f"{len(ctx.get_prop(ContextKey.SEARCH_SPACE))} parameters are searched")

    def recommendations_available(self, ctx: Context) -> None:
        """ContextKey.RECOMMENDATIONS: what the controller has just proposed."""

    def start_job(self, ctx: Context) -> None:
        """JOB_NAME, WORKER_NAME, GPUS, and NAMED_VALUES: readable name → value of this job."""

    def end_job(self, ctx: Context) -> None:
        # Comes for every start_job, also for jobs that crashed or were stopped. SCORE is a number
        # in any case (-1000000 for none, as in Clara); OUTCOME is the whole truth.
        outcome: Outcome = ctx.get_prop(ContextKey.OUTCOME)
        if outcome.value is None or (self.best is not None and outcome.value <= self.best):
            return
        self.best = outcome.value
        values = ctx.get_prop(ContextKey.NAMED_VALUES)
        # In the run's trace.log, and on the console.
        ctx.trace(self, f"{outcome.job_name} is the best so far", print_to_console=True)
        with self.file.open("a", encoding="utf-8", newline="") as file:
            # natural is the metric's own value, also where less is better.
            csv.writer(file).writerow([outcome.job_name, outcome.natural, values])
        # To end the search from here: ctx.stop_work(self, "why")

    def round_ended(self, ctx: Context) -> None:
        """Every recommendation of one list that the controller returned has ended."""

    def end_automl(self, ctx: Context) -> None:
        outcome: RunOutcome = ctx.get_prop(ContextKey.RUN_OUTCOME)
        ctx.trace(self, f"{outcome.state}: the best is {outcome.best}")

    def shutdown(self, ctx: Context) -> None:
        """Release what is held. Handlers are called in reverse order here."""
