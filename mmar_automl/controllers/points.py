"""`initial_points`: the configurations that a controller proposes before any of its own."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Union

from mmar_automl.defs import Choices, IntRange, Parameter, SearchSpace, Value, finite

InitialPoints = Union[str, Sequence[Mapping[str, Any]]]


def initial(given: InitialPoints, space: SearchSpace) -> list[dict[str, Value]]:
    """The points as active values: `"default"`, `"none"`, or a list of name → JSON value.

    A name is a readable one (`learning_rate`, `RandFlipd.prob`) or a PRL. What a point leaves out
    has the config's own value. Raises `ValueError` that names every mistake of the list.
    """
    if given == "none":
        return []
    if given == "default":
        return [space.baseline]
    if isinstance(given, str) or not isinstance(given, Sequence):
        raise ValueError(f'initial_points is "default", "none" or a list of objects, got {given!r}')
    points, mistakes = [], list[str]()
    for number, point in enumerate(given, start=1):
        if not isinstance(point, Mapping):
            mistakes.append(f"point {number} is {point!r}, not an object of name: value")
            continue
        try:
            points.append(_read(point, space))
        except ValueError as error:
            mistakes += [f"point {number}: {mistake}" for mistake in error.args]
    if mistakes:
        raise ValueError("initial_points: " + "; ".join(mistakes))
    return points


def _read(point: Mapping[str, Any], space: SearchSpace) -> dict[str, Value]:
    by_name = {name: parameter for parameter in space for name in parameter.names}
    given: dict[str, dict[str, Any]] = {}
    values = dict(space.own)
    mistakes = []
    for name, value in point.items():
        if name in space:
            own = space[name]
            parts = value if len(own.args) > 1 and isinstance(value, Sequence) else [value]
            given[own.key] = dict(zip(own.names, parts, strict=False))
        elif name in by_name:
            given.setdefault(by_name[name].key, {})[name] = value
        else:
            near = difflib.get_close_matches(name, [*by_name], n=1)
            hint = f", did you mean {near[0]!r}?" if near else f"; there are {', '.join(by_name)}"
            mistakes.append(f"{name!r} is no parameter{hint}")
    for key, named in given.items():
        try:
            values[key] = _value(space[key], named)
        except ValueError as error:
            mistakes.append(str(error))
    if mistakes:
        raise ValueError(*mistakes)
    return space.effective(values)


def _value(parameter: Parameter, named: Mapping[str, Any]) -> Value:
    said = ", ".join(f"{name} = {value!r}" for name, value in named.items())
    domain = parameter.domain
    if isinstance(domain, Choices):
        places = {name: parameter.names.index(name) for name in named}
        for index, option in enumerate(domain.options):
            if all(_same(option[places[name]], value) for name, value in named.items()):
                return index
        raise ValueError(f"{said} is none of {len(domain)} choices: {_listed(domain.options)}")
    for value in named.values():
        number = finite(value)
        if number is None or not domain.min <= number <= domain.max:
            raise ValueError(f"{said} is outside [{domain.min:g}, {domain.max:g}]")
        if isinstance(domain, IntRange) and number != round(number):
            raise ValueError(f"{said} is no whole number")
    first = next(iter(named.values()))
    return int(first) if isinstance(domain, IntRange) else float(first)


def _same(one: Any, other: Any) -> bool:
    """Equality as JSON has it: true is not 1."""
    return isinstance(one, bool) == isinstance(other, bool) and bool(one == other)


def _listed(options: Iterable[tuple[Any, ...]]) -> str:
    shown = [repr(option[0] if len(option) == 1 else list(option)) for option in options]
    return ", ".join(shown[:8]) + (", …" if len(shown) > 8 else "")
