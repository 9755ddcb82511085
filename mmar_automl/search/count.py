"""How many distinct configurations a space has, without listing them.

Parameters that do not hang together are counted apart and multiplied. Among those that do, one
that hangs on no other is fixed to each of its values in turn, which decides conditions and lets
the rest fall apart. Values that answer every condition alike are looked at once.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping

from mmar_automl.defs import (
    ALWAYS,
    NEVER,
    Condition,
    Is,
    SearchSpace,
    Value,
    keys_of,
    settle,
)

STEPS = 20_000
"""After so many cases the parameters are too entangled, and counting is given up."""
_DEPTH = 200


class TooEntangled(Exception):
    """The space is finite, but counting it would take too long."""


def count(space: SearchSpace) -> int | None:
    """The number of distinct configurations; None if infinite or too entangled to count."""
    try:
        return count_exactly(space)
    except TooEntangled:
        return None


def count_exactly(space: SearchSpace) -> int | None:
    """The number of distinct configurations, None for infinitely many; raises `TooEntangled`."""
    return _Count(space).of({parameter.key: parameter.active for parameter in space}, 0)


class _Count:
    """One count of one space."""

    def __init__(self, space: SearchSpace) -> None:
        self._space = space
        self._steps = 0

    def of(self, conditions: Mapping[str, Condition], depth: int) -> int | None:
        """The number of ways to fix these parameters, given the conditions left on them."""
        numbers = [self._of_group(group, depth) for group in _groups(conditions)]
        finite = [number for number in numbers if number is not None]
        return math.prod(finite) if len(finite) == len(numbers) else None

    def _of_group(self, conditions: Mapping[str, Condition], depth: int) -> int | None:
        self._steps += 1
        if self._steps > STEPS or depth > _DEPTH:
            raise TooEntangled
        asked = Counter(key for condition in conditions.values() for key in keys_of(condition))
        decided = [key for key, condition in conditions.items() if condition in (ALWAYS, NEVER)]
        if not decided:
            raise TooEntangled
        key = max(decided, key=lambda candidate: asked[candidate])
        rest = {other: conditions[other] for other in conditions if other != key}
        if conditions[key] == NEVER:
            return self._with(rest, key, None, depth)
        values = self._space[key].domain.values
        if values is None:
            return None
        if not rest:
            return len(values)
        total = 0
        for value, alike in self._classes(key, rest):
            number = self._with(rest, key, value, depth)
            if number is None:
                return None
            total += alike * number
        return total

    def _with(
        self, rest: Mapping[str, Condition], key: str, value: object, depth: int
    ) -> int | None:
        known = {key: value}
        return self.of({k: settle(condition, known) for k, condition in rest.items()}, depth + 1)

    def _classes(self, key: str, rest: Mapping[str, Condition]) -> list[tuple[object, int]]:
        """A value of each kind that the conditions tell apart, with how many are of the kind."""
        values = self._space[key].domain.values
        assert values is not None
        questions = list(
            dict.fromkeys(
                question.accepted
                for condition in rest.values()
                for question in _questions(condition)
                if question.key == key
            )
        )
        asked: set[Value] = {value for question in questions for value in question}
        kinds: dict[tuple[bool, ...], list[object]] = {}
        for value in asked:
            if value in values:
                kind = tuple(value in question for question in questions)
                kinds.setdefault(kind, []).append(value)
        classes = [(alike[0], len(alike)) for alike in kinds.values()]
        others = len(values) - sum(number for _, number in classes)
        return [*classes, (_OTHER, others)] if others else classes


_OTHER = object()
"""A value that no condition asks for."""


def _questions(condition: Condition) -> Iterator[Is]:
    if isinstance(condition, Is):
        yield condition
    else:
        for part in condition.parts:
            yield from _questions(part)


def _groups(conditions: Mapping[str, Condition]) -> list[dict[str, Condition]]:
    """The parameters in groups that share no condition."""
    neighbours: dict[str, set[str]] = {key: set() for key in conditions}
    for key, condition in conditions.items():
        for other in keys_of(condition):
            neighbours[key].add(other)
            neighbours[other].add(key)
    groups = []
    seen: set[str] = set()
    for start in conditions:
        if start in seen:
            continue
        ahead = [start]
        seen.add(start)
        group = {}
        while ahead:
            key = ahead.pop()
            group[key] = conditions[key]
            ahead += neighbours[key] - seen
            seen |= neighbours[key]
        groups.append(group)
    return groups
