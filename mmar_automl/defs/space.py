"""The search space: what may vary, in which range, and where in the config it stands."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Union

from mmar_automl.errors import JsonPath

Json = Any
"""A JSON value: None, bool, int, float, str, list or dict of the same."""

Scale = Literal["linear", "log"]


@dataclass(frozen=True)
class FloatRange:
    """A float in [min, max]. One number, also where it goes to several args."""

    min: float
    max: float
    scale: Scale = "linear"
    step: float | None = None


@dataclass(frozen=True)
class IntRange:
    """An int in [min, max], both ends included."""

    min: int
    max: int
    scale: Scale = "linear"
    step: int | None = None


@dataclass(frozen=True)
class Choices:
    """A finite list of choices; each choice holds one JSON value for each arg of its parameter."""

    options: tuple[tuple[Json, ...], ...]

    def __len__(self) -> int:
        return len(self.options)


Domain = Union[FloatRange, IntRange, Choices]

Value = Union[int, float]
"""A proposed value: the number itself for a range, the index of the choice for `Choices`."""


@dataclass(frozen=True)
class Arg:
    """One place in a component that a parameter writes to.

    `attribute` is true for `@disabled`, a sibling of `args`. `alias` publishes the value for the
    `apply` sections of other components; None for no alias.
    """

    name: str
    attribute: bool = False
    alias: str | None = None


@dataclass(frozen=True, kw_only=True)
class Parameter:
    """One entry of a search section: one decision of the controller, for one or more args.

    `key` is Clara's parameter range locator (PRL), unique in the space; `names` are the readable
    names, one for each arg (`learning_rate`, `RandFlipd.prob`). `component` is the JSON path of
    the component, empty at first level; `source` that of the search entry. `default` is the value
    that stands in the base config, as a proposed value, or None where it is outside the domain.
    `when` maps the readable name of another parameter to the values under which this one is
    active; all of them must hold.
    """

    key: str
    names: tuple[str, ...]
    label: str
    domain: Domain
    args: tuple[Arg, ...]
    component: JsonPath
    source: JsonPath
    default: Value | None = None
    when: Mapping[str, tuple[Json, ...]] = field(default_factory=dict)

    @property
    def type(self) -> str:
        """`float`, `int` or `enum`, as in the search section."""
        if isinstance(self.domain, FloatRange):
            return "float"
        if isinstance(self.domain, IntRange):
            return "int"
        return "enum"

    def values(self, value: Value) -> tuple[Json, ...]:
        """The JSON value for each arg, given a proposed value.

        Raises `ValueError` for an index that is no choice or a number outside the range.
        """
        if isinstance(self.domain, Choices):
            if isinstance(value, bool) or not isinstance(value, int):
                raise ValueError(f"{self.key}: {value!r} is not the index of a choice")
            if not 0 <= value < len(self.domain):
                raise ValueError(f"{self.key}: there is no choice {value} of {len(self.domain)}")
            return self.domain.options[value]
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            raise ValueError(f"{self.key}: {value!r} is not a number")
        if not self.domain.min <= value <= self.domain.max:
            raise ValueError(
                f"{self.key}: {value!r} is outside [{self.domain.min}, {self.domain.max}]"
            )
        number = int(value) if isinstance(self.domain, IntRange) else float(value)
        return (number,) * len(self.args)


@dataclass(frozen=True)
class SearchSpace:
    """Every parameter, in document order: first level first, then the components as they stand."""

    parameters: tuple[Parameter, ...]

    def __len__(self) -> int:
        return len(self.parameters)

    def __iter__(self) -> Iterator[Parameter]:
        return iter(self.parameters)

    def __getitem__(self, key: str) -> Parameter:
        """The parameter of a PRL; raises `KeyError`."""
        for parameter in self.parameters:
            if parameter.key == key:
                return parameter
        raise KeyError(key)

    @property
    def targets(self) -> dict[str, list[Any]]:
        """What Clara's controllers read: PRL → list of choices, or a list of one range."""
        return {
            parameter.key: [list(option) for option in parameter.domain.options]
            if isinstance(parameter.domain, Choices)
            else [parameter.domain]
            for parameter in self.parameters
        }


@dataclass(frozen=True)
class SearchResult:
    """A point of the space: PRL → index of the choice, or number.

    A parameter that is absent keeps the value that stands in the base config.
    """

    space: SearchSpace
    values: Mapping[str, Value]

    def dump(self) -> str:
        """One line for a log."""
        return ", ".join(f"{key}={value!r}" for key, value in self.values.items())

    def concrete(self) -> dict[str, Json]:
        """Clara's CONCRETE_SEARCH_VALUE: PRL → the chosen list for an enum, the number else."""
        concrete: dict[str, Json] = {}
        for parameter in self.space:
            if parameter.key in self.values:
                values = parameter.values(self.values[parameter.key])
                is_enum = isinstance(parameter.domain, Choices)
                concrete[parameter.key] = list(values) if is_enum else values[0]
        return concrete
