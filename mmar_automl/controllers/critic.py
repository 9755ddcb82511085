"""Reinforcement learning with a model: a policy that is improved on imagined rewards."""

from __future__ import annotations

import itertools
import math
from collections import Counter

import numpy as np
from scipy.stats import spearmanr

from mmar_automl.controllers.bayesian import Expectation
from mmar_automl.controllers.chains import combinations
from mmar_automl.controllers.encoding import Array, Encoding
from mmar_automl.controllers.gp import Surrogate
from mmar_automl.controllers.points import InitialPoints
from mmar_automl.controllers.proposer import Proposer
from mmar_automl.controllers.sobol import Spread
from mmar_automl.defs import Context, Value

DESIGN = 4
INNER_STEPS, SAMPLES, UNIFORM, ELITE = 4, 256, 64, 32
ACTIONS = 64
KEPT = 0.3
"""How much of the old policy a step keeps."""
WIDEST, NARROWEST, ANNEALED = 0.35, 0.06, 0.12
TRUST = 0.2
"""Below this rank correlation with scores that it has not seen, the critic is not heard."""
FREE = 0.05
"""The probability that a policy spreads evenly over the choices of an enum, whatever it learns."""
VISITS = 2
"""So often each combination of the enums is tried before the policy may drop it."""
SPARED = 0.25
"""The share of the budget that these visits may take; where they would take more, there are none,
for then they cost more than they find (docs/benchmarks.md)."""


class JointPolicy:
    """Independent Gaussians over the ranges and categorical distributions over the enums."""

    def __init__(self, encoding: Encoding, enums: Array | None = None) -> None:
        self._encoding = encoding
        self._fixed = enums
        size = len(encoding.axes)
        self.mean, self.variance = np.full(size, 0.5), np.full(size, WIDEST**2)
        self.chances = [np.full(k, 1.0 / k) if k else np.empty(0) for k in encoding.choices]

    def sample(self, number: int, source: np.random.Generator) -> Array:
        """Rows of shape (number, d)."""
        drawn = self.mean + np.sqrt(self.variance) * source.normal(size=(number, len(self.mean)))
        # Reflected at the borders, where clipping would pile up.
        rows = 1.0 - np.abs(1.0 - np.abs(drawn))
        for place, chances in enumerate(self.chances):
            if len(chances):
                rows[:, place] = source.choice(len(chances), size=number, p=chances)
        return self._placed(rows)

    def centre(self) -> Array:
        """The row of shape (1, d) in the middle of the policy."""
        return self._placed(self.mean[None, :].copy())

    def uniform(self, number: int, source: np.random.Generator) -> Array:
        """Rows from all over the space."""
        return self._placed(
            self._encoding.from_cube(source.random((number, len(self._encoding.axes))))
        )

    def _placed(self, rows: Array) -> Array:
        if self._fixed is not None:
            enums = self._encoding.enums
            rows[:, enums] = self._fixed[enums]
        return self._encoding.snap(rows)

    def improve(self, model: Surrogate, narrowest: float, source: np.random.Generator) -> None:
        """Move towards what the critic expects and hopes (mean plus one deviation) to be good.

        A step of relative entropy policy search (Peters et al., AAAI 2010) with weights by rank,
        max(0, log(ELITE + 1/2) - log rank), as in CMA-ES.
        """
        for step in range(INNER_STEPS):
            rows = self.sample(SAMPLES, source)
            if step == 0:
                rows = np.vstack([rows, self.uniform(UNIFORM, source)])
            mean, deviation = model.posterior(rows)
            elite = rows[np.argsort(-(mean + deviation), kind="stable")[:ELITE]]
            weights = math.log(ELITE + 0.5) - np.log(np.arange(1, len(elite) + 1))
            weights /= weights.sum()
            before = self.mean
            self.mean = KEPT * before + (1 - KEPT) * weights @ elite
            spread = weights @ (elite - before) ** 2
            self.variance = np.clip(
                KEPT * self.variance + (1 - KEPT) * spread, narrowest**2, WIDEST**2
            )
            for place, chances in enumerate(self.chances):
                if len(chances):
                    hit = elite[:, place][:, None] == np.arange(len(chances))
                    learnt = KEPT * chances + (1 - KEPT) * weights @ hit
                    learnt = learnt / learnt.sum() if learnt.sum() > 0 else chances
                    self.chances[place] = (1 - FREE) * learnt + FREE / len(chances)


class Critic(Proposer):
    """`ReinforcementController` in mode `critic`.

    All outcomes train one Gaussian process over ranges and enums together. Before each proposal
    the policy takes a few steps on rewards that the process imagines, and acts by Thompson
    sampling: the best of 64 of its samples under one joint draw of the process, so that jobs which
    run at the same time differ. With `product`, every combination of the enums has a policy of
    its own, in turn; else one policy holds the enums, too, and no combination is dropped before it
    had two jobs, where a quarter of the budget suffices for that.
    """

    def __init__(
        self, max_jobs: int, seed: int, product: bool, initial_points: InitialPoints
    ) -> None:
        super().__init__(max_jobs, seed, initial_points)
        self._product = product
        self.ahead = DESIGN

    def _begin(self) -> None:
        self._spread = Spread(self._encoding, self._seed)
        self._expectation = Expectation(self._history, self._seed)
        self._policies = [JointPolicy(self._encoding)]
        if self._product:
            each = itertools.islice(combinations(self._space), self._max_jobs)
            self._policies = [JointPolicy(self._encoding, self._encoding.row(c)) for c in each]
            self.ahead = len(self._policies)
        self._model: Surrogate | None = None
        self._wanted = {} if self._product else self._to_be_visited()

    def _to_be_visited(self) -> dict[tuple[float, ...], Array]:
        """Each combination of the enums as a row, by its enums; none if there is no room."""
        most = int(SPARED * self._max_jobs) // VISITS
        found = list(itertools.islice(combinations(self._space), most + 1))
        rows = [self._encoding.row(chosen) for chosen in found]
        room = 1 < len(rows) <= most
        return {tuple(row[self._encoding.enums]): row for row in rows} if room else {}

    def _owed(self) -> list[Array]:
        """The combinations that have not had their visits yet, in order."""
        enums = self._encoding.enums
        visits = Counter(tuple(entry.row[enums]) for entry in self._history.entries.values())
        return [row for chosen, row in self._wanted.items() if visits[chosen] < VISITS]

    def _visiting(self, rows: Array) -> Array:
        """The same actions with the combinations that are owed a visit, if there are any."""
        owed = self._owed() if self._wanted else []
        if not owed:
            return rows
        enums = self._encoding.enums
        rows[:, enums] = np.array(owed)[np.arange(len(rows)) % len(owed)][:, enums]
        return self._encoding.snap(rows)

    def _before(self, number: int) -> None:
        self._model = self._expectation.model()
        if self._model is None:
            return
        source = np.random.default_rng((self._seed, number, 1))
        left = 1.0 - number / self._max_jobs
        narrowest = NARROWEST + ANNEALED * max(0.0, left)
        self._policies[number % len(self._policies)].improve(self._model, narrowest, source)

    def _next(self, number: int) -> dict[str, Value] | None:
        policy = self._policies[number % len(self._policies)]
        source = np.random.default_rng((self._seed, number, 2))
        if self._product and number < len(self._policies):
            return self._encoding.values(policy.centre()[0])
        if self._model is None or (not self._product and number < DESIGN):
            return self._spread.point(number)
        if not self._trusted() and source.random() < 0.25:
            return self._encoding.values(self._visiting(policy.uniform(1, source))[0])
        actions = np.vstack([policy.sample(ACTIONS, source), policy.uniform(ACTIONS // 4, source)])
        rows = np.unique(self._visiting(actions), axis=0)
        if self._trusted():
            drawn = self._model.draws(rows, source.normal(size=(len(rows), 1)))[:, 0]
            rows = rows[np.argsort(-drawn, kind="stable")]
        else:
            # `unique` has sorted them: the first would be the smallest of the space.
            rows = source.permutation(rows)
        for row in rows:
            values = self._encoding.values(row)
            if not self._history.knows(values):
                return values
        return None

    def _trusted(self) -> bool:
        """Whether the critic orders scores that it is not shown (cf. DyNA-PPO, ICLR 2020)."""
        assert self._model is not None
        scores = self._model.scores
        if len(scores) < 8 or np.ptp(scores) == 0.0:
            return True
        expected = self._model.left_out()[0]
        if np.ptp(expected) == 0.0:
            return False
        return bool(spearmanr(expected, scores).statistic >= TRUST)

    def _proposed(self, number: int) -> None:
        # At once, so that the policy of a search that is taken up learns from the same process.
        self._expectation.proposed()
        self._expectation.prepare()

    def shutdown(self, ctx: Context) -> None:
        """End the thread that fits."""
        self._expectation.close()
