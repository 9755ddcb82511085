"""Clara's reinforcement learning: a chain of jobs for every combination of the enums."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from mmar_automl.api import Controller
from mmar_automl.controllers.encoding import Array, Encoding
from mmar_automl.controllers.history import History
from mmar_automl.controllers.points import InitialPoints, initial
from mmar_automl.controllers.policy import GaussianPolicy, squashed
from mmar_automl.defs import (
    Choices,
    Context,
    Outcome,
    Recommendation,
    SearchResult,
    SearchSpace,
    Value,
)
from mmar_automl.search.distinct import enumerate_distinct

AT_ONCE = 10_000
"""So many chains run at once; more begin as others end, so that the queue stays bounded."""
_TRIES = 100


@dataclass
class Chain:
    """One combination of the enums, with a policy of its own over the ranges."""

    number: int
    enums: dict[str, Value]
    policy: GaussianPolicy
    rounds: int = 0
    action: Array | None = None
    """What the running job does; None for an initial point, from which nothing is learnt."""


class Chains(Controller):
    """`ReinforcementController` in mode `classic`.

    Every combination has one job under way at most: the ranges' mean first, then what its policy
    draws, `max_rounds` in all. A space of enums alone is its whole product, once.
    """

    def __init__(
        self,
        max_rounds: int,
        max_jobs: int | None,
        seed: int,
        sigma: float,
        learning_rate: float,
        initial_points: InitialPoints,
    ) -> None:
        self._max_rounds = max_rounds
        self._max_jobs = max_jobs
        self._seed = seed
        self._sigma = sigma
        self._learning_rate = learning_rate
        self._initial_points = initial_points

    def set_search_space(self, space: SearchSpace, ctx: Context) -> None:
        """Lay out the chains."""
        self._space = space
        self._encoding = Encoding(space)
        self._history = History(self._encoding)
        self._first = initial(self._initial_points, space)
        self._ranges = [p for p in space if not isinstance(p.domain, Choices)]
        self._places = [i for i, p in enumerate(space) if not isinstance(p.domain, Choices)]
        self._combinations = itertools.count(1), combinations(space)
        self._chains: dict[int, Chain] = {}

    def initial_recommendation(self, ctx: Context) -> list[Recommendation]:
        """The first job of every chain, the first enum varying fastest."""
        made = [self._recommend(point, None) for point in self._first if self._may_propose()]
        while len(self._chains) < AT_ONCE:
            begun = self._begin_chain()
            if begun is None:
                break
            made.append(begun)
        return made

    def refine_recommendation(self, outcome: Outcome, ctx: Context) -> list[Recommendation]:
        """The next job of the chain whose job this was."""
        chain = self._chains.pop(outcome.recommendation_id, None)
        entry = self._history.hear(outcome)
        if chain is None:
            return []
        if entry is not None and not entry.void and chain.action is not None:
            reward = self._history.reward(entry)
            if reward is not None:
                chain.policy.learn(chain.action, reward)
        following = self._continue(chain) or self._begin_chain()
        return [] if following is None else [following]

    def update_outcome(self, outcome: Outcome, ctx: Context) -> None:
        """What became of a job that was paused; its chain has gone on meanwhile."""
        self._history.hear(outcome)

    def _begin_chain(self) -> Recommendation | None:
        numbers, left = self._combinations
        for enums in left if self._may_propose() else ():
            policy = GaussianPolicy(len(self._places), self._sigma, self._learning_rate)
            chain = Chain(next(numbers), enums, policy, action=policy.theta.copy())
            chain.rounds = 1
            assert chain.action is not None
            values = self._values(enums, chain.action)
            if not self._history.knows(values):
                return self._recommend(values, chain)
            following = self._continue(chain)
            if following is not None:
                return following
        return None

    def _continue(self, chain: Chain) -> Recommendation | None:
        if not self._ranges or chain.rounds >= self._max_rounds or not self._may_propose():
            return None
        chain.rounds += 1
        source = np.random.default_rng((self._seed, chain.number, chain.rounds))
        for _ in range(_TRIES):
            chain.action = chain.policy.act(source)
            values = self._values(chain.enums, chain.action)
            if not self._history.knows(values):
                return self._recommend(values, chain)
        return None

    def _values(self, enums: dict[str, Value], action: Array) -> dict[str, Value]:
        row = self._encoding.row(enums)
        row[self._places] = squashed(action)
        values = self._encoding.values(self._encoding.snap(row[None, :])[0])
        return self._space.effective(values | enums)

    def _recommend(self, values: dict[str, Value], chain: Chain | None) -> Recommendation:
        number = len(self._history) + 1
        self._history.propose(number, values)
        if chain is not None:
            self._chains[number] = chain
        return Recommendation(number, SearchResult(self._space, values))

    def _may_propose(self) -> bool:
        return self._max_jobs is None or len(self._history) < self._max_jobs


def combinations(space: SearchSpace) -> Iterator[dict[str, Value]]:
    """Every distinct combination of the enums, the first varying fastest."""
    at_mean = SearchSpace(
        tuple(
            p
            if isinstance(p.domain, Choices)
            else dataclasses.replace(p, domain=dataclasses.replace(p.domain, step=None))
            for p in space
        )
    )
    enums = {p.key for p in space if isinstance(p.domain, Choices)}
    seen = set()
    for values in enumerate_distinct(at_mean, num=1):
        chosen = {key: value for key, value in values.items() if key in enums}
        mark = tuple(chosen.items())
        if mark not in seen:
            seen.add(mark)
            yield chosen
