"""TestController: a fixed number of draws, a few at a time, for trying out an engine."""

from __future__ import annotations

import random

from mmar_automl.api import Controller
from mmar_automl.controllers.draw import draw
from mmar_automl.defs import Context, Outcome, Recommendation, SearchResult, SearchSpace


class TestController(Controller):
    """Clara's: proposes `total_recs` in all, at most `max_recs_each_time` in one answer."""

    __test__ = False  # pytest would take the name for a test's

    def __init__(self, total_recs: int, max_recs_each_time: int) -> None:
        if total_recs < 1 or max_recs_each_time < 1:
            raise ValueError("total_recs and max_recs_each_time are at least 1")
        self._left = total_recs
        self._most = max_recs_each_time
        self._made = 0
        self._random = random.Random(0)
        self._space = SearchSpace(())

    def set_search_space(self, space: SearchSpace, ctx: Context) -> None:
        """Keep the space."""
        self._space = space

    def initial_recommendation(self, ctx: Context) -> list[Recommendation]:
        """The first few."""
        return self._next()

    def refine_recommendation(self, outcome: Outcome, ctx: Context) -> list[Recommendation]:
        """The next few, whatever came of the one before."""
        return self._next()

    def _next(self) -> list[Recommendation]:
        count = min(self._most, self._left)
        self._left -= count
        made = []
        for _ in range(count):
            self._made += 1
            values = {parameter.key: draw(parameter, self._random) for parameter in self._space}
            made.append(Recommendation(self._made, SearchResult(self._space, values)))
        return made
