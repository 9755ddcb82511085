"""What pruners know of trainings: the best score so far at each validation, for each job. Pure."""

from __future__ import annotations

import bisect
import math

from mmar_automl.api import Progress
from mmar_automl.defs import natural

NEVER = -math.inf
"""The score of a training that has had no finite validation yet: worse than any."""

VALIDATIONS = 4
"""How often the first job validates before anybody is judged, unless a grace is asked for: in a
training of few epochs the order at the first validations says little about the order at the end."""


class Curve:
    """One training: the best of its scores up to each epoch that it validated."""

    def __init__(self) -> None:
        self._epochs: list[int] = []
        self._best: list[float] = []

    @property
    def validations(self) -> int:
        """How often it has validated."""
        return len(self._epochs)

    @property
    def best(self) -> float:
        """The best score so far."""
        return self._best[-1] if self._best else NEVER

    def add(self, progress: Progress) -> None:
        """The next validation; the best so far is what a job's score will be made of."""
        score = NEVER if progress.score is None else progress.score
        self._epochs.append(progress.epoch)
        self._best.append(max(score, self.best))

    def reached(self, epoch: int) -> bool:
        """Whether it has validated at that epoch or later."""
        return bool(self._epochs) and self._epochs[-1] >= epoch

    def ends(self, max_epochs: int | None) -> bool:
        """Whether its latest validation is its last: there are too few epochs for another."""
        if max_epochs is None or not self._epochs:
            return False
        interval = self._epochs[-1] - self._epochs[-2] if self.validations > 1 else 0
        return self._epochs[-1] + max(interval, 1) > max_epochs

    def at(self, epoch: int) -> float:
        """The best score up to that epoch; `NEVER` before the first validation."""
        number = bisect.bisect_right(self._epochs, epoch)
        return self._best[number - 1] if number else NEVER

    def on_reaching(self, epoch: int) -> float:
        """The best score by its first validation at that epoch or later, which it has had."""
        return self._best[bisect.bisect_left(self._epochs, epoch)]


class Curves:
    """The trainings of a search by their jobs' names."""

    def __init__(self) -> None:
        self._known: dict[str, Curve] = {}

    def add(self, progress: Progress) -> Curve:
        """Note a validation; the curve that it belongs to."""
        curve = self._known.setdefault(progress.job, Curve())
        curve.add(progress)
        return curve

    def others(self, job: str, epoch: int) -> list[float]:
        """The best scores up to `epoch` of the other jobs that have come so far."""
        return [
            curve.at(epoch)
            for name, curve in self._known.items()
            if name != job and curve.reached(epoch)
        ]


def said(score: float, progress: Progress) -> str:
    """A score for a reason, as the metric has it."""
    return "no score" if score == NEVER else f"{natural(score, progress.minimised):.4g}"


class Grace:
    """The epochs that every job may have before it is judged: one number for the whole search.

    As asked; else fixed by the first job that comes to its fourth validation: the epoch of that
    one, or about a ninth of what the job is to train, whichever is later. Jobs of different
    lengths have to be compared at the same epochs, or each is alone, and the best, at its own.
    Raises `ValueError` for one below 1.
    """

    def __init__(self, asked: int | None) -> None:
        at_least("grace", asked, 1)
        self._asked = asked
        self._epochs = asked

    def after(self, curve: Curve, progress: Progress) -> int | None:
        """The epochs, given a job's latest validation; None as long as nobody is judged."""
        if self._epochs is None and curve.validations >= VALIDATIONS:
            self._epochs = max(progress.epoch, round((progress.max_epochs or 0) / 9))
        return self._epochs

    def __str__(self) -> str:
        """For a description."""
        if self._asked is not None:
            return f"{self._asked} epochs"
        return f"{VALIDATIONS} validations and a ninth of the epochs of the first job"


def at_least(name: str, value: int | None, least: int) -> None:
    """Raises `ValueError` for an argument that is too small."""
    if value is not None and value < least:
        raise ValueError(f"{name} is at least {least}, got {value}")
