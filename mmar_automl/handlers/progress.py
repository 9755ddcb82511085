"""The search as a person follows it: a plain line when a job starts and when it ends."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from typing import Any

from mmar_automl.api import Handler
from mmar_automl.defs import Context, ContextKey, JobState, Outcome, best_of, natural


class ProgressHandler(Handler):
    """Writes each line through `say`, with the best so far and an estimate of what is left."""

    def __init__(self, say: Callable[[str], None]) -> None:
        self._say = say
        self._proposed = 0
        self._ended = 0
        self._seconds = 0.0
        self._best: tuple[float, str, str] | None = None

    def startup(self, ctx: Context) -> None:
        """Know what an earlier process of a resumed search has done."""
        self._proposed = ctx.get_prop(ContextKey.PROPOSED, 0)
        for job in ctx.get_prop(ContextKey.HISTORY, []):
            if job.state.ended and job.state is not JobState.INTERRUPTED:
                self._ended += 1
                self._seconds += job.seconds or 0.0
        best = best_of(ctx.get_prop(ContextKey.HISTORY, []))
        if best is not None and best.score is not None:
            shown = natural(best.score, best.minimised)
            self._best = (best.score, best.name, f"{shown:.4f}")

    def recommendations_available(self, ctx: Context) -> None:
        """Know how much is still to come."""
        self._proposed += len(ctx.get_prop(ContextKey.RECOMMENDATIONS))

    def start_job(self, ctx: Context) -> None:
        """`W1_1_J1 starts: learning_rate=0.003, …`"""
        gpus = ctx.get_prop(ContextKey.GPUS)
        place = f" on GPU {','.join(map(str, gpus))}" if gpus else ""
        verb = "goes on" if ctx.get_prop(ContextKey.LEFT_OVER) else "starts"
        values = describe_values(ctx.get_prop(ContextKey.NAMED_VALUES))
        self._say(f"{ctx.get_prop(ContextKey.JOB_NAME)} {verb}{place}: {values}")

    def pause_job(self, ctx: Context) -> None:
        """`W1_1_J1 paused after epoch 3: 0.41 is …`"""
        outcome: Outcome = ctx.get_prop(ContextKey.OUTCOME)
        self._say(f"{outcome.job_name} paused {outcome.message}")

    def resume_job(self, ctx: Context) -> None:
        """`W1_1_J1 is promoted and goes on`"""
        self._say(f"{ctx.get_prop(ContextKey.JOB_NAME)} is promoted and goes on")

    def end_job(self, ctx: Context) -> None:
        """`W1_1_J1 0.7812 val_mean_dice in 24 s · best 0.7812 (W1_1_J1) · 3/10 · 50 s left`"""
        outcome: Outcome = ctx.get_prop(ContextKey.OUTCOME)
        if outcome.state is JobState.PAUSED:
            return
        seconds = time.time() - ctx.get_prop(ContextKey.JOB_START_TIME)
        self._ended += 1
        self._seconds += seconds
        if outcome.value is not None and outcome.state in (JobState.FINISHED, JobState.PRUNED):
            result = f"{outcome.natural:.4f} {outcome.metric or 'score'}"
            if outcome.state is JobState.PRUNED:
                result += f", pruned {outcome.message},"
            if self._best is None or outcome.value > self._best[0]:
                self._best = (outcome.value, outcome.job_name, f"{outcome.natural:.4f}")
        else:
            result = f"{str(outcome.state).replace('_', ' ')}: {outcome.message}"
        parts = [f"{outcome.job_name} {result} in {duration(seconds)}"]
        if self._best:
            parts.append(f"best {self._best[2]} ({self._best[1]})")
        parts.append(f"{self._ended}/{self._proposed}")
        left = self._proposed - self._ended
        if left > 0:
            workers = min(ctx.get_prop(ContextKey.NUM_WORKERS), left)
            parts.append(f"about {duration(self._seconds / self._ended * left / workers)} left")
        self._say(" · ".join(parts))
        if outcome.state is JobState.FAILED and outcome.tail:
            for line in outcome.tail.splitlines()[-3:]:
                self._say(f"    {line}")
            self._say(f"    the whole log: {ctx.get_prop(ContextKey.JOB_MMAR_ROOT)}/log.txt")


def describe_values(values: Mapping[str, Any]) -> str:
    """`learning_rate=0.00321, UNet.channels=[8, 16]`: floats to four digits."""
    return ", ".join(f"{name}={describe_value(value)}" for name, value in values.items())


def describe_value(value: Any) -> str:
    """A JSON value, short."""
    if isinstance(value, float):
        return f"{value:.4g}"
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def duration(seconds: float) -> str:
    """`0.4 s`, `24 s`, `3:05 min`, `2:10 h`."""
    if seconds < 10:
        return f"{seconds:.1f} s"
    if seconds < 60:
        return f"{seconds:.0f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes}:{rest:02d} min"
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d} h"
