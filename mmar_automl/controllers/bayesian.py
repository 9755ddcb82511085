"""BayesianController: a Gaussian process proposes where it expects the most improvement."""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor

import numpy as np
import numpy.typing as npt
from threadpoolctl import threadpool_limits

from mmar_automl.controllers.acquisition import most_promising
from mmar_automl.controllers.encoding import Array, Mask
from mmar_automl.controllers.gp import Shape, Surrogate, fit, standardised
from mmar_automl.controllers.history import History
from mmar_automl.controllers.points import InitialPoints
from mmar_automl.controllers.proposer import Proposer
from mmar_automl.controllers.sobol import Spread
from mmar_automl.defs import Context, Value

DESIGN = 4
"""Configurations before the process has anything to go by."""
MOST = 150
"""Of more outcomes than this the process is given the best half and the latest half."""
SOON = 25
"""Below this many outcomes hyperparameters are fitted to all of them before each proposal, which
takes milliseconds; above, beside the engine, to what was known at the proposal before."""


class Expectation:
    """A Gaussian process given the history, its hyperparameters fitted while jobs run.

    What it proposes is a function of the seed, the history, and what was known at the proposal
    before: `prepare` has to be called before anything else is heard.
    """

    def __init__(self, history: History, seed: int) -> None:
        self._history = history
        self._seed = seed
        self._known = 0, 0
        self._fitting: tuple[tuple[int, int], Future[Shape]] | None = None
        self._beside: ThreadPoolExecutor | None = None
        # The cores are the trainings', and so small matrices gain nothing from more threads.
        threadpool_limits(limits=1, user_api="blas")

    def proposed(self) -> None:
        """Note what was known when something was proposed."""
        self._known = self._history.version

    def prepare(self) -> None:
        """Begin to fit what the next proposal needs."""
        if self._known[0] >= SOON and (self._fitting is None or self._fitting[0] != self._known):
            if self._beside is None:
                self._beside = ThreadPoolExecutor(1, "surrogate")
            rows, targets = self._data()
            enums = self._history.encoding.enums
            self._fitting = self._known, self._beside.submit(_fitted, rows, targets, enums)

    def close(self) -> None:
        """End the thread."""
        if self._beside is not None:
            self._beside.shutdown(cancel_futures=True)
            self._beside = None

    def propose(self, number: int) -> dict[str, Value] | None:
        """The most promising configuration that was not proposed, pending ones accounted for."""
        model = self.model()
        if model is None:
            return None
        encoding = self._history.encoding
        source = np.random.default_rng((self._seed, number))
        for row in most_promising(model, encoding, source):
            values = encoding.values(row)
            if not self._history.knows(values):
                return values
        return None

    def model(self) -> Surrogate | None:
        """The process given everything that is known; None without any outcome."""
        rows, targets = self._data()
        if not len(targets):
            return None
        pending = np.array([entry.row for entry in self._history.pending])
        enums = self._history.encoding.enums
        return Surrogate(rows, targets, enums, self._shape(rows, targets)).believing(pending)

    def _shape(self, rows: Array, targets: Array) -> Shape:
        if self._known[0] < SOON:
            return _fitted(rows, targets, self._history.encoding.enums)
        self.prepare()
        assert self._fitting is not None
        return self._fitting[1].result()

    def _data(self) -> tuple[Array, Array]:
        rows, scores = self._history.data()
        if len(scores) > MOST:
            kept = _kept(scores)
            rows, scores = rows[kept], scores[kept]
        return rows, standardised(scores) if len(scores) else scores


def _fitted(rows: Array, targets: Array, enums: Mask) -> Shape:
    return fit(rows, targets, enums, Shape.prior(enums))


def _kept(scores: Array) -> npt.NDArray[np.intp]:
    """Places of the best and of the latest, in order."""
    best = np.argsort(-scores, kind="stable")[: MOST // 2]
    latest = np.arange(len(scores))[-(MOST - MOST // 2) :]
    return np.union1d(best, latest)


class BayesianController(Proposer):
    """Bayesian optimisation: a Gaussian process, and the augmented expected improvement.

    A quasi-random design of `initial_design` configurations (4), then the maximum of that
    improvement given all outcomes, jobs that still run being expected to come out as predicted
    (Ginsbourger et al., 2010). For up to a few hundred jobs and some twenty parameters.
    """

    def __init__(
        self,
        max_jobs: int | None = None,
        seed: int = 0,
        initial_points: InitialPoints = "none",
        initial_design: int = DESIGN,
    ) -> None:
        super().__init__(max_jobs, seed, initial_points)
        if initial_design < 1:
            raise ValueError(f"initial_design is at least 1, got {initial_design}")
        self.ahead = self._design = initial_design

    def _begin(self) -> None:
        self._spread = Spread(self._encoding, self._seed)
        self._expectation = Expectation(self._history, self._seed)

    def _next(self, number: int) -> dict[str, Value] | None:
        if number < self._design:
            return self._spread.point(number)
        return self._expectation.propose(number)

    def _proposed(self, number: int) -> None:
        self._expectation.proposed()

    def _ponder(self) -> None:
        self._expectation.prepare()

    def shutdown(self, ctx: Context) -> None:
        """End the thread that fits."""
        self._expectation.close()

    def describe(self) -> str:
        """The budget and the seed."""
        return f"BayesianController: Gaussian process, {self._budget()}"
