"""Configurations as vectors, for the controllers that compute with them.

A row has one entry for each parameter of the space, in its order: a number in [0, 1] for a range
(on the range's scale; an int, or a value on a step, is the middle of its cell), the index of the
choice for an enum. An inactive parameter stands at 0.5, or at -1 for an enum, so that two
configurations that are the same have the same row.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from mmar_automl.defs import Choices, FloatRange, IntRange, SearchSpace, Value, keys_of
from mmar_automl.search.distinct import levels

Array = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]

INACTIVE_NUMBER = 0.5
INACTIVE_CHOICE = -1.0


class Encoding:
    """The two-way map between the values of a space and rows of shape (len(space),)."""

    def __init__(self, space: SearchSpace) -> None:
        self.space = space
        self.axes = tuple(axis_of(parameter) for parameter in space)
        self.choices = np.array([axis.cells if axis.enum else 0 for axis in self.axes], dtype=int)
        """How many choices each parameter has; 0 for a range."""
        self.conditional = any(keys_of(parameter.active) for parameter in space)
        self._keys = [parameter.key for parameter in space]
        switches = {parameter.key for parameter in space.switches}
        self._switches = [place for place, key in enumerate(self._keys) if key in switches]
        self._active: dict[tuple[float, ...], Mask] = {}

    @property
    def enums(self) -> Mask:
        """Which columns hold the index of a choice; shape (len(space),)."""
        return self.choices > 0

    def row(self, values: Mapping[str, Value]) -> Array:
        """The row of a configuration; what it leaves out stands as if inactive."""
        row = self.blank()
        for place, key in enumerate(self._keys):
            if key in values:
                row[place] = self.axes[place].encode(values[key])
        return row

    def values(self, row: Array) -> dict[str, Value]:
        """The configuration of a row, active values only."""
        return self.space.effective(
            {key: axis.decode(x) for key, axis, x in zip(self._keys, self.axes, row, strict=True)}
        )

    def blank(self) -> Array:
        """The row in which everything is inactive."""
        return np.where(self.enums, INACTIVE_CHOICE, INACTIVE_NUMBER)

    def from_cube(self, points: Array) -> Array:
        """Rows for points of the unit cube, shape (n, len(space)): uniform in, uniform out."""
        rows = np.clip(points, 0.0, 1.0 - 1e-12)
        enums = self.enums
        rows[:, enums] = np.floor(rows[:, enums] * self.choices[enums])
        return self.snap(rows)

    def snap(self, rows: Array) -> Array:
        """The same rows with every number on its cell and everything inactive at its mark."""
        rows = np.array(rows, dtype=float)
        for place, axis in enumerate(self.axes):
            rows[:, place] = axis.snap(rows[:, place])
        if self.conditional:
            blank = self.blank()
            for number, row in enumerate(rows):
                rows[number] = np.where(self._activity(row), row, blank)
        return rows

    def _activity(self, row: Array) -> Mask:
        """Which parameters are active: a function of the switches alone, so it is remembered."""
        mark = tuple(row[self._switches])
        known = self._active.get(mark)
        if known is None:
            active = self.space.active(
                {
                    key: axis.decode(max(x, 0.0))
                    for key, axis, x in zip(self._keys, self.axes, row, strict=True)
                }
            )
            known = np.array([key in active for key in self._keys])
            if len(self._active) < 10_000:
                self._active[mark] = known
        return known


class Axis:
    """One parameter as a number: `cells` equal cells of [0, 1], or a continuum for 0 cells."""

    enum = False
    cells = 0

    def encode(self, value: Value) -> float:
        """The number of a value."""
        raise NotImplementedError

    def decode(self, x: float) -> Value:
        """The value of a number in [0, 1], or of a choice's index."""
        raise NotImplementedError

    def snap(self, x: Array) -> Array:
        """The nearest numbers that stand for a value."""
        x = np.clip(x, 0.0, 1.0)
        if not self.cells:
            return x
        snapped: Array = (np.minimum(np.floor(x * self.cells), self.cells - 1) + 0.5) / self.cells
        return snapped


class _Enum(Axis):
    enum = True

    def __init__(self, cells: int) -> None:
        self.cells = cells

    def encode(self, value: Value) -> float:
        return float(value)

    def decode(self, x: float) -> Value:
        return min(max(round(x), 0), self.cells - 1)

    def snap(self, x: Array) -> Array:
        return np.clip(np.rint(x), INACTIVE_CHOICE, self.cells - 1)


class _Continuum(Axis):
    def __init__(self, domain: FloatRange) -> None:
        self._low, self._high = _scaled(domain.min, domain), _scaled(domain.max, domain)
        self._domain = domain

    def encode(self, value: Value) -> float:
        return (_scaled(value, self._domain) - self._low) / (self._high - self._low)

    def decode(self, x: float) -> Value:
        at = self._low + float(x) * (self._high - self._low)
        value = math.exp(at) if self._domain.scale == "log" else at
        return min(max(value, self._domain.min), self._domain.max)


class _Listed(Axis):
    """Values on a step: one cell each, in order."""

    def __init__(self, values: Any) -> None:
        self._values = values
        self.cells = len(values)

    def encode(self, value: Value) -> float:
        low, high = 0, len(self._values)
        while low < high:
            middle = (low + high) // 2
            if self._values[middle] < value:
                low = middle + 1
            else:
                high = middle
        return (min(low, self.cells - 1) + 0.5) / self.cells

    def decode(self, x: float) -> Value:
        found: Value = self._values[min(int(x * self.cells), self.cells - 1)]
        return found


class _LogInt(Axis):
    """Ints on a log scale: the cell of n reaches from log(n - 1/2) to log(n + 1/2)."""

    def __init__(self, domain: IntRange) -> None:
        self._domain = domain
        self._low, self._high = math.log(domain.min - 0.5), math.log(domain.max + 0.5)

    def encode(self, value: Value) -> float:
        return (math.log(value) - self._low) / (self._high - self._low)

    def decode(self, x: float) -> Value:
        at = math.exp(self._low + float(x) * (self._high - self._low))
        return min(max(round(at), self._domain.min), self._domain.max)

    def snap(self, x: Array) -> Array:
        at = np.exp(self._low + np.clip(x, 0.0, 1.0) * (self._high - self._low))
        whole = np.clip(np.rint(at), self._domain.min, self._domain.max)
        snapped: Array = (np.log(whole) - self._low) / (self._high - self._low)
        return snapped


def axis_of(parameter: Any) -> Axis:
    """The axis of a parameter."""
    domain = parameter.domain
    if isinstance(domain, Choices):
        return _Enum(len(domain))
    if isinstance(domain, IntRange) and domain.step is None and domain.scale == "log":
        return _LogInt(domain)
    if isinstance(domain, IntRange) or domain.values is not None:
        return _Listed(levels(parameter))
    return _Continuum(domain)


def _scaled(value: float, domain: FloatRange) -> float:
    return math.log(value) if domain.scale == "log" else float(value)
