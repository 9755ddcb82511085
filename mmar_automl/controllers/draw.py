"""Configurations drawn at random, none of them twice."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Iterator

from mmar_automl.defs import Choices, IntRange, Parameter, SearchSpace, Value
from mmar_automl.search.distinct import count, enumerate_distinct, levels

_LEVELS = 3
"""Of a continuum, where draws find nothing new and the space is looked through in order."""


def draw(parameter: Parameter, source: random.Random) -> Value:
    """One value of a parameter, uniform on its scale, on its step if it has one."""
    domain = parameter.domain
    if isinstance(domain, Choices):
        return source.randrange(len(domain))
    if domain.step is not None:
        return source.choice(levels(parameter) or [domain.min])
    if isinstance(domain, IntRange):
        if domain.scale == "linear":
            return source.randint(domain.min, domain.max)
        low, high = math.log(domain.min - 0.5), math.log(domain.max + 0.5)
        return min(max(round(math.exp(source.uniform(low, high))), domain.min), domain.max)
    if domain.scale == "log":
        value = math.exp(source.uniform(math.log(domain.min), math.log(domain.max)))
        return min(max(value, domain.min), domain.max)
    return source.uniform(domain.min, domain.max)


class Fresh:
    """Configurations of a space that are not known: drawn, or in order where draws find none.

    Draws may fail in a space that is not exhausted: where a configuration hangs on conditions that
    seldom come together, or there are a few left of very many.
    """

    def __init__(self, space: SearchSpace) -> None:
        self._space = space
        self.count = count(space)
        """How many there are; None for infinitely many, or too entangled to count."""
        self._finite = all(parameter.domain.values is not None for parameter in space)
        self._cells: Iterator[dict[str, Value]] | None = None

    def drawn(
        self, source: random.Random, knows: Callable[[dict[str, Value]], bool], tries: int
    ) -> dict[str, Value] | None:
        """A draw that is not known, or None after so many in a row that are."""
        for _ in range(tries):
            values = self._space.effective({p.key: draw(p, source) for p in self._space})
            if not knows(values):
                return values
        return None

    def in_order(self, knows: Callable[[dict[str, Value]], bool]) -> dict[str, Value] | None:
        """The next that is not known, the first parameter varying fastest; None after the last."""
        if self._cells is None:
            self._cells = enumerate_distinct(self._space, None if self._finite else _LEVELS)
        return next((values for values in self._cells if not knows(values)), None)

    def end(self, proposed: int) -> str:
        """What is said after the last one."""
        if self._finite:
            return f"all {proposed} configurations of the space are proposed"
        return f"nothing new was found in the space after {proposed} configurations"
