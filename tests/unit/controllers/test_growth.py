"""What controllers take a job for that was cut short."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from mmar_automl.controllers.encoding import Encoding
from mmar_automl.controllers.growth import Growth
from mmar_automl.controllers.history import History
from mmar_automl.defs import JobState, Outcome
from mmar_automl.search import parse


def test_growth_is_the_mean_gain_of_those_who_trained() -> None:
    """Of each epoch by itself, so that whoever stopped early speaks for the beginning."""
    growth = Growth()
    assert growth.gain(2, 8) == 0.0
    growth.learn([(2, 0.2), (4, 0.4), (8, 0.6)])
    growth.learn([(2, 0.1), (4, 0.2)])
    assert growth.gain(4, 8) == pytest.approx(0.2)
    assert growth.gain(6, 8) == pytest.approx(0.1)
    assert growth.gain(2, 8) == pytest.approx(0.15 + 0.2)
    assert growth.gain(2, 100) == growth.gain(2, 8)
    assert growth.gain(8, 8) == growth.gain(9, 8) == 0.0


def history() -> History:
    """With three proposals."""
    entry = {"args": ["x"], "type": "float", "domain": "net", "targets": [0, 1]}
    found = History(Encoding(parse({"search": [entry]})))
    for number, row in enumerate(([0.1], [0.5], [0.9]), start=1):
        found.propose(number, found.encoding.values(np.array(row)))
    return found


def outcome(number: int, state: JobState, *scores: float, **given: Any) -> Outcome:
    """One that validated after each epoch, of four."""
    return Outcome(
        recommendation_id=number, job_name=f"J{number}", state=state,
        **{"value": scores[-1], "trained": len(scores), "max_epochs": 4,
           "curve": tuple(enumerate(scores, start=1)), **given},
    )  # fmt: skip


def test_a_paused_job_is_expected_to_grow_as_others_did() -> None:
    """Its early score is no final one; its own further training is worth more than the guess."""
    known = history()
    known.hear(outcome(1, JobState.FINISHED, 0.1, 0.3, 0.5, 0.8))
    known.hear(outcome(2, JobState.PAUSED, 0.05, 0.1))
    assert known.data()[1].tolist() == pytest.approx([0.8, 0.1 + 0.5])
    known.hear(outcome(2, JobState.PAUSED, 0.05, 0.1, 0.2))
    assert known.data()[1].tolist() == pytest.approx([0.8, 0.2 + 0.3])
    known.hear(outcome(2, JobState.FINISHED, 0.05, 0.1, 0.2, 0.25))
    assert known.data()[1].tolist() == pytest.approx([0.8, 0.25])
    # Each part of a curve counts once: the last epoch gained 0.3 and 0.05.
    known.hear(outcome(3, JobState.PRUNED, 0.1, 0.2, 0.3))
    assert known.data()[1][2] == pytest.approx(0.3 + (0.3 + 0.05) / 2)


def test_a_guess_does_not_lead() -> None:
    """What was not trained is expected to be no better than the best that was."""
    known = history()
    known.hear(outcome(1, JobState.FINISHED, 0.1, 0.3, 0.5, 0.8))
    known.hear(outcome(2, JobState.PAUSED, 0.6))
    assert known.data()[1].tolist() == pytest.approx([0.8, 0.8])


def test_scores_without_a_curve_stand_as_they_are() -> None:
    """Where no pruner watches, and in the journals of earlier versions."""
    known = history()
    known.hear(outcome(1, JobState.FINISHED, 0.8, curve=(), trained=None, max_epochs=None))
    known.hear(outcome(2, JobState.PRUNED, 0.2, curve=()))
    known.hear(outcome(3, JobState.PAUSED, 0.3, curve=(), max_epochs=None))
    assert known.data()[1].tolist() == pytest.approx([0.8, 0.2, 0.3])
