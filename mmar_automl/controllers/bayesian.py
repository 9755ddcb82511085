"""BayesianController: a Gaussian process proposes where it expects the most improvement."""

from __future__ import annotations

import numpy as np

from mmar_automl.controllers.acquisition import most_promising
from mmar_automl.controllers.gp import Shape, Surrogate, fit, standardised
from mmar_automl.controllers.history import History
from mmar_automl.controllers.points import InitialPoints
from mmar_automl.controllers.proposer import Proposer
from mmar_automl.controllers.sobol import Spread
from mmar_automl.defs import Value

MOST = 150
"""With more outcomes than this the process looks at the best and at the latest ones alone."""


class Expectation:
    """A Gaussian process that keeps its hyperparameters from one proposal to the next."""

    def __init__(self, history: History, seed: int) -> None:
        self._history = history
        self._seed = seed
        self._shape: Shape | None = None

    def propose(self, number: int) -> dict[str, Value] | None:
        """The most promising configuration that was not proposed, pending ones accounted for."""
        source = np.random.default_rng((self._seed, number))
        model = self.model()
        if model is None:
            return None
        encoding = self._history.encoding
        for row in most_promising(model, encoding, source):
            values = encoding.values(row)
            if not self._history.knows(values):
                return values
        return None

    def model(self) -> Surrogate | None:
        """The process given everything that is known; None without any outcome."""
        rows, scores = self._history.data()
        if not len(scores):
            return None
        if len(scores) > MOST:
            kept = _kept(scores)
            rows, scores = rows[kept], scores[kept]
        enums = self._history.encoding.enums
        targets = standardised(scores)
        self._shape = fit(rows, targets, enums, self._shape or Shape.prior(enums))
        pending = np.array([entry.row for entry in self._history.pending])
        return Surrogate(rows, targets, enums, self._shape).believing(pending)


def _kept(scores: np.ndarray) -> np.ndarray:
    """Places of the best half and the latest half of `MOST`, in order."""
    best = np.argsort(-scores, kind="stable")[: MOST // 2]
    latest = np.arange(len(scores))[-(MOST - MOST // 2) :]
    return np.union1d(best, latest)


class BayesianController(Proposer):
    """Bayesian optimisation with a Gaussian process and noisy expected improvement.

    A quasi-random design of max(4, d + 1) configurations, d being the number of parameters, then
    the maximum of the expected improvement given all outcomes, jobs that still run being expected
    to come out as predicted (Ginsbourger et al., 2010). Best for up to a few hundred jobs and some
    twenty parameters. `initial_design` overrides the size of the design.
    """

    def __init__(
        self,
        max_jobs: int | None = None,
        seed: int = 0,
        initial_points: InitialPoints = "none",
        initial_design: int | None = None,
    ) -> None:
        super().__init__(max_jobs, seed, initial_points)
        self._design = initial_design

    def _begin(self) -> None:
        self._spread = Spread(self._encoding, self._seed)
        self._expectation = Expectation(self._history, self._seed)
        if self._design is None:
            self._design = max(4, len(self._space) + 1)
        self.ahead = self._design

    def _next(self, number: int) -> dict[str, Value] | None:
        assert self._design is not None
        if number < self._design:
            return self._spread.point(number)
        return self._expectation.propose(number)

    def describe(self) -> str:
        """The budget and the seed."""
        return f"BayesianController: Gaussian process, {self._budget()}"
