"""Where the search entries of a config stand, and what each is called: its PRL."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mmar_automl.defs import Arg, Choices
from mmar_automl.errors import JsonPath, format_path
from mmar_automl.search.components import RESERVED, Component, is_comment, is_section
from mmar_automl.search.entries import Entry, read_entry
from mmar_automl.search.findings import Findings

_LR_SEARCH: JsonPath = ("lr_search",)
_ODD = re.compile(r"[^\w \-]")


@dataclass(frozen=True)
class Placed:
    """A search entry with its key in the space and the component that it stands in."""

    key: str
    entry: Entry
    component: JsonPath

    def aliases(self, position: int) -> Iterator[str]:
        """The names under which others may apply the arg at `position`."""
        arg = self.entry.args[position]
        if not self.component:
            yield arg.name
        if arg.alias is not None:
            yield arg.alias


@dataclass(frozen=True)
class Placement:
    """Every entry, first level first, then the components in document order.

    `broken_aliases` are the names that entries with errors would have defined, `broken_switches`
    the components that such an entry would have switched: what hangs on them is not another error.
    """

    placed: tuple[Placed, ...]
    broken_aliases: frozenset[str]
    broken_switches: frozenset[JsonPath]


def place(
    config: Mapping[str, Any], components: Sequence[Component], findings: Findings
) -> Placement:
    """Read every search entry where it stands."""
    found: list[Placed] = []
    keys: set[str] = set()
    aliases: set[str] = set()
    switches: set[JsonPath] = set()
    first: dict[tuple[JsonPath, Arg], JsonPath] = {}
    top = Component((), config, "")
    for component in (top, *components):
        path = component.path
        for index, (source, raw) in enumerate(_raw_entries(component.body, path, findings)):
            errors, told = findings.errors, len(findings.problems)
            entry = read_entry(raw, source, not path, findings)
            if source == _LR_SEARCH:
                findings.move(told, (*_LR_SEARCH, "targets"), _LR_SEARCH)
            for position, arg in enumerate(entry.args if entry else ()):
                place = (*source, "args", position)
                _check_arg(arg, component, place, findings)
                mark = (path, Arg(arg.name, arg.attribute))
                if mark in first:
                    findings.error(
                        place,
                        arg.name,
                        f"{arg.name!r} is searched twice: here and at {format_path(first[mark])}",
                        "delete one of the entries",
                    )
                first.setdefault(mark, source)
            if entry is not None and findings.errors == errors:
                key = locator(entry, path, index)
                # Odd characters may make two keys one; a key is the only name that plug-ins see.
                while key in keys:
                    key += "_"
                keys.add(key)
                found.append(Placed(key, entry, path))
            else:
                names = list(_names(raw))
                aliases.update(name for name, is_alias in names if is_alias or not path)
                if any(name in ("disabled", "DISABLED") for name, _ in names):
                    switches.add(path)
    _check_strays(config, {component.path for component in components}, findings)
    return Placement(tuple(found), frozenset(aliases), frozenset(switches))


def _names(raw: Any) -> Iterator[tuple[str, bool]]:
    """What an entry with an error seems to be about: (name, whether it is an alias)."""
    args = raw.get("args") if isinstance(raw, Mapping) else None
    for text in args if isinstance(args, list) else [args]:
        if isinstance(text, str):
            name, _, alias = text.partition("#")
            yield name.removeprefix("@").strip(), False
            if alias:
                yield alias.strip(), True


def _raw_entries(
    body: Mapping[str, Any], component: JsonPath, findings: Findings
) -> list[tuple[JsonPath, Any]]:
    search = body.get("search", [])
    entries: list[tuple[JsonPath, Any]] = []
    if isinstance(search, list):
        entries = [((*component, "search", index), raw) for index, raw in enumerate(search)]
    else:
        findings.error((*component, "search"), search, "search is a list of entries", "write [{…}]")
    if not component and "lr_search" in body:
        entry = {
            "domain": "lr",
            "type": "float",
            "args": ["learning_rate"],
            "targets": body["lr_search"],
        }
        findings.warning(
            _LR_SEARCH,
            body["lr_search"],
            "the short form of Clara 3.x",
            'the canonical form is an entry in "search" with "args": ["learning_rate"]',
        )
        entries.append((_LR_SEARCH, entry))
    return entries


def _check_arg(arg: Arg, component: Component, place: JsonPath, findings: Findings) -> None:
    """At first level any name will do that is no section; in a component, an arg that it has."""
    if arg.attribute:
        return
    if not component.path:
        if arg.name in RESERVED or is_section(component.body.get(arg.name)):
            findings.error(
                place,
                arg.name,
                f"{arg.name!r} is a section of the config, not a value",
                "search inside its components",
            )
        return
    args = component.body.get("args", {})
    known = list(args) if isinstance(args, Mapping) else []
    if arg.name not in known:
        if arg.name == "disabled":
            hint = "the attribute is written @disabled"
        else:
            hint = findings.nearest(arg.name, known) or "add it to args, with a value to start from"
        findings.error(
            place,
            arg.name,
            f"{component.name} has no arg {arg.name!r} at {format_path(component.path)}",
            hint,
        )


def _check_strays(config: Any, components: set[JsonPath], findings: Findings) -> None:
    """A search or apply section that stands in no component has no effect."""
    ahead: list[tuple[JsonPath, Any]] = [((), config)]
    while ahead:
        path, node = ahead.pop()
        if isinstance(node, list):
            ahead += (((*path, index), child) for index, child in enumerate(node))
        if not isinstance(node, Mapping):
            continue
        for key, child in node.items():
            if is_comment(key):
                continue
            if key not in ("search", "apply"):
                ahead.append(((*path, key), child))
            elif path in components or (not path and key == "search"):
                continue
            elif _looks_like(key, child):
                findings.error(
                    (*path, key),
                    child,
                    f"this {key} section stands in no component, so that it has no effect",
                    "it belongs beside a component's name and args"
                    + (", or at first level" if key == "search" else ""),
                )


def _looks_like(key: str, child: Any) -> bool:
    if key == "apply":
        return isinstance(child, Mapping) and "@disabled" in child
    return isinstance(child, list) and any(
        isinstance(entry, Mapping) and "args" in entry for entry in child
    )


def locator(entry: Entry, component: JsonPath, index: int) -> str:
    """Clara's PRL: `<domain>.<type>.<path>$<index>:<args>`, list elements as `#n` from 1.

    It keeps exactly one colon, so that `key.split(":")[1]` is a name that MLflow accepts, and
    `.enum` or `.float` stand in it only as the type, which is what Clara's plug-ins look for.
    """
    path = "".join(f".{_step(step)}" for step in component)
    kind = "enum" if isinstance(entry.domain, Choices) else entry.type
    names = "/".join(_ODD.sub("_", arg.name) for arg in entry.args)
    return f"{entry.label}.{kind}{path}${index}:{names}"


def _step(step: str | int) -> str:
    if isinstance(step, int):
        return f"#{step + 1}"
    word = _ODD.sub("_", step)
    return f"_{word}" if word.startswith(("enum", "float")) else word
