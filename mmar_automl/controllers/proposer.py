"""What the controllers that go on proposing have in common."""

from __future__ import annotations

import abc
import random
from collections.abc import Sequence
from typing import Union

from mmar_automl.api import Controller
from mmar_automl.controllers.draw import Fresh
from mmar_automl.controllers.encoding import Encoding
from mmar_automl.controllers.history import History
from mmar_automl.controllers.points import InitialPoints, initial
from mmar_automl.defs import (
    Context,
    ContextKey,
    Outcome,
    Recommendation,
    SearchResult,
    SearchSpace,
    Value,
)

MAX_JOBS = 32
AT_ONCE = 10_000
"""A larger budget is proposed as jobs end, so that the queue stays bounded."""
_TRIES = 200
"""So many draws in a row without a new configuration, and the space is looked through in order."""


class Proposer(Controller, abc.ABC):
    """A budget of `max_jobs` distinct configurations, as many under way as there are workers.

    The n-th proposal is a function of the seed, n and what is known by then, so a search that
    was interrupted takes up its history without proposing all of it again. Subclasses say what
    comes next in `_next`; a configuration that was proposed before gives way to a random one.

    `initial_points` come first: `"default"` (the config's own values), `"none"`, or a list of
    `{name: value}`. Raises `ValueError` for a `max_jobs` below 1.
    """

    ahead: int | None = None
    """How many are proposed before the first outcome; None for one a worker."""

    def __init__(
        self, max_jobs: int | None = None, seed: int = 0, initial_points: InitialPoints = "none"
    ) -> None:
        self._max_jobs = MAX_JOBS if max_jobs is None else max_jobs
        if isinstance(self._max_jobs, bool) or not isinstance(self._max_jobs, int):
            raise ValueError(f"max_jobs is a whole number, got {max_jobs!r}")
        if self._max_jobs < 1:
            raise ValueError(f"max_jobs is at least 1, got {self._max_jobs}")
        if isinstance(seed, bool) or not isinstance(seed, int) or seed < 0:
            raise ValueError(f"seed is a whole number from 0 on, got {seed!r}")
        self._seed = seed
        self._initial_points = initial_points
        self._first: list[dict[str, Value]] = []
        self._exhausted = False

    def set_search_space(self, space: SearchSpace, ctx: Context) -> None:
        """Keep the space. Raises `ValueError` for an initial point that is outside it."""
        self._space = space
        self._unseen = Fresh(space)
        self._count = self._unseen.count
        self._encoding = Encoding(space)
        self._history = History(self._encoding)
        self._first = initial(self._initial_points, space)
        self._begin()

    def initial_recommendation(self, ctx: Context) -> list[Recommendation]:
        """Everything that does not depend on an outcome, and work for every worker."""
        workers = _workers(ctx)
        ahead = workers if self.ahead is None else max(self.ahead, workers)
        return self._propose(min(ahead, AT_ONCE), ctx)

    def refine_recommendation(self, outcome: Outcome, ctx: Context) -> list[Recommendation]:
        """What keeps as many jobs under way as there are workers."""
        self._hear(outcome)
        return self._topped_up(ctx)

    def update_outcome(self, outcome: Outcome, ctx: Context) -> None:
        """What became of a job that was paused."""
        self._hear(outcome)

    def restore(
        self, history: Sequence[Union[Recommendation, Outcome]], ctx: Context
    ) -> list[Recommendation] | None:
        """Take up what a search had proposed and heard before it was interrupted."""
        said = (n for n, item in enumerate(history) if isinstance(item, Recommendation))
        latest = max(said, default=None)
        for place, item in enumerate(history):
            if isinstance(item, Recommendation):
                self._before(len(self._history))
                self._history.propose(item.id, self._space.effective(item.result.values))
                self._proposed(item.id)
                if place == latest:
                    # From what was known then, not from what was heard since.
                    self._ponder()
            else:
                self._hear(item)
        return self._topped_up(ctx)

    def _topped_up(self, ctx: Context) -> list[Recommendation]:
        return self._propose(_workers(ctx) - len(self._history.pending), ctx)

    def _propose(self, most: int, ctx: Context) -> list[Recommendation]:
        made: list[Recommendation] = []
        while len(made) < most and len(self._history) < self._max_jobs and not self._exhausted:
            self._before(len(self._history))
            values = self._fresh()
            if values is None:
                self._exhausted = True
                ctx.trace(self, self._unseen.end(len(self._history)), True)
                break
            number = max(self._history.entries, default=0) + 1
            self._history.propose(number, values)
            self._proposed(number)
            made.append(Recommendation(number, SearchResult(self._space, values)))
        self._ponder()
        return made

    def _fresh(self) -> dict[str, Value] | None:
        """The next configuration that was not proposed before; None if there is none."""
        proposed = len(self._history)
        if self._count is not None and proposed >= self._count:
            return None
        for point in self._first:
            if not self._history.knows(point):
                return point
        values = self._next(proposed)
        if values is not None and not self._history.knows(values):
            return values
        source = random.Random(f"{self._seed} {proposed}")
        values = self._unseen.drawn(source, self._history.knows, _TRIES)
        return self._in_order() if values is None else values

    def _in_order(self) -> dict[str, Value] | None:
        return self._unseen.in_order(self._history.knows)

    def _begin(self) -> None:
        """Set up what needs the space."""

    def _hear(self, outcome: Outcome) -> None:
        """Note an outcome."""
        self._history.hear(outcome)

    def _proposed(self, number: int) -> None:
        """Note that a configuration has been proposed."""

    def _before(self, number: int) -> None:
        """Learn what is to be learnt before the proposal that follows `number` others."""

    def _ponder(self) -> None:
        """Begin what the next proposal needs, beside the engine's thread."""

    @abc.abstractmethod
    def _next(self, number: int) -> dict[str, Value] | None:
        """The configuration that follows `number` others, or None for a random one."""

    def _budget(self) -> str:
        """What every description ends with."""
        points = self._initial_points
        own = {"none": "", "default": ", the config's own values first"}.get(
            points if isinstance(points, str) else "",
            f", {len(points)} given points first",
        )
        return f"{self._max_jobs} jobs at most, seed {self._seed}{own}"


def _workers(ctx: Context) -> int:
    found: int = ctx.get_prop(ContextKey.NUM_WORKERS, 1)
    return max(1, found)
