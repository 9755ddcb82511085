"""The search space: what may vary, in which range, and where in the config it stands."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
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
"""When a parameter is active, as a formula over the values of other parameters."""

ALWAYS = AllOf()
NEVER = AnyOf()


def keys_of(condition: Condition) -> frozenset[str]:
    """The parameters that a condition asks for."""
    if isinstance(condition, Is):
        return frozenset({condition.key})
    return frozenset().union(*(keys_of(part) for part in condition.parts))


@dataclass(frozen=True, kw_only=True)
class Parameter:
    """One entry of a search section: one decision of the controller, for one or more args.

    `key` is Clara's parameter range locator (PRL), unique in the space; `names` are the readable
    names, one for each arg (`learning_rate`, `RandFlipd.prob`). `label` is the entry's `domain`.
    `component` is the JSON path of the component, empty at first level; `source` that of the
    search entry. `default` is the value that stands in the base config, as a proposed value, or
    None where it is outside the domain. `active` says under which values of the others this one
    has any effect: its component is enabled, and the entry's `when` holds.
    """

    key: str
    names: tuple[str, ...]
    label: str
    domain: Domain
    args: tuple[Arg, ...]
    component: JsonPath
    source: JsonPath
    default: Value | None = None
    active: Condition = ALWAYS
    when: Mapping[str, tuple[Json, ...]] = field(default_factory=dict)
    """The entry's own `when`, as written, for people to read; `active` contains it."""

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
        return self._by_key[key]

    def __contains__(self, key: object) -> bool:
        return key in self._by_key

    @cached_property
    def _by_key(self) -> dict[str, Parameter]:
        return {parameter.key: parameter for parameter in self.parameters}

    def active(self, values: Mapping[str, Value]) -> frozenset[str]:
        """The keys of the parameters that have an effect, given these values.

        A parameter that `values` leaves out is not among them: its effect is the config's own.
        """
        evaluation = _Evaluation(self._by_key, values)
        return frozenset(key for key in self._by_key if evaluation.is_active(key))

    def holds(self, condition: Condition, values: Mapping[str, Value]) -> bool:
        """Whether a condition is true, given these values."""
        return _Evaluation(self._by_key, values).holds(condition)

    def effective(self, values: Mapping[str, Value]) -> dict[str, Value]:
        """`values` without the inactive ones, in the space's order: what a job is made of.

        Two proposals are the same configuration if and only if this is equal for both.
        """
        active = self.active(values)
        return {key: values[key] for key in self._by_key if key in active}

    @property
    def targets(self) -> dict[str, list[Any]]:
        """What Clara's controllers read: PRL → list of choices, or a list of one range."""
        return {
            parameter.key: [list(option) for option in parameter.domain.options]
            if isinstance(parameter.domain, Choices)
            else [parameter.domain]
            for parameter in self.parameters
        }


class _Evaluation:
    """Which parameters are active under one set of values, each asked once."""

    def __init__(self, parameters: Mapping[str, Parameter], values: Mapping[str, Value]) -> None:
        self._parameters = parameters
        self._values = values
        self._known: dict[str, bool] = {}

    def is_active(self, key: str) -> bool:
        if key not in self._known:
            # A parameter that hangs on itself, through others, counts as active meanwhile.
            self._known[key] = key in self._values
            self._known[key] = key in self._values and self.holds(self._parameters[key].active)
        return self._known[key]

    def holds(self, condition: Condition) -> bool:
        if isinstance(condition, AllOf):
            return all(self.holds(part) for part in condition.parts)
        if isinstance(condition, AnyOf):
            return any(self.holds(part) for part in condition.parts)
        if condition.key in self._values and self.is_active(condition.key):
            return self._values[condition.key] in condition.accepted
        return condition.otherwise


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

    def named(self) -> dict[str, Json]:
        """Readable name → JSON value of every active parameter: what people see of a job."""
        named: dict[str, Json] = {}
        for key, value in self.space.effective(self.values).items():
            parameter = self.space[key]
            named.update(zip(parameter.names, parameter.values(value), strict=True))
        return named

    def concrete(self) -> dict[str, Json]:
        """Clara's CONCRETE_SEARCH_VALUE: PRL → the chosen list for an enum, the number else."""
        concrete: dict[str, Json] = {}
        for parameter in self.space:
            if parameter.key in self.values:
                values = parameter.values(self.values[parameter.key])
                is_enum = isinstance(parameter.domain, Choices)
                concrete[parameter.key] = list(values) if is_enum else values[0]
        return concrete
