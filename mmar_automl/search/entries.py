"""One entry of a search section, checked on its own: args, type, targets, the optional keys."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from mmar_automl.defs import Arg, Choices, Domain, IntRange, Json
from mmar_automl.errors import MISSING, JsonPath
from mmar_automl.search.components import is_comment
from mmar_automl.search.findings import Findings
from mmar_automl.search.targets import read_choices, read_number, read_range, strict_text

TYPES = ("float", "int", "enum", "bool")
KEYS = ("domain", "type", "args", "targets", "scale", "step", "default", "when")
_ON_OFF = '"args": ["@disabled"], "type": "enum", "targets": [[true], [false]]'


@dataclass(frozen=True)
class Entry:
    """A search entry whose own form is right."""

    label: str
    type: str
    args: tuple[Arg, ...]
    domain: Domain
    default: tuple[Json, ...] | None
    """The entry's own `default`, one value for each arg; None if it gives none."""
    when: Mapping[str, tuple[Json, ...]]
    source: JsonPath


def read_entry(entry: Any, source: JsonPath, first_level: bool, findings: Findings) -> Entry | None:
    """Check one entry; None if it has an error (then `findings` says which)."""
    before = findings.errors
    if not isinstance(entry, Mapping):
        findings.error(source, entry, "a search entry is an object", "see docs/search-space.md")
        return None
    for key in entry:
        if key not in KEYS and not is_comment(key):
            findings.warning(
                (*source, key),
                entry[key],
                f"unknown key {key!r} is ignored",
                findings.nearest(key, KEYS),
            )
    args = _args(entry, source, first_level, findings)
    kind = _type(entry, args, source, findings)
    label = entry.get("domain", "any")
    if not isinstance(label, str) or not label or set(label) & set(".:$"):
        findings.error(
            (*source, "domain"),
            label,
            "the domain is a word, such as lr, net or transform",
            "it is a label only",
        )
        label = "any"
    when = _when(entry, source, findings)
    domain: Domain | None = None
    if args and kind:
        if kind in ("float", "int"):
            domain = read_range(entry, kind, source, findings)
        else:
            domain = read_choices(entry, kind, args, source, findings)
    if findings.errors > before or domain is None or kind is None:
        return None
    default = _default(entry, args, domain, source, findings)
    if findings.errors > before:
        return None
    return Entry(label, kind, args, domain, default, when, source)


def _args(
    entry: Mapping[str, Any], source: JsonPath, first_level: bool, findings: Findings
) -> tuple[Arg, ...]:
    path = (*source, "args")
    if "args" not in entry:
        close = findings.nearest("args", [key for key in entry if key not in KEYS])
        findings.error(path, MISSING, "the entry names no args", close or 'write "args": ["name"]')
        return ()
    names = entry["args"]
    if names == "DISABLED" and not first_level:
        findings.warning(path, names, "an old spelling", f"the canonical form is {_ON_OFF}")
        return (Arg("disabled", attribute=True),)
    if isinstance(names, str):
        findings.warning(path, names, "args is a string", f'the canonical form is ["{names}"]')
        names = [names]
    if not isinstance(names, list) or not names or not all(isinstance(n, str) for n in names):
        findings.error(path, names, "args is a list of names", 'write "args": ["name"]')
        return ()
    args: list[Arg] = []
    for index, text in enumerate(names):
        place = (*path, index) if isinstance(entry["args"], list) else path
        name, hash_sign, alias = text.partition("#")
        attribute = name.startswith("@") and not first_level
        name = name.removeprefix("@").strip()
        if not name or (hash_sign and not alias.strip()):
            findings.error(
                place, text, "an arg is written name or name#alias", 'for instance "prob#p"'
            )
        elif attribute and name != "disabled":
            findings.error(
                place,
                text,
                f"there is no attribute @{name}: only @disabled can be searched",
                f"without the @ it is the init arg {name!r}",
            )
        elif any(arg.name == name and arg.attribute == attribute for arg in args):
            findings.error(place, text, f"{name!r} stands twice in one entry")
        else:
            args.append(Arg(name, attribute, alias.strip() or None))
    return tuple(args)


def _type(
    entry: Mapping[str, Any], args: tuple[Arg, ...], source: JsonPath, findings: Findings
) -> str | None:
    kind = entry.get("type", MISSING)
    if kind is MISSING and entry.get("args") == "DISABLED":
        return "bool"
    if kind in TYPES:
        if kind in ("float", "int") and any(arg.attribute for arg in args):
            findings.error(
                (*source, "type"),
                kind,
                "@disabled is true or false, not a number",
                'write "type": "enum", "targets": [[true], [false]]',
            )
            return None
        return str(kind)
    findings.error(
        (*source, "type"),
        kind,
        f"type is one of {', '.join(TYPES)}",
        findings.nearest(kind, TYPES) or 'write "type": "float" or "type": "enum"',
    )
    return None


def _when(
    entry: Mapping[str, Any], source: JsonPath, findings: Findings
) -> dict[str, tuple[Json, ...]]:
    when = entry.get("when", {})
    if not isinstance(when, Mapping):
        findings.error((*source, "when"), when, 'when is {"name": [values]}')
        return {}
    read = {}
    for name, values in when.items():
        if not isinstance(values, list) or not values:
            one = json.dumps(values, ensure_ascii=False)
            findings.error(
                (*source, "when", name),
                values,
                "a list of values is expected",
                f"write [{one}]" if values != [] else "name the values, or delete the line",
            )
        else:
            read[name.removeprefix("@")] = tuple(values)
    return read


def _default(
    entry: Mapping[str, Any],
    args: tuple[Arg, ...],
    domain: Domain,
    source: JsonPath,
    findings: Findings,
) -> tuple[Json, ...] | None:
    if "default" not in entry:
        return None
    path, given = (*source, "default"), entry["default"]
    if not isinstance(domain, Choices):
        number = read_number(given, path, isinstance(domain, IntRange), findings)
        if number is not None and number not in domain:
            step = f" in steps of {domain.step}" if domain.step else ""
            findings.error(path, given, f"the default is not in [{domain.min}, {domain.max}]{step}")
        return None if number is None else (number,) * len(args)
    for candidate in (given, [given]):
        if isinstance(candidate, list) and any(
            strict_text(candidate) == strict_text(option) for option in domain.options
        ):
            return tuple(candidate)
    findings.error(path, given, "the default is none of the choices")
    return None
