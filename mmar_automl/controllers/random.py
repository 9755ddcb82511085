"""RandomController: independent draws, no configuration twice."""

from __future__ import annotations

import random

from mmar_automl.api import Controller
from mmar_automl.controllers.draw import Fresh
from mmar_automl.controllers.history import Mark, mark
from mmar_automl.controllers.points import InitialPoints, initial
from mmar_automl.defs import (
    Context,
    Outcome,
    Recommendation,
    SearchResult,
    SearchSpace,
    Value,
)

MAX_JOBS = 32
AT_ONCE = 10_000
"""A larger budget is drawn as jobs end, so that the queue stays bounded."""
_TRIES = 1000
"""So many draws in a row without a new configuration, and what is left comes in order."""


class RandomController(Controller):
    """Uniform draws (log-uniform on a log scale), as in Bergstra and Bengio, JMLR 13 (2012).

    `max_jobs` is the number of jobs, 32 by default; `max_rounds`, Clara's name for it, counts
    where `max_jobs` is not given.
    The same `seed` gives the same jobs in the same order. `initial_points` come first: `"default"`
    (the config's own values), `"none"`, or a list of `{name: value}`. Raises `ValueError` below 1.
    """

    def __init__(
        self,
        max_rounds: int | None = None,
        seed: int = 0,
        max_jobs: int | None = None,
        initial_points: InitialPoints = "none",
    ) -> None:
        name, asked = ("max_rounds", max_rounds) if max_jobs is None else ("max_jobs", max_jobs)
        self._jobs = MAX_JOBS if asked is None else asked
        if self._jobs < 1:
            raise ValueError(f"{name} is at least 1, got {self._jobs}")
        self._seed = seed
        self._initial_points = initial_points
        self._first: list[dict[str, Value]] = []
        self._random = random.Random(seed)
        self._space: SearchSpace | None = None
        self._seen: set[Mark] = set()
        self._in_order = self._exhausted = False

    def set_search_space(self, space: SearchSpace, ctx: Context) -> None:
        """Keep the space. Raises `ValueError` for an initial point that is outside it."""
        self._space, self._unseen = space, Fresh(space)
        self._first = list(reversed(initial(self._initial_points, space)))

    def initial_recommendation(self, ctx: Context) -> list[Recommendation]:
        """All jobs at once, since no draw depends on an outcome, or the first `AT_ONCE`."""
        return self._draw(AT_ONCE, ctx)

    def refine_recommendation(self, outcome: Outcome, ctx: Context) -> list[Recommendation]:
        """The next draw of a budget that was too large for the first answer."""
        return self._draw(1, ctx)

    def _draw(self, most: int, ctx: Context) -> list[Recommendation]:
        assert self._space is not None
        drawn: list[Recommendation] = []
        while len(drawn) < most and len(self._seen) < self._jobs and not self._exhausted:
            values = self._next()
            if values is None:
                self._exhausted = True
                ctx.trace(self, self._unseen.end(len(self._seen)), True)
                break
            self._seen.add(mark(values))
            drawn.append(Recommendation(len(self._seen), SearchResult(self._space, values)))
        return drawn

    def _next(self) -> dict[str, Value] | None:
        while self._first:
            point = self._first.pop()
            if not self._knows(point):
                return point
        if self._unseen.count is not None and len(self._seen) >= self._unseen.count:
            return None
        if not self._in_order:
            values = self._unseen.drawn(self._random, self._knows, _TRIES)
            if values is not None:
                return values
            self._in_order = True
        return self._unseen.in_order(self._knows)

    def _knows(self, values: dict[str, Value]) -> bool:
        return mark(values) in self._seen

    def describe(self) -> str:
        """The budget and the seed."""
        return f"RandomController: {self._jobs} jobs at most, seed {self._seed}"
