"""The searched parameters as axes: what charts and importance both look along."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mmar_automl.defs import Choices, Parameter, SearchSpace
from mmar_automl.reports.summary import Row
from mmar_automl.search import describe


@dataclass(frozen=True, kw_only=True)
class Axis:
    """One parameter over the jobs in which it had an effect, a number for each.

    For `choices` the numbers are positions in it; else it is a range from `low` to `high`.
    """

    name: str
    values: Mapping[str, float]
    low: float
    high: float
    log: bool = False
    choices: tuple[str, ...] = ()

    @property
    def varies(self) -> bool:
        """Whether the jobs differ in it at all."""
        return len(set(self.values.values())) > 1


def read_axes(rows: Sequence[Row], space: SearchSpace | None) -> list[Axis]:
    """One axis for each parameter that any job has; args that move together are one.

    Without a space (a user's own, or one that cannot be read any more) the jobs' readable
    parameters are all there is: numbers make a range, anything else choices.
    """
    axes = []
    named: set[str] = set()
    for parameter in space or ():
        found = _of_parameter(parameter, rows)
        if found is not None:
            axes.append(found)
            named.update(parameter.names)
    others = dict.fromkeys(name for row in rows for name in row.parameters if name not in named)
    return axes + [_of_name(name, rows) for name in others]


def _of_parameter(parameter: Parameter, rows: Sequence[Row]) -> Axis | None:
    first = parameter.names[0]
    values = {
        row.name: row.values[parameter.key]
        for row in rows
        if parameter.key in row.values and first in row.parameters
    }
    if not values or not all(_is_number(value) for value in values.values()):
        return None
    name = " · ".join(parameter.names)
    domain = parameter.domain
    if isinstance(domain, Choices):
        texts = tuple(" · ".join(map(describe.text, option)) for option in domain.options)
        if not all(0 <= value < len(texts) for value in values.values()):
            return None
        return Axis(name=name, values=values, low=0, high=len(texts) - 1, choices=texts)
    return Axis(
        name=name,
        values=values,
        low=domain.min,
        high=domain.max,
        log=domain.scale == "log" and domain.min > 0,
    )


def _of_name(name: str, rows: Sequence[Row]) -> Axis:
    given = {row.name: row.parameters[name] for row in rows if name in row.parameters}
    if all(_is_number(value) for value in given.values()):
        return Axis(name=name, values=given, low=min(given.values()), high=max(given.values()))
    texts = {job: json.dumps(value, ensure_ascii=False) for job, value in given.items()}
    choices = tuple(dict.fromkeys(texts.values()))
    places = {text: place for place, text in enumerate(choices)}
    values = {job: float(places[text]) for job, text in texts.items()}
    return Axis(name=name, values=values, low=0, high=len(choices) - 1, choices=choices)


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)
