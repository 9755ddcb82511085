"""A search space in words: names, domains and conditions as people and scripts read them."""

from __future__ import annotations

import json
from collections.abc import Sequence

from mmar_automl.defs import (
    ALWAYS,
    NEVER,
    AnyOf,
    Choices,
    Condition,
    Is,
    Json,
    Parameter,
    SearchSpace,
)
from mmar_automl.search.count import TooEntangled, count_exactly

Conditions = dict[str, list[Json]]
"""Readable name → the values that it must have one of; all of them must hold."""


def size(space: SearchSpace) -> str:
    """`8 distinct configurations`, or why there is no number."""
    try:
        number = count_exactly(space)
    except TooEntangled:
        return "finitely many configurations, too entangled to count"
    if number is None:
        return "infinitely many configurations"
    return f"{number} distinct configuration{'' if number == 1 else 's'}"


def default(parameter: Parameter, position: int) -> Json:
    """The JSON value of the baseline for one arg; None where the config gives none."""
    if parameter.default is None:
        return None
    return parameter.values(parameter.default)[position]


def targets(parameter: Parameter) -> list[Json]:
    """`targets` in the canonical form: [min, max], or choices with a value for each arg."""
    domain = parameter.domain
    if isinstance(domain, Choices):
        return [list(option) for option in domain.options]
    return [domain.min, domain.max]


def when(parameter: Parameter, space: SearchSpace) -> Conditions | str:
    """When a parameter is active: {} for always, else names with values; a text if there is an
    "or" in it."""
    table = _table(parameter.active, space)
    return in_words(parameter.active, space) if table is None else table


def in_words(condition: Condition, space: SearchSpace) -> str:
    """A condition as a sentence: `d1 = false and (norm = "batch" or …)`; empty for always."""
    if condition == ALWAYS:
        return ""
    if condition == NEVER:
        return "never"
    if isinstance(condition, Is):
        return " and ".join(
            f"{name} = {' | '.join(map(text, values))}"
            for name, values in _asked(condition, space).items()
        )
    parts = [in_words(part, space) for part in condition.parts]
    if isinstance(condition, AnyOf):
        return " or ".join(parts)
    inner = zip(parts, condition.parts, strict=True)
    return " and ".join(f"({words})" if isinstance(part, AnyOf) else words for words, part in inner)


def text(value: Json) -> str:
    """A JSON value on one line."""
    return json.dumps(value, ensure_ascii=False)


def _table(condition: Condition, space: SearchSpace) -> Conditions | None:
    if isinstance(condition, Is):
        return _asked(condition, space)
    if isinstance(condition, AnyOf):
        return None
    table: Conditions = {}
    for part in condition.parts:
        inner = _table(part, space)
        if inner is None or inner.keys() & table.keys():
            return None
        table.update(inner)
    return table


def _asked(condition: Is, space: SearchSpace) -> Conditions:
    """The names and values behind the indices of an `Is`."""
    parameter = space[condition.key]
    accepted = sorted(condition.accepted)
    if not isinstance(parameter.domain, Choices):
        return {parameter.names[0]: list(accepted)}
    options = parameter.domain.options
    chosen = [options[index] for index in accepted if isinstance(index, int)]
    others = [option for option in options if option not in chosen]
    for position, name in enumerate(parameter.names):
        column = [option[position] for option in chosen]
        # One arg of a group may tell the choices apart by itself: then the others need no word.
        if not any(_among(option[position], column) for option in others):
            return {name: _distinct(column)}
    return {
        name: _distinct([option[position] for option in chosen])
        for position, name in enumerate(parameter.names)
    }


def _distinct(values: Sequence[Json]) -> list[Json]:
    return list({text(value): value for value in values}.values())


def _among(value: Json, values: Sequence[Json]) -> bool:
    return text(value) in map(text, values)
