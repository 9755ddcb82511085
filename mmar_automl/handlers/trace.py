"""TraceHandler: every event as a line of the trace, wherever the trace goes."""

from __future__ import annotations

from mmar_automl.api import Handler
from mmar_automl.defs import Context, ContextKey, Outcome


class TraceHandler(Handler):
    """Clara's `traceout`: what the engine does, as it does it."""

    def handle_event(self, event: str, ctx: Context) -> None:
        """`engine: end_job W1_1_J1 finished 0.8123`"""
        words = [event]
        if event in ("start_job", "pause_job", "resume_job", "end_job"):
            words.append(ctx.get_prop(ContextKey.JOB_NAME))
        if event == "start_job":
            words.append(ctx.get_prop(ContextKey.RECOMMENDATION).result.dump())
        elif event == "end_job":
            outcome: Outcome = ctx.get_prop(ContextKey.OUTCOME)
            words += [str(outcome.state), "" if outcome.value is None else repr(outcome.natural)]
        elif event == "recommendations_available":
            words.append(str(len(ctx.get_prop(ContextKey.RECOMMENDATIONS))))
        ctx.trace("engine", " ".join(words).strip())
