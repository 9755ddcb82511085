"""StatsHandler: how the search itself goes, as `trace.log` and `stats.json` in the run's folder."""

from __future__ import annotations

import time
from collections import Counter, defaultdict
from datetime import datetime
from pathlib import Path
from typing import Any

from mmar_automl.api import Handler
from mmar_automl.defs import Context, ContextKey, Outcome, RunOutcome
from mmar_automl.mmar.layout import RunLayout
from mmar_automl.mmar.write import write_json


class StatsHandler(Handler):
    """Clara's handler of run statistics: a line for each event, and the totals."""

    def __init__(self) -> None:
        self._began = time.monotonic()
        self._states: Counter[str] = Counter()
        self._busy: dict[str, float] = defaultdict(float)

    def handle_event(self, event: str, ctx: Context) -> None:
        """Trace every event, then do what it asks for."""
        # Where a trace was asked for, the engine's own has these lines.
        if ctx.get_prop(ContextKey.TRACE_DEST_TYPE) is None:
            run = RunLayout(Path(ctx.get_prop(ContextKey.AUTOML_ROOT)))
            stamp = datetime.now().astimezone().isoformat(timespec="milliseconds")
            job = ctx.get_prop(ContextKey.JOB_NAME, "")
            detail = _detail(event, ctx)
            with run.trace.open("a", encoding="utf-8") as file:
                file.write(" ".join(filter(None, (stamp, event, job, detail))) + "\n")
        super().handle_event(event, ctx)

    def end_job(self, ctx: Context) -> None:
        """Count the job."""
        outcome: Outcome = ctx.get_prop(ContextKey.OUTCOME)
        self._states[str(outcome.state)] += 1
        seconds = time.time() - ctx.get_prop(ContextKey.JOB_START_TIME)
        self._busy[ctx.get_prop(ContextKey.WORKER_NAME)] += seconds

    def end_automl(self, ctx: Context) -> None:
        """Write the totals."""
        outcome: RunOutcome = ctx.get_prop(ContextKey.RUN_OUTCOME)
        run = RunLayout(Path(ctx.get_prop(ContextKey.AUTOML_ROOT)))
        elapsed = time.monotonic() - self._began
        stats: dict[str, Any] = {
            "run_id": outcome.run_id,
            "state": str(outcome.state),
            "reason": outcome.reason,
            "best": outcome.best,
            "score": outcome.score,
            "seconds": round(elapsed, 3),
            "jobs": dict(self._states),
            "dropped": outcome.dropped,
            "handler_errors": outcome.handler_errors,
            "busy_seconds": {name: round(busy, 3) for name, busy in self._busy.items()},
        }
        write_json(run.stats, stats)


def _detail(event: str, ctx: Context) -> str:
    if event == "recommendations_available":
        return f"{len(ctx.get_prop(ContextKey.RECOMMENDATIONS))} recommendations"
    if event == "start_job":
        return str(ctx.get_prop(ContextKey.NAMED_VALUES))
    if event == "end_job":
        outcome: Outcome = ctx.get_prop(ContextKey.OUTCOME)
        score = "no score" if outcome.value is None else f"score {outcome.value!r}"
        return f"{outcome.state} {score} {outcome.message}".rstrip()
    return ""
