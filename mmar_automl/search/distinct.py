"""Distinct configurations: counted and enumerated, inactive values apart."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence

from mmar_automl.defs import (
    Choices,
    FloatRange,
    IntRange,
    Parameter,
    SearchSpace,
    Value,
    keys_of,
)

MANY = 200_000
"""Beyond so many combinations of the parameters that switch others, counting is given up."""


def levels(parameter: Parameter, num: int | None = None) -> list[Value] | None:
    """The values of a parameter in order; None if there are infinitely many and no `num`.

    A float without a step gives `num` values from min to max, evenly on its scale.
    """
    domain = parameter.domain
    if isinstance(domain, Choices):
        return list(range(len(domain)))
    if domain.min == domain.max:
        return [domain.min]
    if isinstance(domain, IntRange):
        whole = range(domain.min, domain.max + 1, domain.step or 1)
        if num is None or len(whole) <= num:
            return list(whole)
        spread = [round(_between(domain, index / (num - 1))) for index in range(num)]
        return sorted(set(spread)) if num > 1 else [round(_between(domain, 0.5))]
    if domain.step is not None:
        count = math.floor((domain.max - domain.min) / domain.step * (1 + 1e-12)) + 1
        return [min(domain.min + index * domain.step, domain.max) for index in range(count)]
    if num is None:
        return None
    if num == 1:
        return [_between(domain, 0.5)]
    return [_between(domain, index / (num - 1)) for index in range(num)]


def count(space: SearchSpace) -> int | None:
    """The number of distinct configurations; None if infinite or too many to count.

    Only the parameters that switch others are enumerated; the rest are multiplied.
    """
    sizes = {}
    for parameter in space:
        values = levels(parameter)
        if values is None:
            return None
        sizes[parameter.key] = values
    switches = _switches(space)
    if math.prod(len(sizes[parameter.key]) for parameter in switches) > MANY:
        return None
    rest = [parameter for parameter in space if parameter not in switches]
    total = 0
    for effective in _distinct(space, switches, [sizes[p.key] for p in switches]):
        full = effective | {parameter.key: sizes[parameter.key][0] for parameter in rest}
        active = space.active(full)
        total += math.prod(len(sizes[p.key]) for p in rest if p.key in active)
    return total


def enumerate_distinct(space: SearchSpace, num: int = 3) -> Iterator[dict[str, Value]]:
    """Every distinct configuration of the grid, the first parameter varying fastest.

    Yields the active values only. Lazy: the grid may be larger than any budget.
    """
    values = [levels(parameter, num) or [] for parameter in space]
    yield from _distinct(space, space.parameters, values)


def _distinct(
    space: SearchSpace, parameters: Sequence[Parameter], values: Sequence[Sequence[Value]]
) -> Iterator[dict[str, Value]]:
    keys = [parameter.key for parameter in parameters]
    seen = set()
    # product varies its last factor fastest, Clara the first parameter.
    for combination in itertools.product(*reversed(values)):
        effective = space.effective(dict(zip(keys, reversed(combination), strict=True)))
        mark = tuple(effective.items())
        if mark not in seen:
            seen.add(mark)
            yield effective


def _switches(space: SearchSpace) -> list[Parameter]:
    asked = frozenset().union(*(keys_of(parameter.active) for parameter in space))
    return [parameter for parameter in space if parameter.key in asked]


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
