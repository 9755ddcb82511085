"""Names that are defined, applied and used: what is wrong between them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from mmar_automl.defs import Arg, Choices, Parameter, SearchSpace
from mmar_automl.errors import JsonPath, format_path
from mmar_automl.search.components import Component, is_comment
from mmar_automl.search.findings import Findings
from mmar_automl.search.links import VARIABLE, Applied, Links
from mmar_automl.search.targets import as_disabled, strict_text


def check_definitions(
    config: Mapping[str, Any],
    space: SearchSpace,
    links: Links,
    findings: Findings,
    *,
    clara_sections: bool,
) -> None:
    """An alias is defined once, and something uses it."""
    used = {item.alias for item in links.applies}
    # Applied and never defined: likely the other half of a slip.
    dangling = [item.alias for item in links.applies if not links.knows(item.alias)]
    used.update(name for parameter in space for name in parameter.when)
    first: dict[str, JsonPath] = {
        arg.name: place for parameter, arg, place in _args(space) if not parameter.component
    }
    # Another program than ours reads its config by itself.
    ours = clara_sections and "train" in config
    for name in first:
        if ours and not (name in config or name in used or links.uses_of_variable(name)):
            findings.warning(
                first[name],
                name,
                f"nothing uses the first-level parameter {name!r}",
                findings.nearest(name, dangling) or "apply it in a component, or delete it",
            )
    for _, arg, place in _args(space):
        if arg.alias is None:
            continue
        if arg.alias in first or arg.alias in links.values:
            where = format_path(first.get(arg.alias, (arg.alias,)))
            findings.error(
                place,
                f"{arg.name}#{arg.alias}",
                f"the alias {arg.alias!r} is defined twice: here and at {where}",
                "give one of them another name",
            )
        elif arg.alias not in used:
            findings.warning(
                place,
                f"{arg.name}#{arg.alias}",
                f"nothing applies the alias {arg.alias!r}",
                findings.nearest(arg.alias, dangling),
            )
        first.setdefault(arg.alias, place)


def _args(space: SearchSpace) -> Iterator[tuple[Parameter, Arg, JsonPath]]:
    for parameter in space:
        for position, arg in enumerate(parameter.args):
            yield parameter, arg, (*parameter.source, "args", position)


def check_applies(
    components: Sequence[Component], space: SearchSpace, links: Links, findings: Findings
) -> None:
    """Every `apply` names a known alias and a place that it may write to."""
    for component in components:
        _check_form(component, findings)
    bodies = {component.path: component for component in components}
    searched = {
        (parameter.component, arg.name, arg.attribute): (parameter, arg)
        for parameter, arg, _ in _args(space)
    }
    known = {**links.sources, **links.values}
    for item in links.applies:
        component = bodies[item.component]
        if item.arg.attribute and item.arg.name != "disabled":
            findings.error(
                item.source,
                f"@{item.arg.name}",
                "only the attribute @disabled can be applied",
                f"without the @ it is the arg {item.arg.name!r}",
            )
        elif item.alias not in known and item.alias not in links.broken:
            findings.error(
                item.source,
                item.alias,
                f"no search defines the alias {item.alias!r}",
                findings.nearest(item.alias, known)
                or "write it as name#alias in a search entry's args",
            )
        elif item.arg.attribute:
            _check_switch(item, space, links, findings)
        _check_target(item, component, findings)
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


def _check_form(component: Component, findings: Findings) -> None:
    path = (*component.path, "apply")
    section = component.body.get("apply", {})
    if not isinstance(section, Mapping):
        findings.error(path, section, "apply is an object", 'write {"arg": "alias"}')
        return
    for target, alias in section.items():
        if not is_comment(target) and (not isinstance(alias, str) or not alias):
            findings.error((*path, target), alias, "an alias is a name", 'write "arg": "alias"')


def _check_target(item: Applied, component: Component, findings: Findings) -> None:
    """The arg need not stand in the config: a class may have it all the same."""
    args = component.body.get("args")
    known = args if isinstance(args, Mapping) else {}
    if item.arg.attribute or item.arg.name in known:
        return
    hint = findings.nearest(item.arg.name, known)
    if item.arg.name == "disabled":
        hint = "the attribute is written @disabled"
    findings.warning(
        item.source,
        item.arg.name,
        f"{component.name} has no arg {item.arg.name!r} in the config",
        hint or "apply adds it",
    )


def _check_switch(item: Applied, space: SearchSpace, links: Links, findings: Findings) -> None:
    """What is applied to @disabled must be true or false."""
    source = links.sources.get(item.alias)
    values = [links.values[item.alias]] if item.alias in links.values else []
    if source is not None:
        domain = space[source.key].domain
        if not isinstance(domain, Choices):
            findings.error(
                item.source,
                item.alias,
                f"@disabled is true or false, but {item.alias!r} is a range",
                'search it as "type": "enum", "targets": [[true], [false]]',
            )
            return
        values = [option[source.position] for option in domain.options]
    for value in values:
        variable = isinstance(value, str) and VARIABLE.fullmatch(value)
        if as_disabled(value) is None and not variable:
            findings.error(
                item.source,
                value,
                f"@disabled is true or false, but {item.alias!r} can be {strict_text(value)}",
            )
