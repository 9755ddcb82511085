"""The search space: what may vary, in which range, and where in the config it stands."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from mmar_automl.defs.conditions import ALWAYS, Condition, Evaluation, keys_of
from mmar_automl.defs.domains import Choices, Domain, FloatRange, IntRange, Json, Value
from mmar_automl.errors import JsonPath


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
        number = round(value) if isinstance(self.domain, IntRange) else float(value)
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

    @cached_property
    def _conditions(self) -> dict[str, Condition]:
        return {parameter.key: parameter.active for parameter in self.parameters}

    @cached_property
    def switches(self) -> tuple[Parameter, ...]:
        """The parameters that others hang on, each after those that it hangs on itself."""
        parents = {key: keys_of(condition) for key, condition in self._conditions.items()}
        asked = frozenset().union(*parents.values())
        ordered: dict[str, Parameter] = {}
        for start in (key for key in self._by_key if key in asked):
            ahead, begun = [start], set[str]()
            while ahead:
                top = ahead[-1]
                waiting = [key for key in parents[top] if key not in ordered and key not in begun]
                if top in ordered or top in begun or not waiting:
                    ordered.setdefault(top, self._by_key[top])
                    ahead.pop()
                else:
                    begun.add(top)
                    ahead += waiting
        return tuple(ordered.values())

    def active(self, values: Mapping[str, Value]) -> frozenset[str]:
        """The keys of the parameters that have an effect, given these values.

        A parameter that `values` leaves out is not among them: its effect is the config's own.
        """
        evaluation = Evaluation(self._conditions, values)
        return frozenset(key for key in self._by_key if evaluation.is_active(key))

    def holds(self, condition: Condition, values: Mapping[str, Value]) -> bool:
        """Whether a condition is true, given these values."""
        return Evaluation(self._conditions, values).holds(condition)

    def effective(self, values: Mapping[str, Value]) -> dict[str, Value]:
        """`values` without the inactive ones, in the space's order: what a job is made of.

        Two proposals are the same configuration if and only if this is equal for both.
        """
        active = self.active(values)
        return {key: values[key] for key in self._by_key if key in active}

    @cached_property
    def baseline(self) -> dict[str, Value]:
        """The base config's own values, as far as the space has them: what a gain is measured by.

        A parameter that the config does not set, or sets to what its search section has not, is
        in the middle of its range, or at its first choice.
        """
        return self.effective(self.own)

    @cached_property
    def own(self) -> dict[str, Value]:
        """The same for every parameter, whether it is active or not."""
        return {p.key: p.domain.middle if p.default is None else p.default for p in self.parameters}

    def is_baseline(self, values: Mapping[str, Value]) -> bool:
        """Whether these values are the baseline's; what they leave out keeps the config's own.

        Nothing is in a space of which the config sets no parameter.
        """
        if all(parameter.default is None for parameter in self.parameters):
            return False
        return self.effective({**self.own, **values}) == self.baseline

    @property
    def targets(self) -> dict[str, list[Any]]:
        """What Clara's controllers read: PRL → list of choices, or a list of one range."""
        return {
            parameter.key: [copy.deepcopy(list(option)) for option in parameter.domain.options]
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
                # A plug-in that changes what it was given must not change the space.
                concrete[parameter.key] = copy.deepcopy(list(values)) if is_enum else values[0]
        return concrete
