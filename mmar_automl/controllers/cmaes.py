"""CmaEsController: covariance matrix adaptation, also over ints and enums."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Union

import numpy as np

from mmar_automl.controllers.encoding import Array
from mmar_automl.controllers.history import Entry
from mmar_automl.controllers.points import InitialPoints
from mmar_automl.controllers.proposer import Proposer
from mmar_automl.defs import Context, Outcome, Recommendation, Value

_SPAN = (0.0, 1.0)


class CmaEsController(Proposer):
    """CatCMA with margin (Hamano et al., GECCO 2025), from the library `cmaes`.

    Ranges are searched in the unit cube, cells as integers, enums by categorical distributions;
    a generation of `population_size` (4 + 3 ln d) jobs has to end before the distribution moves,
    so it wants hundreds of jobs. `sigma` (0.25) is the first step, in units of the ranges.
    """

    def __init__(
        self,
        max_jobs: int | None = None,
        seed: int = 0,
        initial_points: InitialPoints = "none",
        sigma: float = 0.25,
        population_size: int | None = None,
    ) -> None:
        super().__init__(max_jobs, seed, initial_points)
        if not sigma > 0:
            raise ValueError(f"sigma is above 0, got {sigma!r}")
        if population_size is not None and population_size < 2:
            raise ValueError(f"population_size is at least 2, got {population_size!r}")
        self._sigma, self._population_size = sigma, population_size

    def _begin(self) -> None:
        axes = self._encoding.axes
        self._lines = [n for n, axis in enumerate(axes) if not axis.cells]
        self._ladders = [n for n, axis in enumerate(axes) if axis.cells > 1 and not axis.enum]
        self._enums = [n for n, axis in enumerate(axes) if axis.enum and axis.cells > 1]
        moving = len(self._lines) + len(self._ladders) + len(self._enums)
        self._size = self._population_size or 4 + int(3 * np.log(max(moving, 1)))
        self.ahead = self._size
        self._optimizer: Any = None
        if moving:
            self._optimizer = self._start()
        self._asked: dict[int, Any] = {}
        self._generation: list[tuple[Any, Entry]] = []
        self._last: Any = None

    def _start(self) -> Any:
        from cmaes import CatCMAwM

        axes = self._encoding.axes
        lines, ladders, enums = self._lines, self._ladders, self._enums
        numeric = len(lines) + len(ladders)
        given: dict[str, Any] = {}
        if numeric:
            given["mean"] = np.full(numeric, 0.5)
            given["sigma"] = self._sigma
        return CatCMAwM(
            x_space=[_SPAN for _ in lines] or None,
            z_space=[
                [(cell + 0.5) / axes[n].cells for cell in range(axes[n].cells)] for n in ladders
            ]
            or None,
            c_space=[axes[n].cells for n in enums] or None,
            population_size=self._size,
            seed=self._seed,
            **given,
        )

    def restore(
        self, history: Sequence[Union[Recommendation, Outcome]], ctx: Context
    ) -> list[Recommendation] | None:
        """The distribution has to go the same way again, which takes little."""
        return None

    def _before(self, number: int) -> None:
        self._last = None if self._optimizer is None else self._optimizer.ask()

    def _next(self, number: int) -> dict[str, Value] | None:
        return None if self._last is None else self._encoding.values(self._row(self._last))

    def _row(self, solution: Any) -> Array:
        row = self._encoding.from_cube(np.full((1, len(self._encoding.axes)), 0.5))[0]
        if self._lines:
            row[self._lines] = np.clip(solution.x, 0.0, 1.0)
        if self._ladders:
            row[self._ladders] = solution.z
        if self._enums:
            row[self._enums] = [int(np.argmax(hot)) for hot in solution.c]
        snapped: Array = self._encoding.snap(row[None, :])[0]
        return snapped

    def _proposed(self, number: int) -> None:
        entry = self._history.entries[number]
        # A repetition gave way to a random configuration, which the distribution did not ask for.
        if self._last is not None and np.array_equal(self._row(self._last), entry.row):
            self._asked[number] = self._last

    def _hear(self, outcome: Outcome) -> None:
        entry = self._history.hear(outcome)
        solution = self._asked.pop(outcome.recommendation_id, None)
        if entry is None or entry.void or solution is None:
            return
        self._generation.append((solution, entry))
        if len(self._generation) == self._size:
            # Only now: what the first failure is worth is not known before the first score.
            rewards = [self._history.reward(entry) for _, entry in self._generation]
            losses = [-reward for reward in rewards if reward is not None]
            # From a generation that came out all alike there is nothing to learn.
            if len(losses) == self._size and len(set(losses)) > 1:
                solutions = [solution for solution, _ in self._generation]
                self._optimizer.tell(list(zip(solutions, losses, strict=True)))
            self._generation = []

    def describe(self) -> str:
        """The budget and the seed."""
        return f"CmaEsController: covariance matrix adaptation, {self._budget()}"
