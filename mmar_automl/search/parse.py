"""config_train.json → SearchSpace: the whole of Clara's search language, and ours on top of it.

Pure: neither variables nor component names need to be known. The language is described in
docs/search-space.md.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

from mmar_automl.defs import (
    Arg,
    Choices,
    Condition,
    FloatRange,
    IntRange,
    Is,
    Parameter,
    SearchSpace,
    Value,
)
from mmar_automl.errors import MISSING, ConfigProblems, JsonPath, format_path
from mmar_automl.search.components import Component, find_components
from mmar_automl.search.consistency import check_consistency
from mmar_automl.search.entries import Entry, read_entry, strict_text
from mmar_automl.search.findings import Findings, nearest
from mmar_automl.search.links import Links, Placed, accepts, both


def parse(config: Mapping[str, Any]) -> SearchSpace:
    """The search space of a training config; raises `ConfigProblems` if anything is wrong."""
    findings = Findings()
    space = read_space(config, findings)
    if findings.errors:
        raise ConfigProblems(findings.problems)
    return space


def read_space(config: Mapping[str, Any], findings: Findings) -> SearchSpace:
    """As `parse`, but problems go to `findings`; entries with errors are left out."""
    components = find_components(config)
    names = {component.path: component.name for component in components}
    placed = _place(config, components, findings)
    links = Links(config, components, placed)
    parameters = tuple(_parameter(item, config, names, links) for item in placed)
    by_name = _names(parameters, links)
    parameters = tuple(_with_when(parameter, by_name, findings) for parameter in parameters)
    space = SearchSpace(parameters)
    check_consistency(config, components, space, links, findings)
    return space


def _place(
    config: Mapping[str, Any], components: Sequence[Component], findings: Findings
) -> list[Placed]:
    """Every entry, first level first, then the components in document order."""
    found: list[Placed] = []
    places: list[tuple[JsonPath, Mapping[str, Any], str]] = [((), config, "")]
    places += [(component.path, component.body, component.name) for component in components]
    first: dict[tuple[JsonPath, Arg], JsonPath] = {}
    for component, body, name in places:
        for index, (source, raw) in enumerate(_raw_entries(body, component, findings)):
            entry = read_entry(raw, source, not component, findings)
            if entry is None:
                continue
            errors = findings.errors
            for arg in entry.args:
                _check_arg(arg, entry, component, body, name, findings)
                place = (component, Arg(arg.name, arg.attribute))
                if place in first:
                    findings.error(
                        source,
                        raw,
                        f"{arg.name!r} is searched twice: here and at {format_path(first[place])}",
                        "delete one of the entries",
                    )
                first.setdefault(place, source)
            if findings.errors == errors:
                found.append(Placed(locator(entry, component, index), entry, component))
    return found


def _raw_entries(
    body: Mapping[str, Any], component: JsonPath, findings: Findings
) -> list[tuple[JsonPath, Any]]:
    search = body.get("search", [])
    entries: list[tuple[JsonPath, Any]] = []
    if isinstance(search, list):
        entries = [((*component, "search", index), raw) for index, raw in enumerate(search)]
    else:
        findings.error((*component, "search"), search, "search is a list of entries", "[{...}]")
    if not component and "lr_search" in body:
        # Clara 3.x's short form for a search of the learning rate.
        short = {
            "domain": "lr",
            "type": "float",
            "args": ["learning_rate"],
            "targets": body["lr_search"],
        }
        entries.append((("lr_search",), short))
    return entries


def _check_arg(
    arg: Arg,
    entry: Entry,
    component: JsonPath,
    body: Mapping[str, Any],
    name: str,
    findings: Findings,
) -> None:
    if arg.attribute:
        return
    if not component:
        if isinstance(body.get(arg.name), (dict, list)):
            findings.error(
                (*entry.source, "args"),
                arg.name,
                f"{arg.name!r} is a section of the config, not a value",
                "search inside its components",
            )
        return
    args = body.get("args", {})
    if not isinstance(args, Mapping) or arg.name not in args:
        known = list(args) if isinstance(args, Mapping) else []
        findings.error(
            (*entry.source, "args"),
            arg.name,
            f"{name} has no arg {arg.name!r} at {format_path(component)}",
            nearest(arg.name, known) or "a searched arg stands in the component's args, too",
        )


def locator(entry: Entry, component: JsonPath, index: int) -> str:
    """Clara's PRL: `<domain>.<type>.<path>$<index>:<args>`, list elements as `#n` from 1.

    It keeps exactly one colon, so that `key.split(":")[1]` is a name that MLflow accepts.
    """
    path = "".join(f".#{step + 1}" if isinstance(step, int) else f".{step}" for step in component)
    kind = "enum" if isinstance(entry.domain, Choices) else entry.type
    names = "/".join(arg.name for arg in entry.args)
    return f"{entry.label}.{kind}{path.replace(':', '_')}${index}:{names}"


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
        default=_default(item, config),
        active=links.active(item),
        when=item.entry.when,
    )


def _default(item: Placed, config: Mapping[str, Any]) -> Value | None:
    """The entry's own default, else the value that stands in the config, as a proposed value."""
    values = item.entry.default
    if values is None:
        body: Any = config
        for step in item.component:
            body = body[step]
        standing = [standing_value(arg, body, bool(item.component)) for arg in item.entry.args]
        if MISSING in standing:
            return None
        values = tuple(standing)
    domain = item.entry.domain
    if isinstance(domain, Choices):
        texts = [strict_text(option) for option in domain.options]
        text = strict_text(values)
        return texts.index(text) if text in texts else None
    number = values[0]
    if isinstance(number, bool) or not isinstance(number, (int, float)):
        return None
    if any(value != number for value in values) or not domain.min <= number <= domain.max:
        return None
    if isinstance(domain, IntRange):
        return int(number) if number == int(number) else None
    assert isinstance(domain, FloatRange)
    return float(number)


def standing_value(arg: Arg, body: Mapping[str, Any], in_component: bool) -> Any:
    """What stands in the config for an arg of a component (or at first level), or MISSING."""
    if arg.attribute:
        return body.get(arg.name, False)
    place = body.get("args", {}) if in_component else body
    return place.get(arg.name, MISSING) if isinstance(place, Mapping) else MISSING


def _names(parameters: Sequence[Parameter], links: Links) -> dict[str, tuple[Parameter, int]]:
    """Every name that `when` may use: readable names and aliases."""
    by_key = {parameter.key: parameter for parameter in parameters}
    names = {alias: (by_key[at.key], at.position) for alias, at in links.sources.items()}
    for parameter in parameters:
        for position, name in enumerate(parameter.names):
            names[name] = (parameter, position)
    return names


def _with_when(
    parameter: Parameter, by_name: Mapping[str, tuple[Parameter, int]], findings: Findings
) -> Parameter:
    if not parameter.when:
        return parameter
    condition: Condition = parameter.active
    for name, values in parameter.when.items():
        path = (*parameter.source, "when", name)
        if name not in by_name:
            findings.error(
                path,
                name,
                f"no parameter is called {name!r}",
                nearest(name, by_name) or f"there are: {', '.join(sorted(by_name))}",
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
                    f"{value!r} is no value of {name!r}",
                    _offer(other, position),
                )
        condition = both(condition, Is(other.key, accepts(other.domain, position, values)))
    return dataclasses.replace(parameter, active=condition)


def _offer(parameter: Parameter, position: int) -> str:
    if isinstance(parameter.domain, Choices):
        texts = [strict_text(option[position]) for option in parameter.domain.options]
        return f"its values are {', '.join(texts)}"
    return f"its range is [{parameter.domain.min}, {parameter.domain.max}]"
