"""What only shows when the entries are seen together: aliases, apply, alternatives, references."""

from __future__ import annotations

import itertools
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from mmar_automl.defs import (
    ALWAYS,
    NEVER,
    Choices,
    Condition,
    Is,
    Parameter,
    SearchSpace,
    Value,
    keys_of,
)
from mmar_automl.errors import JsonPath, format_path
from mmar_automl.search.components import ALTERNATIVES, Component, is_comment
from mmar_automl.search.entries import as_disabled, strict_text
from mmar_automl.search.findings import Findings, nearest
from mmar_automl.search.links import Links

COMBINATIONS = 4096
"""So many combinations of switches are looked at one by one; more are only warned of."""
REFERENCE = re.compile(r"@([A-Za-z_]\w*)")


def check_consistency(
    config: Mapping[str, Any],
    components: Sequence[Component],
    space: SearchSpace,
    links: Links,
    findings: Findings,
) -> None:
    """Report whatever is wrong between entries that are each right on their own."""
    _check_aliases(config, space, links, findings)
    _check_applies(config, components, space, links, findings)
    _check_when_circles(space, findings)
    _check_without_effect(space, findings)
    _check_alternatives(config, space, links, findings)
    _check_references(config, components, space, links, findings)


def _scalars(config: Mapping[str, Any]) -> dict[str, Any]:
    return {
        key: value
        for key, value in config.items()
        if not isinstance(value, (dict, list)) and not is_comment(key)
    }


def _check_aliases(
    config: Mapping[str, Any], space: SearchSpace, links: Links, findings: Findings
) -> None:
    applied = {item.alias for item in links.applies}
    conditions = {name for parameter in space for name in parameter.when}
    first: dict[str, JsonPath] = {}
    for parameter in space:
        path = (*parameter.source, "args")
        for arg in parameter.args:
            if not parameter.component:
                first.setdefault(arg.name, path)
                used = links.uses_of_variable(arg.name) or arg.name in applied | conditions
                # An MMAR whose round script trains something else reads its config by itself.
                if not used and arg.name not in config and "train" in config:
                    findings.warning(
                        path,
                        arg.name,
                        f"nothing uses the first-level parameter {arg.name!r}",
                        nearest(arg.name, [*applied - set(first), *_scalars(config)]),
                    )
    for parameter in space:
        path = (*parameter.source, "args")
        for arg in parameter.args:
            if arg.alias is None:
                continue
            if arg.alias in first or arg.alias in _scalars(config):
                where = format_path(first.get(arg.alias, (arg.alias,)))
                findings.error(
                    path,
                    f"{arg.name}#{arg.alias}",
                    f"the alias {arg.alias!r} is defined twice: here and at {where}",
                    "give one of them another name",
                )
            elif arg.alias not in applied | conditions:
                findings.warning(path, arg.alias, f"nothing applies the alias {arg.alias!r}")
            first.setdefault(arg.alias, path)


def _check_applies(
    config: Mapping[str, Any],
    components: Sequence[Component],
    space: SearchSpace,
    links: Links,
    findings: Findings,
) -> None:
    bodies = {component.path: component for component in components}
    searched = {
        (parameter.component, arg.name, arg.attribute): (parameter, arg)
        for parameter in space
        for arg in parameter.args
    }
    for component in components:
        section = component.body.get("apply")
        path = (*component.path, "apply")
        if section is not None and not isinstance(section, Mapping):
            findings.error(path, section, 'apply is {"arg": "alias"}')
        for target, alias in section.items() if isinstance(section, Mapping) else ():
            if not isinstance(alias, str) and not is_comment(target):
                findings.error((*path, target), alias, "an alias is a name")
    known = [*links.sources, *_scalars(config)]
    for item in links.applies:
        if item.arg.attribute and item.arg.name != "disabled":
            findings.error(
                item.source, f"@{item.arg.name}", "only the attribute @disabled can be applied"
            )
        if item.alias not in known:
            findings.error(
                item.source,
                item.alias,
                f"no search defines the alias {item.alias!r}",
                nearest(item.alias, known) or "write it as name#alias in a search entry's args",
            )
        component = bodies[item.component]
        twice = searched.get((item.component, item.arg.name, item.arg.attribute))
        if twice is not None:
            parameter, arg = twice
            alias = f" (alias {arg.alias})" if arg.alias else ""
            findings.error(
                item.source,
                item.alias,
                f"`{item.arg.name}` of {format_path(item.component)} ({component.name}) is both "
                f"searched{alias} at {format_path(parameter.source)} and set by apply "
                f"(alias {item.alias})",
                "delete one of the two",
            )
        args = component.body.get("args", {})
        if not item.arg.attribute and not (isinstance(args, Mapping) and item.arg.name in args):
            findings.warning(
                item.source,
                item.arg.name,
                f"{component.name} has no arg {item.arg.name!r} in the config",
                nearest(item.arg.name, args if isinstance(args, Mapping) else ()),
            )
        if item.arg.attribute and item.alias in links.sources:
            _check_switch(item.source, item.alias, space, links, findings)


def _check_switch(
    path: JsonPath, alias: str, space: SearchSpace, links: Links, findings: Findings
) -> None:
    source = links.sources[alias]
    domain = space[source.key].domain
    if not isinstance(domain, Choices):
        findings.error(path, alias, f"@disabled is true or false, but {alias!r} is a range")
        return
    for option in domain.options:
        if as_disabled(option[source.position]) is None:
            findings.error(
                path,
                option[source.position],
                f"@disabled is true or false, but {alias!r} can be "
                f"{strict_text(option[source.position])}",
            )


def _check_when_circles(space: SearchSpace, findings: Findings) -> None:
    parents = {
        parameter.key: keys_of(parameter.active) if parameter.when else frozenset()
        for parameter in space
    }
    for parameter in space:
        reached, ahead = set(), list(parents[parameter.key])
        while ahead:
            key = ahead.pop()
            if key not in reached:
                reached.add(key)
                ahead += parents[key]
        if parameter.key in reached:
            findings.error(
                (*parameter.source, "when"),
                dict(parameter.when),
                f"{parameter.names[0]} waits, through others, for itself",
            )


def _check_without_effect(space: SearchSpace, findings: Findings) -> None:
    for parameter in space:
        if parameter.active == NEVER:
            findings.warning(
                parameter.source,
                parameter.names[0],
                f"{parameter.names[0]} has no effect: its component is disabled and nothing "
                "enables it",
            )


def _combinations(
    space: SearchSpace, conditions: Sequence[Condition]
) -> list[dict[str, Value]] | None:
    """Every combination of the parameters that these conditions hang on; None if too many."""
    keys = set().union(*(keys_of(condition) for condition in conditions))
    ahead = list(keys)
    while ahead:
        for key in keys_of(space[ahead.pop()].active) - keys:
            keys.add(key)
            ahead.append(key)
    parameters: list[Parameter] = [parameter for parameter in space if parameter.key in keys]
    options: list[list[Value]] = []
    total = 1
    for parameter in parameters:
        if isinstance(parameter.domain, Choices):
            options.append(list(range(len(parameter.domain))))
        else:
            options.append(sorted(_asked_numbers(space, parameter.key)))
        total *= len(options[-1])
    if total > COMBINATIONS:
        return None
    names = [parameter.key for parameter in parameters]
    return [
        dict(zip(names, combination, strict=True)) for combination in itertools.product(*options)
    ]


def _asked_numbers(space: SearchSpace, key: str) -> set[Value]:
    """Numbers of a range that tell its conditions apart: those asked for, and one other."""
    domain = space[key].domain
    assert not isinstance(domain, Choices)
    asked: set[Value] = {domain.min, domain.max}
    ahead: list[Condition] = [parameter.active for parameter in space]
    while ahead:
        condition = ahead.pop()
        if isinstance(condition, Is):
            if condition.key == key:
                asked |= condition.accepted
        else:
            ahead += condition.parts
    return asked


def _check_alternatives(
    config: Mapping[str, Any], space: SearchSpace, links: Links, findings: Findings
) -> None:
    for path, options in _alternatives(config):
        conditions = [links.enabled((*path, index)) for index, _ in options]
        names = [str(body.get("name") or body.get("path") or index) for index, body in options]
        combinations = _combinations(space, conditions)
        if combinations is None:
            findings.warning(
                path,
                names,
                f"too many combinations to check that exactly one of {len(names)} is enabled",
            )
            continue
        wrong: dict[tuple[str, ...], list[dict[str, Value]]] = defaultdict(list)
        for values in combinations:
            enabled = tuple(
                name
                for name, condition in zip(names, conditions, strict=True)
                if space.holds(condition, values)
            )
            if len(enabled) != 1:
                wrong[enabled].append(values)
        for enabled, cases in wrong.items():
            where, value, said = _blame(space, cases[0], path, names)
            findings.error(
                where,
                value,
                f"{said} leaves {len(enabled)} of {len(names)} entries of {format_path(path)} "
                f"enabled ({', '.join(enabled) or 'none'}); exactly one must be"
                + (f", and so do {len(cases) - 1} more combinations" if len(cases) > 1 else ""),
                "`@disabled: true` switches an entry off",
            )


def _blame(
    space: SearchSpace, values: Mapping[str, Value], path: JsonPath, names: Sequence[str]
) -> tuple[JsonPath, Any, str]:
    """Where a wrong combination was written, its value, and what to call it."""
    if not values:
        return path, list(names), "the config"
    if len(values) == 1:
        ((key, index),) = values.items()
        parameter = space[key]
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


def _alternatives(
    config: Mapping[str, Any],
) -> Iterator[tuple[JsonPath, list[tuple[int, Mapping[str, Any]]]]]:
    for prefix, section in ((("train",), config.get("train")), ((), config)):
        if not isinstance(section, Mapping):
            continue
        for key in ALTERNATIVES:
            options = section.get(key)
            if isinstance(options, list) and options:
                bodies = [(i, body) for i, body in enumerate(options) if isinstance(body, Mapping)]
                yield (*prefix, key), bodies


def _check_references(
    config: Mapping[str, Any],
    components: Sequence[Component],
    space: SearchSpace,
    links: Links,
    findings: Findings,
) -> None:
    """A `@name` that stands in an enabled component must lead to an enabled one."""
    switched: dict[JsonPath, Condition] = {
        component.path: links.enabled(component.path)
        for component in components
        if len(component.path) == 2 and component.path[0] in ("train", "validate")
    }
    switched = {
        path: condition for path, condition in switched.items() if condition not in (ALWAYS, NEVER)
    }
    if not switched:
        return
    paths = {component.path for component in components}
    for path, text in _strings(config, ()):
        for name in REFERENCE.findall(text):
            target = _referred(name, path, switched, config)
            if target is None:
                continue
            user = next(
                path[:end] for end in range(len(path), -1, -1) if path[:end] in paths or not end
            )
            conditions = [switched[target], links.enabled(user) if user else ALWAYS]
            for values in _combinations(space, conditions) or ():
                if space.holds(conditions[1], values) and not space.holds(conditions[0], values):
                    _, _, said = _blame(space, values, path, [])
                    findings.error(
                        path,
                        text,
                        f"@{name} leads to {format_path(target)}, which {said} disables",
                        f"apply the same alias to @disabled of {format_path(user) or 'its user'}",
                    )
                    break


def _referred(
    name: str, path: JsonPath, switched: Mapping[JsonPath, Condition], config: Mapping[str, Any]
) -> JsonPath | None:
    """The switched section that `@name` means at `path`: its own section's, else train's."""
    section = path[0] if path and path[0] in ("train", "validate") else "train"
    own = config.get(str(section))
    if section == "validate" and not (isinstance(own, Mapping) and name in own):
        section = "train"
    elif section == "train" and name == "evaluator":
        section = "validate"
    target = (section, name)
    return target if target in switched else None


def _strings(node: Any, path: JsonPath) -> Iterator[tuple[JsonPath, str]]:
    if isinstance(node, Mapping):
        for key, child in node.items():
            if not is_comment(key) and key not in ("search", "apply"):
                yield from _strings(child, (*path, key))
    elif isinstance(node, list):
        for index, child in enumerate(node):
            yield from _strings(child, (*path, index))
    elif isinstance(node, str) and "@" in node:
        yield path, node
