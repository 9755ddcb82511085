"""SobolController: a quasi-random sequence, which leaves smaller holes than random draws."""

from __future__ import annotations

from scipy.stats import qmc

from mmar_automl.controllers.encoding import Array, Encoding
from mmar_automl.controllers.proposer import Proposer
from mmar_automl.defs import Value

MOST_DIMENSIONS = 21_201
"""So many dimensions have direction numbers (Joe and Kuo, 2008)."""


class Spread:
    """A scrambled Sobol' sequence over a space (Sobol', 1967; Owen, 1998); a pure function."""

    def __init__(self, encoding: Encoding, seed: int) -> None:
        self._encoding = encoding
        dimensions = min(len(encoding.axes), MOST_DIMENSIONS)
        self._sequence = qmc.Sobol(dimensions, scramble=True, rng=seed)
        self._points: list[Array] = []

    def point(self, number: int) -> dict[str, Value]:
        """The configuration at a place of the sequence, from 0 on."""
        while len(self._points) <= number:
            self._points.append(self._sequence.random(1)[0])
        row = self._encoding.from_cube(self._points[number][None, :])[0]
        return self._encoding.values(row)


class SobolController(Proposer):
    """The first `max_jobs` points of a scrambled Sobol' sequence, without repetitions."""

    def _begin(self) -> None:
        self._spread = Spread(self._encoding, self._seed)
        self.ahead = self._max_jobs

    def _next(self, number: int) -> dict[str, Value] | None:
        return self._spread.point(number)

    def describe(self) -> str:
        """The budget and the seed."""
        return f"SobolController: quasi-random, {self._budget()}"
