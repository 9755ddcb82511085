"""What a controller knows: its proposals, and what came of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from mmar_automl.controllers.encoding import Array, Encoding
from mmar_automl.controllers.growth import Growth
from mmar_automl.defs import POLICIES, JobState, Outcome, Value

PENALTY = 0.1
"""How far below the worst score a configuration's own failure counts, in spreads of the scores."""

Mark = tuple[tuple[str, Value], ...]


@dataclass
class Entry:
    """One proposal. `score` counts when `ended`; None then means that it failed by its own fault,
    or has no score. `void` ones say nothing about their configuration."""

    values: Mapping[str, Value]
    row: Array
    ended: bool = False
    void: bool = False
    paused: bool = False
    score: float | None = None
    missing: tuple[int, int] | None = None
    """How far it has trained, of how many epochs, where that is not all of them."""
    heard: int = 0
    """How much of its curve is known."""


class History:
    """Proposals by id, in order; scores are higher-is-better."""

    def __init__(self, encoding: Encoding) -> None:
        self.encoding = encoding
        self.entries: dict[int, Entry] = {}
        self._observed: list[Entry] = []
        self._marks: set[Mark] = set()
        self._waiting: set[int] = set()
        self._growth = Growth()
        self.best: float | None = None
        """The highest score so far."""
        self._worst: float | None = None
        self._revisions = 0
        self._guesses = False

    def __len__(self) -> int:
        return len(self.entries)

    def propose(self, number: int, values: Mapping[str, Value]) -> Entry:
        """Note a proposal; values are the active ones."""
        entry = Entry(values, self.encoding.row(values))
        self.entries[number] = entry
        self._marks.add(mark(values))
        self._waiting.add(number)
        return entry

    @property
    def version(self) -> tuple[int, int]:
        """Another one whenever an outcome or an expected score is another."""
        return len(self._observed), self._revisions

    def knows(self, values: Mapping[str, Value]) -> bool:
        """Whether this very configuration was proposed before."""
        return mark(values) in self._marks

    def hear(self, outcome: Outcome) -> Entry | None:
        """Note what came of a proposal; None for one that was not proposed here, or runs again.

        What an infrastructure fault, an interruption or a drop ended says nothing about the
        configuration; any other end without a finite score is as bad as the worst. A paused job
        counts with what is known of it, until more of it is heard.
        """
        entry = self.entries.get(outcome.recommendation_id)
        settled = outcome.state.ended or outcome.state is JobState.PAUSED
        if entry is None or not settled or (entry.ended and not (entry.void or entry.paused)):
            return None
        # What the others are expected to come to may change with every curve.
        self._revisions += entry.paused or self._guesses
        if entry.paused:
            return self._revise(entry, outcome)
        self._waiting.discard(outcome.recommendation_id)
        entry.ended = True
        entry.paused = outcome.state is JobState.PAUSED
        entry.score = outcome.value
        self._follow(entry, outcome)
        entry.void = outcome.state in (JobState.INTERRUPTED, JobState.DROPPED) or (
            outcome.failure is not None and not POLICIES[outcome.failure].observation
        )
        if not entry.void:
            self._observed.append(entry)
            self._lead(entry)
        return entry

    def _revise(self, entry: Entry, outcome: Outcome) -> Entry:
        """A paused job has trained further; what ends by no fault of its own stays as it was."""
        fault = outcome.failure is not None and not POLICIES[outcome.failure].observation
        entry.paused = outcome.state is JobState.PAUSED
        if not fault and outcome.state is not JobState.INTERRUPTED:
            entry.score = outcome.value
            self._follow(entry, outcome)
            self._lead(entry)
        return entry

    def _lead(self, entry: Entry) -> None:
        if entry.score is not None and (self.best is None or entry.score > self.best):
            self.best = entry.score
        if entry.score is not None and (self._worst is None or entry.score < self._worst):
            self._worst = entry.score

    def _follow(self, entry: Entry, outcome: Outcome) -> None:
        """Learn from what is new of a job's curve, and note how much of it is missing."""
        curve = outcome.curve
        self._growth.learn(curve[max(0, entry.heard - 1) :])
        entry.heard = len(curve)
        entry.missing = None
        cut = outcome.state in (JobState.PAUSED, JobState.PRUNED)
        if cut and outcome.trained is not None and outcome.max_epochs is not None:
            entry.missing = outcome.trained, outcome.max_epochs
            self._guesses = True

    def expected(self, entry: Entry) -> float | None:
        """Its score; of a job that was cut short, what it would have come to as others did.

        That is no more than the best score that any job had: a guess must not lead.
        """
        if entry.score is None or entry.missing is None:
            return entry.score
        hoped = entry.score + self._growth.gain(*entry.missing)
        return hoped if self.best is None else min(hoped, self.best)

    def reward(self, entry: Entry) -> float | None:
        """The expected score of one that has ended; of a failure, a little below the worst score.

        None for a failure while there is no score to compare it with.
        """
        expected = self.expected(entry)
        if expected is not None or self.best is None or self._worst is None:
            return expected
        return _penalised(self._worst, self.best)

    @property
    def pending(self) -> list[Entry]:
        """The proposals whose jobs have not ended."""
        return [self.entries[number] for number in sorted(self._waiting)]

    @property
    def observed(self) -> list[Entry]:
        """What has ended and says something, in the order of its end."""
        return self._observed

    def data(self) -> tuple[Array, Array]:
        """Rows of shape (n, d) and scores of shape (n,), one for each observation.

        Of a job that was cut short it is the expected score. Failures count as a little worse than
        the worst score.
        """
        observed = self.observed
        rows = np.array([entry.row for entry in observed]).reshape(
            len(observed), len(self.encoding.axes)
        )
        scores = np.array(
            [np.nan if s is None else s for s in map(self.expected, observed)], dtype=float
        )
        finite = scores[~np.isnan(scores)]
        if len(finite):
            low, high = float(finite.min()), float(finite.max())
            scores[np.isnan(scores)] = _penalised(low, high)
        else:
            scores[:] = 0.0
        return rows, scores


def _penalised(worst: float, best: float) -> float:
    """What a failure counts; where all scores are alike, their size stands in for the spread."""
    return worst - PENALTY * ((best - worst) or abs(best) or 1.0)


def mark(values: Mapping[str, Value]) -> Mark:
    """What tells one configuration from another.

    Of a float that is nine digits: what was computed from a row (0.009999999999999998) is the very
    configuration that the config holds (0.01).
    """
    return tuple(
        (key, float(f"{value:.9g}") if isinstance(value, float) else value)
        for key, value in sorted(values.items())
    )
