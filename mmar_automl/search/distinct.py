"""Distinct configurations, inactive values apart: enumerated in Clara's order, and counted."""

from __future__ import annotations

import heapq
import itertools
import math
from collections.abc import Iterator, Mapping, Sequence

from mmar_automl.defs import Choices, FloatRange, IntRange, Parameter, SearchSpace, Value
from mmar_automl.search.count import count

__all__ = ["count", "enumerate_distinct", "levels"]

STREAMS = 4096
"""So many combinations of switches are merged into Clara's order; more come one after another."""


def levels(parameter: Parameter, num: int | None = None) -> Sequence[Value] | None:
    """The values of a parameter in order; None for a continuum without a `num`.

    With `num`, a float without a step and an int range of more values give `num` of them from min
    to max, evenly on their scale.
    """
    domain = parameter.domain
    values = domain.values
    if isinstance(domain, Choices) or domain.step is not None or num is None:
        return values
    if values is not None and len(values) <= num:
        return values
    spread = [_between(domain, index / (num - 1) if num > 1 else 0.5) for index in range(num)]
    return sorted({round(value) for value in spread}) if isinstance(domain, IntRange) else spread


def enumerate_distinct(space: SearchSpace, num: int | None = 3) -> Iterator[dict[str, Value]]:
    """Every distinct configuration of the grid, the first parameter varying fastest.

    `num` is the number of a range's levels; None for all, of a space without a continuum. Yields
    the active values only. Lazy: the grid may be larger than any budget.
    """
    grid = _Grid(space, num)
    heads = grid.heads()
    first = list(itertools.islice(heads, STREAMS + 1))
    cells: Iterator[dict[str, int]]
    if len(first) > STREAMS:
        every = itertools.chain(first, heads)
        cells = (cell for head in every for cell in grid.cells(head))
    else:
        cells = iter(heapq.merge(*map(grid.cells, first), key=grid.rank))
    for cell in cells:
        yield {key: grid.axes[key][cell[key]] for key in grid.axes if key in cell}


class _Grid:
    """The cells of a grid as parameter → index on its axis, the active parameters only.

    Clara's grid is the product of all axes. Of the cells that are the same configuration the
    first counts: the one whose inactive parameters are all at 0.
    """

    def __init__(self, space: SearchSpace, num: int | None) -> None:
        self.axes: dict[str, Sequence[Value]] = {p.key: levels(p, num) or [] for p in space}
        self._space = space
        self._switches = space.switches
        switches = {parameter.key for parameter in self._switches}
        self._free = [parameter for parameter in space if parameter.key not in switches]
        self._slowest_first = list(reversed(self.axes))

    def rank(self, cell: Mapping[str, int]) -> tuple[int, ...]:
        """Where a cell stands in Clara's order."""
        return tuple(cell.get(key, 0) for key in self._slowest_first)

    def heads(self) -> Iterator[dict[str, int]]:
        """Every distinct combination of the switches, each switch after those it hangs on."""
        ahead: list[Iterator[dict[str, int]]] = [iter([{}])]
        while ahead:
            head = next(ahead[-1], None)
            if head is None:
                ahead.pop()
            elif len(ahead) > len(self._switches):
                yield head
            else:
                ahead.append(self._extended(head, self._switches[len(ahead) - 1]))

    def _extended(self, head: dict[str, int], parameter: Parameter) -> Iterator[dict[str, int]]:
        if not self._space.holds(parameter.active, self._values(head)):
            yield head
            return
        for index in range(len(self.axes[parameter.key])):
            yield {**head, parameter.key: index}

    def cells(self, head: dict[str, int]) -> Iterator[dict[str, int]]:
        """Every cell with these switches, in Clara's order."""
        values = self._values(head)
        keys = [p.key for p in self._free if self._space.holds(p.active, values)]
        sizes = [len(self.axes[key]) for key in keys]
        if 0 in sizes:
            return
        indices = [0] * len(keys)
        while True:
            yield head | dict(zip(keys, indices, strict=True))
            for position, size in enumerate(sizes):
                indices[position] += 1
                if indices[position] < size:
                    break
                indices[position] = 0
            else:
                return

    def _values(self, head: Mapping[str, int]) -> dict[str, Value]:
        return {key: self.axes[key][index] for key, index in head.items()}


def _between(domain: FloatRange | IntRange, fraction: float) -> float:
    """The point at `fraction` of the way from min to max on the domain's scale."""
    if fraction <= 0:
        return domain.min
    if fraction >= 1:
        return domain.max
    if domain.scale == "log":
        low, high = math.log(domain.min), math.log(domain.max)
        return math.exp(low + fraction * (high - low))
    return domain.min + fraction * (domain.max - domain.min)
