"""`initial_points`: the configurations that a controller proposes before any of its own."""

from __future__ import annotations

import bisect
import difflib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Union

from mmar_automl.defs import Choices, IntRange, Parameter, SearchSpace, Value, finite

InitialPoints = Union[str, Sequence[Mapping[str, Any]]]


def initial(given: InitialPoints, space: SearchSpace) -> list[dict[str, Value]]:
    """The points as active values: `"default"`, `"none"`, or a list of name → JSON value.

    A name is a readable one (`learning_rate`, `RandFlipd.prob`) or a PRL; the value of a PRL with
    several args is a list of one for each, or for a range the one number that goes to all. What a
    point leaves out has the config's own value. Raises `ValueError` that names every mistake of
    the list.
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


@dataclass(frozen=True)
class _Said:
    """What one name of a point says of the arg at `position`; `text` is how it stands there."""

    position: int
    value: Any
    text: str


def _read(point: Mapping[str, Any], space: SearchSpace) -> dict[str, Value]:
    by_name = {name: parameter for parameter in space for name in parameter.names}
    given: dict[str, list[_Said]] = {}
    mistakes = []
    for name, value in point.items():
        try:
            parameter = space[name] if name in space else by_name[name]
            given.setdefault(parameter.key, []).extend(_said(parameter, name, value))
        except KeyError:
            near = difflib.get_close_matches(str(name), [*by_name, *(p.key for p in space)], n=1)
            known = f"; there are {_shortened([*by_name])}"
            hint = f", did you mean {near[0]!r}?" if near else known
            mistakes.append(f"{name!r} is no parameter{hint}")
        except ValueError as error:
            mistakes += error.args
    values = dict(space.own)
    for key, said in given.items():
        try:
            if said:
                values[key] = _value(space[key], said, values[key])
        except ValueError as error:
            mistakes += error.args
    if mistakes:
        raise ValueError(*mistakes)
    return space.effective(values)


def _said(parameter: Parameter, name: str, value: Any) -> Iterator[_Said]:
    """One value for each arg that a name of a point stands for."""
    text = f"{name} = {value!r}"
    wanted = len(parameter.args)
    if name != parameter.key:
        yield _Said(parameter.names.index(name), value, text)
    elif wanted == 1:
        yield _Said(0, value, text)
    elif isinstance(value, (list, tuple)):
        if len(value) != wanted:
            raise ValueError(f"{text} has {len(value)} of {wanted} values{_form(parameter)}")
        yield from (_Said(position, part, text) for position, part in enumerate(value))
    elif isinstance(parameter.domain, Choices):
        raise ValueError(f"{text} is no list of {wanted} values{_form(parameter)}")
    else:
        # One number, also where it goes to several args.
        yield _Said(0, value, text)


def _value(parameter: Parameter, said: Sequence[_Said], own: Value) -> Value:
    """The proposed value; raises `ValueError` with one text for each mistake."""
    mistakes = [*_contradictions(parameter, said)]
    if isinstance(parameter.domain, Choices):
        if not mistakes:
            return _choice(parameter, parameter.domain, said, own)
    else:
        told = {_number_mistake(parameter, one): None for one in said}
        mistakes += [mistake for mistake in told if mistake]
    if mistakes:
        raise ValueError(*mistakes)
    number = said[0].value
    return int(number) if isinstance(parameter.domain, IntRange) else float(number)


def _contradictions(parameter: Parameter, said: Sequence[_Said]) -> Iterator[str]:
    """Two names of one thing, with different values: of one arg, or of the args of a range."""
    first: dict[int, _Said] = {}
    for one in said:
        position = one.position if isinstance(parameter.domain, Choices) else 0
        before = first.setdefault(position, one)
        if before is one or _same(before.value, one.value):
            continue
        if before.text == one.text:
            yield f"{one.text} is not one number: a range gives the same to all its args"
        else:
            yield f"{before.text} and {one.text} are of the same parameter: leave one of them out"


def _choice(parameter: Parameter, domain: Choices, said: Sequence[_Said], own: Value) -> Value:
    text = ", ".join(dict.fromkeys(one.text for one in said))
    for alike in (_strictly, _same):
        found = [
            index
            for index, option in enumerate(domain.options)
            if all(alike(option[one.position], one.value) for one in said)
        ]
        if len(found) == 1 or own in found:
            return own if own in found else found[0]
        if found:
            options = [domain.options[index] for index in found]
            left = set(range(len(parameter.names))) - {one.position for one in said}
            more = ", ".join(parameter.names[position] for position in sorted(left))
            also = f": give {more}, too" if more else ""
            raise ValueError(f"{text} is {len(found)} choices, {_listed(options)}{also}")
    raise ValueError(f"{text} is none of {len(domain)} choices: {_listed(domain.options)}")


def _number_mistake(parameter: Parameter, said: _Said) -> str:
    """What is wrong with a value of a range; empty if nothing is."""
    domain = parameter.domain
    assert not isinstance(domain, Choices)
    number, span = finite(said.value), f"[{domain.min:.15g}, {domain.max:.15g}]"
    if number is None:
        return f"{said.text} is no number in {span}"
    if not domain.min <= number <= domain.max:
        return f"{said.text} is outside {span}"
    values = domain.values
    whole = int(number) if isinstance(domain, IntRange) and number == int(number) else number
    if values is None or whole in domain:
        return ""
    near = _nearest(values, number)
    if domain.step is None:
        return f"{said.text} is no whole number; the nearest is {near!r}"
    allowed = _shortened([f"{value:.15g}" for value in values[:4]], 3)
    return f"{said.text} is not on the step of its range ({allowed}); the nearest is {near!r}"


def _nearest(values: Sequence[float], wanted: float) -> float:
    """Of values in order the one that is nearest."""
    place = bisect.bisect_left(values, wanted)
    near = values[max(0, place - 1)], values[min(place, len(values) - 1)]
    return min(near, key=lambda value: abs(value - wanted))


def _strictly(one: Any, other: Any) -> bool:
    """Equality that takes 1 and 1.0 apart, which may be two choices."""
    return repr(one) == repr(other)


def _same(one: Any, other: Any) -> bool:
    """Equality as JSON has it: true is not 1, but 1.0 is."""
    if isinstance(one, (list, tuple)) and isinstance(other, (list, tuple)):
        return len(one) == len(other) and all(map(_same, one, other))
    return isinstance(one, bool) == isinstance(other, bool) and bool(one == other)


def _form(parameter: Parameter) -> str:
    names = ", ".join(parameter.names)
    if isinstance(parameter.domain, Choices):
        return f": it is [{names}], such as {list(parameter.domain.options[0])!r}"
    return f": it is one number for {names}, or a list of one for each"


def _listed(options: Iterable[tuple[Any, ...]]) -> str:
    return _shortened([repr(o[0] if len(o) == 1 else list(o)) for o in options])


def _shortened(texts: Sequence[str], most: int = 8) -> str:
    return ", ".join(texts[:most]) + (", …" if len(texts) > most else "")
