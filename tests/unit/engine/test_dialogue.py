"""What a resumed search gives its controller back."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Union

import pytest

from mmar_automl.api import Controller, Verdict
from mmar_automl.defs import (
    Context,
    JobState,
    Outcome,
    Recommendation,
    SearchSpace,
)
from mmar_automl.engine.dialogue import Dialogue
from mmar_automl.engine.instructions import TellController, UpdateController
from mmar_automl.engine.state import replay
from mmar_automl.search import parse
from tests.unit.engine.test_pauses import FIRST, Told, ended, freed, reported, resumed
from tests.unit.engine.test_state import made

SPACE = parse(
    {"search": [{"args": ["k"], "type": "int", "domain": "k", "targets": [1, 99]}]}
)  # fmt: skip


class Listener(Controller):
    """Proposes nothing and keeps what it hears. Takes a history whole, or has it replayed."""

    def __init__(self, takes: bool) -> None:
        self.takes = takes
        self.heard: list[tuple[int, Union[JobState, None]]] = []

    def set_search_space(self, space: SearchSpace, ctx: Context) -> None:
        """It needs none."""

    def initial_recommendation(self, ctx: Context) -> list[Recommendation]:
        return []

    def refine_recommendation(self, outcome: Outcome, ctx: Context) -> list[Recommendation]:
        self.heard.append((outcome.recommendation_id, outcome.state))
        return []

    def update_outcome(self, outcome: Outcome, ctx: Context) -> None:
        self.heard.append((outcome.recommendation_id, outcome.state))

    def restore(
        self, history: Sequence[Union[Recommendation, Outcome]], ctx: Context
    ) -> list[Recommendation] | None:
        if not self.takes:
            return None
        self.heard = [
            (item.id, None)
            if isinstance(item, Recommendation)
            else (item.recommendation_id, item.state)
            for item in history
        ]
        return []


def recalled(told: Told, listener: Listener) -> Dialogue:
    dialogue = Dialogue(listener)
    dialogue.begin(SPACE, Context())
    assert dialogue.recall(told.events, replay(told.events), Context()) == []
    return dialogue


def promoted_meanwhile() -> Told:
    """Two workers; the first job was promoted while it was still saving, and the search cut off
    before the controller had answered to its pause."""
    told = Told("W1", "W2")
    told.handle(made(1, 2))
    told.start(1, "W1")
    told.start(2, "W2")
    told.handle(reported(FIRST, 3, 0.1, verdict=Verdict.PAUSE, reason="too low"))
    told.handle(reported("W2_1_J2", 3, 0.05, promote=(FIRST,)))
    told.handle(ended(FIRST, JobState.PAUSED))
    (tell, *_) = told.handle(freed(FIRST))
    assert isinstance(tell, TellController)
    assert tell.job.state is JobState.PAUSED
    assert told.state.jobs[FIRST].state is JobState.QUEUED
    return told


@pytest.mark.parametrize("takes", [True, False], ids=["takes", "replayed"])
def test_a_job_that_was_promoted_while_it_was_being_paused_is_given_back_as_paused(
    takes: bool,
) -> None:
    """As the controller heard of it, not as it was by then."""
    told = promoted_meanwhile()
    told.handle(made(after=FIRST))
    listener = Listener(takes)
    recalled(told, listener)
    assert listener.heard[-1] == (1, JobState.PAUSED)


def test_a_pause_that_nobody_heard_of_is_told_as_such_by_the_resume() -> None:
    """And once: where it is paused again at the same epoch there is nothing new."""
    told = promoted_meanwhile()
    tell = [i for i in told.handle(resumed("W1", "W2")) if isinstance(i, TellController)]
    assert [(i.job.name, i.job.state) for i in tell] == [(FIRST, JobState.PAUSED)]
    told.handle(made(after=FIRST))
    told.start(1, "W1")
    told.handle(ended(FIRST, JobState.PAUSED))
    assert not [i for i in told.handle(freed(FIRST)) if isinstance(i, UpdateController)]


@pytest.mark.parametrize("takes", [True, False], ids=["takes", "replayed"])
def test_what_an_earlier_resume_proposed_beyond_its_journal_is_known(takes: bool) -> None:
    """As one with more workers does: the next resume runs and tells those jobs, too."""
    told = Told("W1")
    told.handle(made(1))
    told.handle(resumed("W1", "W2"))
    told.handle(made(7))
    listener = Listener(takes)
    dialogue = recalled(told, listener)
    assert set(dialogue.recommendations) == {1, 7}
    assert listener.heard == ([(1, None), (7, None)] if takes else [])
