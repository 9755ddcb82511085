"""Lists of alternatives: whatever is chosen, exactly one of them is enabled."""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from mmar_automl.defs import (
    Choices,
    Condition,
    Is,
    SearchSpace,
    Value,
    keys_of,
)
from mmar_automl.errors import JsonPath, format_path
from mmar_automl.search.components import ALTERNATIVES
from mmar_automl.search.findings import Findings
from mmar_automl.search.links import Links
from mmar_automl.search.targets import strict_text

COMBINATIONS = 4096
"""So many combinations of switches are looked at one by one; more are only warned of."""


class Combinations:
    """Every way in which some conditions can turn out, as values that make them do so."""

    def __init__(self, space: SearchSpace) -> None:
        self._space = space
        self._asked: dict[str, set[Value]] = defaultdict(set)
        ahead: list[Condition] = [parameter.active for parameter in space]
        while ahead:
            condition = ahead.pop()
            if isinstance(condition, Is):
                self._asked[condition.key] |= condition.accepted
            else:
                ahead += condition.parts

    def of(self, conditions: Sequence[Condition]) -> list[dict[str, Value]] | None:
        """The values of all parameters that these conditions hang on; None if too many."""
        keys = set().union(*(keys_of(condition) for condition in conditions))
        ahead = list(keys)
        while ahead:
            for key in keys_of(self._space[ahead.pop()].active) - keys:
                keys.add(key)
                ahead.append(key)
        names = [parameter.key for parameter in self._space if parameter.key in keys]
        options = [self._values(key) for key in names]
        total = 1
        for values in options:
            total *= len(values)
            if total > COMBINATIONS:
                return None
        return [dict(zip(names, values, strict=True)) for values in itertools.product(*options)]

    def _values(self, key: str) -> list[Value]:
        domain = self._space[key].domain
        if isinstance(domain, Choices):
            return list(domain.values)
        # Of a range: the numbers that are asked for, and two that may be any others.
        return sorted({domain.min, domain.max} | self._asked[key])


def check_alternatives(
    config: Mapping[str, Any],
    space: SearchSpace,
    links: Links,
    combinations: Combinations,
    findings: Findings,
    *,
    always: bool,
) -> None:
    """Report every choice that leaves none or several of a list of alternatives enabled.

    `always` is False where another program reads the config: there only the lists count that a
    search switches, since a list may mean anything.
    """
    for path, options in _lists(config):
        places = [(*path, index) for index, _ in options]
        if not all(links.is_decided(place) for place in places):
            continue
        if not always and not any(links.is_searched(place) for place in places):
            continue
        conditions = [links.enabled(place) for place in places]
        names = [str(body.get("name") or body.get("path") or index) for index, body in options]
        cases = combinations.of(conditions)
        if cases is None:
            findings.warning(
                path,
                names,
                f"too many combinations to check that exactly one of {len(names)} is enabled",
                "search them in one entry: one arg for each alternative",
            )
            continue
        wrong: dict[tuple[str, ...], list[dict[str, Value]]] = defaultdict(list)
        for values in cases:
            enabled = tuple(
                name
                for name, condition in zip(names, conditions, strict=True)
                if space.holds(condition, values)
            )
            if len(enabled) != 1:
                wrong[enabled].append(values)
        for enabled, bad in wrong.items():
            where, value, said = blame(space, bad[0], path, names)
            more = len(bad) - 1
            findings.error(
                where,
                value,
                f"{said} leaves {len(enabled)} of {len(names)} entries of {format_path(path)} "
                f"enabled ({', '.join(enabled) or 'none'}); exactly one must be"
                + (f", and so does {more} more" if more == 1 else "")
                + (f", and so do {more} more combinations" if more > 1 else ""),
                "`@disabled: true` switches an entry off",
            )


def blame(
    space: SearchSpace, values: Mapping[str, Value], path: JsonPath, names: Sequence[str]
) -> tuple[JsonPath, Any, str]:
    """Where a wrong combination was written, its value, and what to call it."""
    if not values:
        return path, list(names), "the config"
    if len(values) == 1:
        ((key, index),) = values.items()
        parameter = space[key]
        if not isinstance(parameter.domain, Choices):
            return parameter.source, index, f"the value {index:g}"
        option = list(parameter.values(index))
        return (
            (*parameter.source, "targets", int(index)),
            option,
            f"choice {index} ({strict_text(option)})",
        )
    told = {
        name: value
        for key, choice in values.items()
        for name, value in zip(space[key].names, space[key].values(choice), strict=True)
    }
    return path, told, f"the combination {strict_text(told)}"


def _lists(
    config: Mapping[str, Any],
) -> Iterator[tuple[JsonPath, list[tuple[int, Mapping[str, Any]]]]]:
    for prefix, section in ((("train",), config.get("train")), ((), config)):
        if not isinstance(section, Mapping):
            continue
        for key in ALTERNATIVES:
            options = section.get(key)
            if isinstance(options, list) and options:
                bodies = [(i, body) for i, body in enumerate(options) if isinstance(body, Mapping)]
                if bodies:
                    yield (*prefix, key), bodies
