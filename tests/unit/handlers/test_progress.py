"""What a person reads while a search runs."""

from __future__ import annotations

import time
from typing import Any

from mmar_automl.defs import Context, ContextKey, FailureClass, JobState, Outcome
from mmar_automl.handlers.progress import ProgressHandler, describe_values, duration


def context(**given: Any) -> Context:
    ctx = Context()
    ctx.set_prop(ContextKey.NUM_WORKERS, 2)
    ctx.set_prop(ContextKey.RECOMMENDATIONS, [1, 2, 3])
    ctx.set_prop(ContextKey.JOB_NAME, "W1_1_J1")
    ctx.set_prop(ContextKey.JOB_START_TIME, time.time() - 20)
    ctx.set_prop(ContextKey.JOB_MMAR_ROOT, "/mmar/automl/run_a/W1_1_J1")
    ctx.set_prop(ContextKey.GPUS, given.pop("gpus", []))
    ctx.set_prop(ContextKey.NAMED_VALUES, {"learning_rate": 0.001234567, "norm": "batch"})
    outcome = {"recommendation_id": 1, "job_name": "W1_1_J1", "state": JobState.FINISHED, **given}
    ctx.set_prop(ContextKey.OUTCOME, Outcome(**outcome))
    return ctx


def test_a_job_that_ends_is_told_with_score_best_count_and_time_left() -> None:
    """Everything on one line."""
    lines: list[str] = []
    handler = ProgressHandler(lines.append)
    handler.recommendations_available(context())
    handler.start_job(context(gpus=[0, 1]))
    handler.end_job(context(value=0.78125, metric="val_mean_dice"))
    assert lines[0] == "W1_1_J1 starts on GPU 0,1: learning_rate=0.001235, norm=batch"
    assert lines[1] == (
        "W1_1_J1 0.7812 val_mean_dice in 20 s · best 0.7812 (W1_1_J1) · 1/3 · about 20 s left"
    )


def test_a_failure_is_told_with_its_last_lines_and_its_log() -> None:
    """Nobody should have to look for the reason."""
    lines: list[str] = []
    ProgressHandler(lines.append).end_job(
        context(
            state=JobState.FAILED,
            failure=FailureClass.EXIT_STATUS,
            message="ended with exit status 1",
            tail="one\ntwo\nthree\nfour",
        )
    )
    assert lines[0].startswith("W1_1_J1 failed: ended with exit status 1 in 20 s")
    assert lines[1:] == [
        "    two",
        "    three",
        "    four",
        "    the whole log: /mmar/automl/run_a/W1_1_J1/log.txt",
    ]


def test_values_and_durations_are_short() -> None:
    """Floats to four digits; lists as JSON; hours when there are any."""
    assert describe_values({"a": [1, None], "b": True, "c": 1e-5}) == "a=[1, null], b=true, c=1e-05"
    assert [duration(s) for s in (0.44, 9.96, 59.4, 185, 7800)] == [
        "0.4 s",
        "10.0 s",
        "59 s",
        "3:05 min",
        "2:10 h",
    ]
