"""AshaPruner: successive halving that never waits, with promotion."""

from __future__ import annotations

from mmar_automl.api import Decision, Progress, Pruner
from mmar_automl.pruners.curves import Curves, at_least, grace_of, grace_said
from mmar_automl.pruners.ladder import Ladder


class AshaPruner(Pruner):
    """Asynchronous successive halving (Li et al., A System for Massively Parallel Hyperparameter
    Tuning, MLSys 2020).

    Rungs stand at `grace` epochs (by default a ninth of a job's epochs, and four validations) and
    at `eta` times as many each. The best 1/`eta` of those that have come to a rung go on, the
    others are paused there and are promoted once they are among the best after all; with `promote`
    false they are stopped for good. Raises `ValueError`.
    """

    def __init__(self, eta: int = 3, grace: int | None = None, promote: bool = True) -> None:
        at_least("eta", eta, 2)
        at_least("grace", grace, 1)
        self._eta = eta
        self._grace = grace
        self._promote = promote
        self._curves = Curves()
        self._ladder = Ladder(eta, promote)

    def report(self, progress: Progress) -> Decision:
        """Decide at each rung."""
        curve = self._curves.add(progress)
        return self._ladder.report(
            progress, curve, grace_of(self._grace, curve, progress.max_epochs)
        )

    def ended(self, job: str, score: float | None) -> None:
        """It needs no promotion any more."""
        self._ladder.ended(job)

    def describe(self) -> str:
        """Where the rungs are."""
        what = "pauses" if self._promote else "stops"
        return (
            f"AshaPruner: {what} all but the best 1/{self._eta} after {grace_said(self._grace)}, "
            f"and at {self._eta} times as many each"
        )
