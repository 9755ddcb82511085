"""AshaPruner: successive halving that never waits, with promotion."""

from __future__ import annotations

from collections.abc import Sequence

from mmar_automl.api import GO_ON, Decision, Progress, Pruner
from mmar_automl.pruners.curves import Curves, Grace, at_least
from mmar_automl.pruners.ladder import Ladder


class AshaPruner(Pruner):
    """Asynchronous successive halving (Li et al., A System for Massively Parallel Hyperparameter
    Tuning, MLSys 2020).

    Rungs stand at `grace` epochs (by default where the first job comes to its fourth validation,
    or at a ninth of its epochs, whichever is later) and at `eta` times as many each, at the same
    epochs for all jobs; each has those below its own number of epochs. The best 1/`eta` of those
    that have come to a rung go on, and who is behind them by no more than others have made up by
    the next. The rest are paused there and are promoted once they are among these after all; with
    `promote` false they are stopped for good. Raises `ValueError`.
    """

    def __init__(self, eta: int = 3, grace: int | None = None, promote: bool = True) -> None:
        at_least("eta", eta, 2)
        self._eta = eta
        self._grace = Grace(grace)
        self._promote = promote
        self._curves = Curves()
        self._ladder = Ladder(eta, promote)

    def report(self, progress: Progress) -> Decision:
        """Decide at each rung."""
        curve = self._curves.add(progress)
        first = self._grace.after(curve, progress)
        return GO_ON if first is None else self._ladder.report(progress, curve, first)

    def drained(self, paused: Sequence[str]) -> list[str]:
        """Who is among the best of a rung that has turned out to tell less than it seemed to."""
        return self._ladder.drained(paused)

    def ended(self, job: str, score: float | None) -> None:
        """It needs no promotion any more."""
        self._ladder.ended(job)

    def describe(self) -> str:
        """Where the rungs are."""
        what = "pauses" if self._promote else "stops"
        return (
            f"AshaPruner: {what} all but the best 1/{self._eta} after {self._grace}, "
            f"and at {self._eta} times as many each"
        )
