"""When a parameter has an effect, as a formula over the values of the others."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Union

from mmar_automl.defs.domains import Value


@dataclass(frozen=True)
class Is:
    """True if the parameter `key` is active and its value is among `accepted`.

    `accepted` holds indices for `Choices` and numbers for a range. `otherwise` is the answer
    where that parameter is inactive or has no value: then what stands in the config decides.
    """

    key: str
    accepted: frozenset[Value]
    otherwise: bool = False


@dataclass(frozen=True)
class AllOf:
    """True if every part is; the empty one is always true."""

    parts: tuple[Condition, ...] = ()


@dataclass(frozen=True)
class AnyOf:
    """True if some part is; the empty one is never true."""

    parts: tuple[Condition, ...] = ()


Condition = Union[Is, AllOf, AnyOf]

ALWAYS = AllOf()
NEVER = AnyOf()
ABSORBING = 64
"""Formulas of more parts are left as they are: comparing all with all would not be linear."""


def all_of(*conditions: Condition) -> Condition:
    """The condition that holds when all do, in its shortest form."""
    parts: dict[Condition, None] = {}
    for condition in conditions:
        flat = condition.parts if isinstance(condition, AllOf) else (condition,)
        parts.update(dict.fromkeys(flat))
    if NEVER in parts:
        return NEVER
    return next(iter(parts)) if len(parts) == 1 else AllOf(tuple(parts))


def any_of(*conditions: Condition) -> Condition:
    """The condition that holds when one of them does, in its shortest form."""
    parts: dict[Condition, None] = {}
    for condition in conditions:
        flat = condition.parts if isinstance(condition, AnyOf) else (condition,)
        parts.update(dict.fromkeys(flat))
    if ALWAYS in parts:
        return ALWAYS
    kept = _absorbed(tuple(parts))
    return kept[0] if len(kept) == 1 else AnyOf(kept)


def _absorbed(parts: tuple[Condition, ...]) -> tuple[Condition, ...]:
    """The parts without those that ask for all that another asks for, and more.

    `a or (a and b)` is `a`, which keeps a parameter from hanging on itself: one that switches a
    component and sets an arg of it is active whenever what is around the component is enabled.
    """
    if len(parts) > ABSORBING:
        return parts
    asked = [frozenset(part.parts if isinstance(part, AllOf) else (part,)) for part in parts]
    return tuple(
        part
        for part, needs in zip(parts, asked, strict=True)
        if not any(other < needs for other in asked)
    )


def keys_of(condition: Condition) -> frozenset[str]:
    """The parameters that a condition asks for."""
    if isinstance(condition, Is):
        return frozenset({condition.key})
    return frozenset().union(*(keys_of(part) for part in condition.parts))


def settle(condition: Condition, known: Mapping[str, object]) -> Condition:
    """The condition with the answers filled in that `known` decides.

    `known` maps a parameter to its value, or to None where it is inactive or has none. What is
    left is `ALWAYS`, `NEVER`, or a condition on the other parameters.
    """
    if isinstance(condition, Is):
        if condition.key not in known:
            return condition
        value = known[condition.key]
        return ALWAYS if _answer(condition, value) else NEVER
    parts = (settle(part, known) for part in condition.parts)
    return all_of(*parts) if isinstance(condition, AllOf) else any_of(*parts)


def _answer(condition: Is, value: object) -> bool:
    return condition.otherwise if value is None else value in condition.accepted


class Evaluation:
    """Which parameters are active under one set of values, each asked at most once.

    Parameters may hang on others to any depth, so that the way is walked without recursion. One
    that hangs on itself, through others (which `parse` refuses), counts as active meanwhile.
    """

    def __init__(self, conditions: Mapping[str, Condition], values: Mapping[str, Value]) -> None:
        self._conditions = conditions
        self._values = values
        self._known: dict[str, bool] = {}

    def is_active(self, key: str) -> bool:
        """Whether a parameter has a value and that value an effect."""
        ahead = [key]
        begun: set[str] = set()
        while ahead:
            top = ahead[-1]
            if top not in self._known:
                if top not in self._values:
                    self._known[top] = False
                elif top not in begun:
                    begun.add(top)
                    parents = keys_of(self._conditions[top])
                    ahead += (parent for parent in parents if parent not in begun)
                    continue
                else:
                    self._known[top] = self._holds(self._conditions[top])
            ahead.pop()
        return self._known[key]

    def holds(self, condition: Condition) -> bool:
        """Whether a condition is true."""
        for key in keys_of(condition):
            self.is_active(key)
        return self._holds(condition)

    def _holds(self, condition: Condition) -> bool:
        if isinstance(condition, Is):
            active = self._known.get(condition.key, condition.key in self._values)
            return _answer(condition, self._values[condition.key] if active else None)
        if isinstance(condition, AllOf):
            return all(self._holds(part) for part in condition.parts)
        return any(self._holds(part) for part in condition.parts)
