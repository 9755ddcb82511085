"""When a search has had enough."""

from __future__ import annotations

from mmar_automl.defs import FailureClass, Job, JobState
from mmar_automl.engine.events import JobEnded
from mmar_automl.engine.limits import Limits, Plateau, reached


def end(
    job: str,
    score: float | None,
    state: JobState = JobState.FINISHED,
    failure: FailureClass | None = None,
) -> JobEnded:
    return JobEnded(job=job, state=state, score=score, failure=failure, time=0.0)


def test_patience_counts_the_jobs_since_the_last_gain() -> None:
    """A gain of min_delta is none; a paused job counts once; an interruption not at all."""
    plateau = Plateau(Limits(patience=3, min_delta=0.1), ())
    assert plateau.add(end("a", 0.5)) == ""
    assert plateau.add(end("b", 0.55)) == ""
    assert plateau.add(end("c", 0.1, JobState.PAUSED)) == ""
    assert plateau.add(end("d", None, JobState.INTERRUPTED)) == ""
    assert plateau.add(end("e", None, JobState.FAILED, FailureClass.LOST)) == ""
    assert plateau.add(end("c", 0.2)) == ""
    said = plateau.add(end("f", None, JobState.FAILED, FailureClass.DIVERGED))
    assert said == "3 jobs in a row brought no improvement of more than 0.1"


def test_a_resumed_search_counts_on() -> None:
    """From what stands in the journal."""
    history = [end("a", 0.5), end("b", 0.4)]
    assert Plateau(Limits(patience=2), history).add(end("c", 0.3))
    assert Plateau(Limits(patience=2), history).add(end("c", 0.6)) == ""
    assert Plateau(Limits(), history).add(end("c", 0.3)) == ""


def test_a_target_is_the_metrics_own_value() -> None:
    """Where less is better, less reaches it."""
    low = Job(name="J", recommendation_id=1, worker="W1", started=0, score=-0.2, minimised=True)
    assert reached(low, 0.1) == ""
    assert reached(low, 0.2) == "J reached the target score 0.2 with 0.2"
    assert reached(low, 0.3)


def test_what_was_asked_for_is_told() -> None:
    """And nothing that is so anyway."""
    assert Limits().told() == {}
    assert Limits(max_jobs=3, retries=0).told() == {"max_jobs": 3, "retries": 0}
