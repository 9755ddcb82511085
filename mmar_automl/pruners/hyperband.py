"""HyperbandPruner: several ladders side by side, from early and strict to late and lenient."""

from __future__ import annotations

from collections.abc import Sequence

from mmar_automl.api import GO_ON, Decision, Progress, Pruner
from mmar_automl.pruners.curves import Curves, Grace, at_least
from mmar_automl.pruners.ladder import Ladder


class HyperbandPruner(Pruner):
    """Hyperband (Li et al., JMLR 18, 2018), its brackets asynchronous as in AshaPruner.

    Each job belongs to one of `brackets`, whose first rungs stand at `grace`, `grace * eta`, …
    epochs (`grace` as in AshaPruner); it competes with the jobs of its own bracket only. Jobs are
    dealt out so that every bracket trains about as many epochs. Raises `ValueError`.
    """

    def __init__(
        self, eta: int = 3, grace: int | None = None, brackets: int = 2, promote: bool = True
    ) -> None:
        at_least("eta", eta, 2)
        at_least("brackets", brackets, 1)
        self._eta = eta
        self._grace = Grace(grace)
        self._promote = promote
        self._curves = Curves()
        self._ladders = [Ladder(eta, promote) for _ in range(brackets)]
        # Of a bracket that begins later fewer jobs fit into the same epochs.
        self._shares = [eta ** (brackets - 1 - s) * brackets / (brackets - s)
                        for s in range(brackets)]  # fmt: skip
        self._dealt = [0] * brackets
        self._bracket: dict[str, int] = {}

    def report(self, progress: Progress) -> Decision:
        """Decide at each rung of the job's bracket."""
        curve = self._curves.add(progress)
        bracket = self._bracket_of(progress.job)
        first = self._grace.after(curve, progress)
        if first is None:
            return GO_ON
        return self._ladders[bracket].report(progress, curve, first * self._eta**bracket)

    def drained(self, paused: Sequence[str]) -> list[str]:
        """Who is among the best of a rung that has turned out to tell less than it seemed to."""
        return [name for ladder in self._ladders for name in ladder.drained(paused)]

    def ended(self, job: str, score: float | None) -> None:
        """It needs no promotion any more."""
        if job in self._bracket:
            self._ladders[self._bracket[job]].ended(job)

    def _bracket_of(self, job: str) -> int:
        """The bracket of a job: at first the one that is shortest of its share."""
        if job not in self._bracket:
            chosen = min(
                range(len(self._ladders)), key=lambda s: (self._dealt[s] / self._shares[s], s)
            )
            self._dealt[chosen] += 1
            self._bracket[job] = chosen
        return self._bracket[job]

    def describe(self) -> str:
        """The brackets."""
        what = "pauses" if self._promote else "stops"
        return (
            f"HyperbandPruner: {len(self._ladders)} brackets from {self._grace} on, "
            f"each {what} all but the best 1/{self._eta} at its rungs"
        )
