"""What a parameter may be: a range of numbers, or a list of choices."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, Union, overload

Json = Any
"""A JSON value: None, bool, int, float, str, list or dict of the same."""

Scale = Literal["linear", "log"]

Value = Union[int, float]
"""A proposed value: the number itself for a range, the index of the choice for `Choices`."""


class Steps(Sequence[float]):
    """min, min + step, min + 2 step, … up to max, without holding them in memory."""

    def __init__(self, low: float, high: float, step: float) -> None:
        self._low, self._high, self._step = low, high, step
        # 0.3 / 0.1 is a little below 3: the end of the range counts as reached.
        steps = (high - low) / step
        self._count = math.floor(steps + min(steps * 1e-12, 1e-3)) + 1

    def __len__(self) -> int:
        return self._count

    @overload
    def __getitem__(self, index: int) -> float: ...
    @overload
    def __getitem__(self, index: slice) -> list[float]: ...
    def __getitem__(self, index: int | slice) -> float | list[float]:
        if isinstance(index, slice):
            return [self[number] for number in range(*index.indices(self._count))]
        number = range(self._count)[index]
        # Fifteen digits take the 0.30000000000000004 out of sums of decimal steps.
        value = float(f"{self._low + number * self._step:.15g}") if number else self._low
        return min(max(value, self._low), self._high)

    def __contains__(self, value: object) -> bool:
        if not isinstance(value, (int, float)) or not self._low <= value <= self._high:
            return False
        number = round((value - self._low) / self._step)
        return number < self._count and self[number] == value


@dataclass(frozen=True)
class FloatRange:
    """A float in [min, max]. One number, also where it goes to several args."""

    min: float
    max: float
    scale: Scale = "linear"
    step: float | None = None

    @property
    def values(self) -> Sequence[float] | None:
        """Every value in order; None for a continuum."""
        if self.min == self.max:
            return [self.min]
        return None if self.step is None else Steps(self.min, self.max, self.step)

    @property
    def middle(self) -> float:
        """The value in the middle, on the range's scale."""
        if self.values is not None:
            return self.values[len(self.values) // 2]
        if self.scale == "log":
            return math.sqrt(self.min) * math.sqrt(self.max)
        return self.min + 0.5 * (self.max - self.min)

    def __contains__(self, value: object) -> bool:
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            return False
        values = self.values
        return self.min <= value <= self.max if values is None else value in values


@dataclass(frozen=True)
class IntRange:
    """An int in [min, max], both ends included."""

    min: int
    max: int
    scale: Scale = "linear"
    step: int | None = None

    @property
    def values(self) -> Sequence[int]:
        """Every value in order."""
        return range(self.min, self.max + 1, self.step or 1)

    @property
    def middle(self) -> int:
        """The value in the middle, on the range's scale."""
        if self.scale == "log":
            wanted = math.sqrt(self.min) * math.sqrt(self.max)
            return min(self.values, key=lambda value: abs(value - wanted))
        return self.values[len(self.values) // 2]

    def __contains__(self, value: object) -> bool:
        return isinstance(value, int) and not isinstance(value, bool) and value in self.values


@dataclass(frozen=True)
class Choices:
    """A finite list of choices; each choice holds one JSON value for each arg of its parameter."""

    options: tuple[tuple[Json, ...], ...]

    def __len__(self) -> int:
        return len(self.options)

    @property
    def middle(self) -> int:
        """The first choice: choices have no order."""
        return 0

    @property
    def values(self) -> Sequence[int]:
        """The index of every choice."""
        return range(len(self.options))


Domain = Union[FloatRange, IntRange, Choices]
