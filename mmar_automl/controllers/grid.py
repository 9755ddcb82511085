"""GridController: every combination once, the first parameter varying fastest, as Clara does."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

from mmar_automl.api import Controller
from mmar_automl.controllers.history import mark
from mmar_automl.controllers.points import InitialPoints, initial
from mmar_automl.defs import Context, Outcome, Recommendation, SearchResult, SearchSpace, Value
from mmar_automl.search.distinct import enumerate_distinct

AT_ONCE = 10_000
"""A larger grid is handed out as jobs end, so that the queue stays bounded."""
MOST_LEVELS = 10_000
"""Of a range. Whoever asks for more has mistaken `num` for something else."""


class GridController(Controller):
    """The product of all choices and of `num` levels of each range, distinct configurations only.

    Levels run from min to max, evenly on the range's scale; a range with a step, and an int range
    of at most `num` values, take all of theirs. `max_jobs` cuts the grid off; by default all of
    it is run. `initial_points` come first: `"default"` (the config's own values), `"none"`, or a
    list of `{name: value}`. Raises `ValueError` for `num` or `max_jobs` below 1, and for more than
    `MOST_LEVELS` levels.
    """

    def __init__(
        self,
        num: int = 3,
        max_jobs: int | None = None,
        initial_points: InitialPoints = "none",
    ) -> None:
        if num < 1:
            raise ValueError(f"num is at least 1, got {num}")
        if num > MOST_LEVELS:
            raise ValueError(f"num is at most {MOST_LEVELS:,} levels of each range, got {num}")
        if max_jobs is not None and max_jobs < 1:
            raise ValueError(f"max_jobs is at least 1, got {max_jobs}")
        self._num = num
        self._max_jobs = max_jobs
        self._initial_points = initial_points
        self._grid: Iterator[Recommendation] = iter(())

    def set_search_space(self, space: SearchSpace, ctx: Context) -> None:
        """Lay out the grid. Raises `ValueError` for an initial point that is outside the space."""
        first = {mark(point): point for point in initial(self._initial_points, space)}
        grid = (v for v in enumerate_distinct(space, self._num) if mark(v) not in first)
        cells: Iterator[dict[str, Value]] = itertools.chain(first.values(), grid)
        self._grid = (
            Recommendation(number, SearchResult(space, values))
            for number, values in enumerate(itertools.islice(cells, self._max_jobs), start=1)
        )

    def initial_recommendation(self, ctx: Context) -> list[Recommendation]:
        """The whole grid, or its first `AT_ONCE` cells."""
        return list(itertools.islice(self._grid, AT_ONCE))

    def refine_recommendation(self, outcome: Outcome, ctx: Context) -> list[Recommendation]:
        """The next cell of a grid that was too large for the first answer."""
        return list(itertools.islice(self._grid, 1))

    def describe(self) -> str:
        """The size of a float's axis and the cut-off."""
        cut = f", at most {self._max_jobs} jobs" if self._max_jobs is not None else ""
        return f"GridController: every combination, {self._num} levels of each range{cut}"
