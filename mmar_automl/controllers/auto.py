"""AutoController: the default. It chooses the method, and says why."""

from __future__ import annotations

from mmar_automl.controllers.bayesian import DESIGN, Expectation
from mmar_automl.controllers.points import InitialPoints
from mmar_automl.controllers.proposer import Proposer
from mmar_automl.controllers.sobol import Spread
from mmar_automl.controllers.tpe import Estimator
from mmar_automl.defs import Context, Value

MOST_DIMENSIONS = 40
"""A Gaussian process over more parameters has too few outcomes to tell them apart."""
MOST_OUTCOMES = 200
"""From here on a Gaussian process would have to forget, and the Parzen estimator need not."""


class AutoController(Proposer):
    """The config's own values first, then what suits the space and the budget.

    A finite space that is not larger than the budget is enumerated. Otherwise a quasi-random
    design of four configurations, the config's own among them, then a Gaussian process with
    augmented expected improvement (`BayesianController`), conditions or not; for more than
    40 parameters, and from 200 outcomes on, the Parzen estimator (`TPEController`). The rule is
    measured: docs/benchmarks.md.
    """

    def __init__(
        self, max_jobs: int | None = None, seed: int = 0, initial_points: InitialPoints = "default"
    ) -> None:
        super().__init__(max_jobs, seed, initial_points)
        self.ahead = DESIGN
        self._why = ""

    def _begin(self) -> None:
        self._spread = Spread(self._encoding, self._seed)
        self._expectation = Expectation(self._history, self._seed)
        self._estimator: Estimator | None = None
        self._enumerated = self._count is not None and self._count <= self._max_jobs
        if self._enumerated:
            self.ahead = self._max_jobs
            self._why = f"all {self._count} configurations of the space"
            return
        size = len(self._space)
        self._large = size > MOST_DIMENSIONS
        of = f"{self._count} configurations" if self._count else "a continuous space"
        method = "Parzen estimator" if self._large else "Gaussian process"
        self._why = (
            f"{of}, {size} {'parameter' if size == 1 else 'parameters'}: "
            f"quasi-random, then a {method}"
        )

    def _next(self, number: int) -> dict[str, Value] | None:
        if self._enumerated:
            return self._in_order()
        if number < DESIGN:
            return self._spread.point(number)
        if self._large or len(self._history.observed) >= MOST_OUTCOMES:
            if self._estimator is None:
                self._estimator = Estimator(self._history, self._space, self._seed)
            return self._estimator.propose(number)
        return self._expectation.propose(number)

    def _proposed(self, number: int) -> None:
        self._expectation.proposed()

    def _ponder(self) -> None:
        outcomes = len(self._history.observed)
        if not self._enumerated and not self._large and outcomes < MOST_OUTCOMES:
            self._expectation.prepare()

    def shutdown(self, ctx: Context) -> None:
        """End the thread that fits."""
        self._expectation.close()

    def describe(self) -> str:
        """What was chosen and why, the budget and the seed."""
        return f"AutoController: {self._why + ', ' if self._why else ''}{self._budget()}"
