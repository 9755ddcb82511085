"""What pruners know of trainings: the best score so far at each validation, for each job. Pure."""

from __future__ import annotations

import bisect
import math

from mmar_automl.api import Progress
from mmar_automl.defs import natural

NEVER = -math.inf
"""The score of a training that has had no finite validation yet: worse than any."""

VALIDATIONS = 4
"""How often a job has validated before it is judged, unless a grace is asked for: in a training of
few epochs the order at the first validations says little about the order at the end."""


class Curve:
    """One training: the best of its scores up to each epoch that it validated."""

    def __init__(self) -> None:
        self._epochs: list[int] = []
        self._best: list[float] = []

    @property
    def first(self) -> int:
        """The epoch of its first validation."""
        return self._epochs[0]

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

    def at(self, epoch: int) -> float:
        """The best score up to that epoch; `NEVER` before the first validation."""
        number = bisect.bisect_right(self._epochs, epoch)
        return self._best[number - 1] if number else NEVER


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


def grace_of(grace: int | None, curve: Curve, max_epochs: int | None) -> int:
    """The epochs that every job may have: as asked, else about a ninth of what it is to train, and
    as many as its first validations need."""
    if grace is not None:
        return grace
    return max(VALIDATIONS * curve.first, round((max_epochs or 0) / 9))


def grace_said(grace: int | None) -> str:
    """The grace for a description."""
    return (
        f"{VALIDATIONS} validations and a ninth of the epochs"
        if grace is None
        else f"{grace} epochs"
    )


def at_least(name: str, value: int | None, least: int) -> None:
    """Raises `ValueError` for an argument that is too small."""
    if value is not None and value < least:
        raise ValueError(f"{name} is at least {least}, got {value}")
