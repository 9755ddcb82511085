"""config_train.json → SearchSpace: the whole of Clara's search language, and ours on top of it.

Pure: neither variables nor component names need to be known. The language is described in
docs/search-space.md.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from mmar_automl.defs import (
    Choices,
    Condition,
    IntRange,
    Is,
    Json,
    Parameter,
    SearchSpace,
    Value,
    all_of,
)
from mmar_automl.errors import MISSING, ConfigProblems, JsonPath
from mmar_automl.search.components import find_components, standing_value
from mmar_automl.search.consistency import check_consistency
from mmar_automl.search.findings import Findings
from mmar_automl.search.links import Links, accepts
from mmar_automl.search.place import Placed, place
from mmar_automl.search.targets import as_disabled, strict_text


def parse(config: Mapping[str, Any]) -> SearchSpace:
    """The search space of a training config; raises `ConfigProblems` if anything is wrong."""
    findings = Findings()
    space = read_space(config, findings)
    if findings.errors:
        raise ConfigProblems(findings.problems)
    return space


def read_space(
    config: Mapping[str, Any], findings: Findings, *, clara_sections: bool = True
) -> SearchSpace:
    """As `parse`, but problems go to `findings`; entries with errors are left out.

    `clara_sections` is False where another program reads `train` and `validate`: a list there
    need not mean alternatives.
    """
    components = find_components(config)
    names = {component.path: component.name for component in components}
    placement = place(config, components, findings)
    links = Links(config, components, placement)
    parameters = tuple(_parameter(item, config, names, links) for item in placement.placed)
    by_name = _names(parameters, links)
    parameters = tuple(
        _with_when(parameter, by_name, links.broken, findings) for parameter in parameters
    )
    space = SearchSpace(parameters)
    check_consistency(config, components, space, links, findings, clara_sections=clara_sections)
    return space


def _parameter(
    item: Placed, config: Mapping[str, Any], names: Mapping[JsonPath, str], links: Links
) -> Parameter:
    prefix = f"{names[item.component]}." if item.component else ""
    return Parameter(
        key=item.key,
        names=tuple(prefix + arg.name for arg in item.entry.args),
        label=item.entry.label,
        domain=item.entry.domain,
        args=item.entry.args,
        component=item.component,
        source=item.entry.source,
        default=_default(item, config, links),
        active=links.active(item),
        when=item.entry.when,
    )


def _default(item: Placed, config: Mapping[str, Any], links: Links) -> Value | None:
    """The entry's own default, else the value that stands in the config, as a proposed value."""
    values = item.entry.default or _standing(item, config, links)
    if MISSING in values:
        return None
    domain = item.entry.domain
    if isinstance(domain, Choices):
        texts = [strict_text(option) for option in domain.options]
        text = strict_text(values)
        return texts.index(text) if text in texts else None
    number = values[0]
    if isinstance(number, bool) or not isinstance(number, (int, float)):
        return None
    if isinstance(domain, IntRange) and number == round(number):
        number = round(number)
    if any(value != number for value in values) or number not in domain:
        return None
    return number if isinstance(domain, IntRange) else float(number)


def _standing(item: Placed, config: Mapping[str, Any], links: Links) -> tuple[Json, ...]:
    """What stands in the config for each arg; MISSING where nothing does.

    A first-level name that the search has made up, to switch or to set what applies it, stands for
    what is there without it.
    """
    body: Any = config
    for step in item.component:
        body = body[step]
    standing = []
    for position, arg in enumerate(item.entry.args):
        value = standing_value(arg, body, bool(item.component))
        if value is MISSING and not item.component:
            value = links.applied_value(item, position)
            if isinstance(item.entry.domain, Choices) and links.is_switch(item, position):
                # Clara's own examples switch by 0.0 and 1.0.
                column = [option[position] for option in item.entry.domain.options]
                value = next((one for one in column if as_disabled(one) is value), value)
        standing.append(value)
    return tuple(standing)


def _names(parameters: Sequence[Parameter], links: Links) -> dict[str, tuple[Parameter, int]]:
    """Every name that `when` may use: readable names and aliases."""
    by_key = {parameter.key: parameter for parameter in parameters}
    names = {alias: (by_key[at.key], at.position) for alias, at in links.sources.items()}
    for parameter in parameters:
        for position, name in enumerate(parameter.names):
            names[name] = (parameter, position)
    return names


def _with_when(
    parameter: Parameter,
    by_name: Mapping[str, tuple[Parameter, int]],
    broken: frozenset[str],
    findings: Findings,
) -> Parameter:
    if not parameter.when:
        return parameter
    condition: Condition = parameter.active
    for name, values in parameter.when.items():
        path = (*parameter.source, "when", name)
        if name not in by_name:
            if name not in broken:
                findings.error(
                    path,
                    name,
                    f"no parameter is called {name!r}",
                    findings.nearest(name, by_name) or _some(by_name),
                )
            continue
        other, position = by_name[name]
        if other.key == parameter.key:
            findings.error(path, name, f"{name!r} cannot be the condition of itself")
            continue
        for index, value in enumerate(values):
            if not accepts(other.domain, position, [value]):
                findings.error(
                    (*path, index),
                    value,
                    f"{strict_text(value)} is no value of {name!r}",
                    _offer(other, position),
                )
        condition = all_of(condition, Is(other.key, accepts(other.domain, position, values)))
    return dataclasses.replace(parameter, active=condition)


def _some(names: Iterable[str]) -> str:
    """The first names there are, for a hint."""
    known = sorted(names)
    more = f" and {len(known) - 10} more" if len(known) > 10 else ""
    return f"there are {', '.join(known[:10])}{more}"


def _offer(parameter: Parameter, position: int) -> str:
    if isinstance(parameter.domain, Choices):
        texts = [strict_text(option[position]) for option in parameter.domain.options]
        return f"its values are {', '.join(texts)}"
    step = f" in steps of {parameter.domain.step}" if parameter.domain.step else ""
    return f"its range is [{parameter.domain.min}, {parameter.domain.max}]{step}"
