"""One entry of a search section, checked on its own: args, type, targets, the optional keys."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from mmar_automl.defs import Arg, Choices, Domain, FloatRange, IntRange, Json
from mmar_automl.errors import MISSING, JsonPath
from mmar_automl.search.components import is_comment
from mmar_automl.search.findings import Findings, nearest

TYPES = ("float", "int", "enum", "bool")
KEYS = ("domain", "type", "args", "targets", "scale", "step", "default", "when")
WIDE = 100.0
"""A positive linear range whose ends differ by this factor deserves a hint at the log scale."""


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
                (*source, key), entry[key], f"unknown key {key!r} is ignored", nearest(key, KEYS)
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
            domain = _range(entry, kind, source, findings)
        else:
            domain = _choices(entry, kind, args, source, findings)
    if findings.errors > before or domain is None or kind is None:
        return None
    default = _default(entry, args, domain, source, findings)
    if findings.errors > before:
        return None
    return Entry(label, kind, args, domain, default, when, source)


def as_disabled(value: Json) -> bool | None:
    """A value on its way to `@disabled`: booleans, and Clara's 0.0 and 1.0; None for others."""
    if isinstance(value, bool):
        return value
    if isinstance(value, (int, float)) and value in (0, 1):
        return bool(value)
    return None


def _args(
    entry: Mapping[str, Any], source: JsonPath, first_level: bool, findings: Findings
) -> tuple[Arg, ...]:
    path = (*source, "args")
    if "args" not in entry:
        close = nearest("args", [key for key in entry if key not in KEYS])
        findings.error(path, MISSING, "the entry names no args", close or 'write "args": ["name"]')
        return ()
    names = entry["args"]
    if names == "DISABLED":
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
            findings.error(place, text, "an arg is written name or name#alias")
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
        nearest(str(kind), TYPES) if kind is not MISSING else "",
    )
    return None


def _number(value: Any, path: JsonPath, whole: bool, findings: Findings) -> float | int | None:
    if isinstance(value, str):
        try:
            float(value)
        except ValueError:
            findings.error(path, value, "not a number")
        else:
            findings.error(path, value, "a number in quotes", f"write {value} without quotes")
        return None
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        findings.error(path, value, "not a number")
        return None
    if not math.isfinite(value):
        findings.error(path, value, "not a finite number")
        return None
    if whole and value != int(value):
        findings.error(path, value, "not a whole number", 'use "type": "float"')
        return None
    return int(value) if whole else float(value)


def _range(
    entry: Mapping[str, Any], kind: str, source: JsonPath, findings: Findings
) -> FloatRange | IntRange | None:
    before = findings.errors
    path = (*source, "targets")
    whole = kind == "int"
    targets = entry.get("targets", MISSING)
    if not isinstance(targets, list) or len(targets) != 2:
        findings.error(path, targets, f"targets of a {kind} are [min, max]")
        return None
    low = _number(targets[0], (*path, 0), whole, findings)
    high = _number(targets[1], (*path, 1), whole, findings)
    scale = entry.get("scale", "linear")
    if scale not in ("linear", "log"):
        findings.error((*source, "scale"), scale, "scale is linear or log")
    step = entry.get("step")
    if step is not None:
        step = _number(step, (*source, "step"), whole, findings)
        if step is not None and step <= 0:
            findings.error((*source, "step"), step, "step is above 0")
        if scale == "log":
            findings.error((*source, "step"), step, "a step and the log scale exclude each other")
    if low is None or high is None or findings.errors > before:
        return None
    if low > high:
        findings.error(path, targets, "min is above max", f"write [{high}, {low}]")
        return None
    if scale == "log" and low <= 0:
        findings.error(path, targets, f"the log scale needs min > 0, got {targets[0]}")
        return None
    if low == high:
        findings.warning(path, targets, "min and max are equal: nothing to search")
    elif scale == "linear" and low > 0 and high / low >= WIDE and "scale" not in entry:
        findings.warning(
            path,
            targets,
            f"a linear range over a factor of {high / low:g}: few samples near {targets[0]}",
            'add "scale": "log"',
        )
    if whole:
        return IntRange(int(low), int(high), scale, None if step is None else int(step))
    return FloatRange(float(low), float(high), scale, step)


def _choices(
    entry: Mapping[str, Any],
    kind: str,
    args: tuple[Arg, ...],
    source: JsonPath,
    findings: Findings,
) -> Choices | None:
    before = findings.errors
    path = (*source, "targets")
    for key in ("scale", "step"):
        if key in entry:
            findings.error((*source, key), entry[key], f"an {kind} has no {key}")
    targets = entry.get("targets", MISSING)
    if kind == "bool" and targets is MISSING:
        targets = [[True] * len(args), [False] * len(args)]
    if not isinstance(targets, list) or not targets:
        findings.error(path, targets, "targets of an enum are a list of choices", "[[a], [b]]")
        return None
    if len(args) == 1 and not any(isinstance(choice, list) for choice in targets):
        canonical = json.dumps([[choice] for choice in targets], ensure_ascii=False)
        findings.warning(
            path,
            targets,
            f"{len(targets)} choices written flat",
            f"the canonical form is {canonical}",
        )
        targets = [[choice] for choice in targets]
    options: list[tuple[Json, ...]] = []
    for index, choice in enumerate(targets):
        place = (*path, index)
        values = choice if isinstance(choice, list) else [choice]
        if len(values) != len(args):
            findings.error(
                place,
                choice,
                f"{len(values)} value{'s' * (len(values) != 1)} for {len(args)} "
                f"arg{'s' * (len(args) != 1)} ({', '.join(arg.name for arg in args)})",
                f"a list as a value is wrapped twice: [{json.dumps(choice, ensure_ascii=False)}]"
                if len(args) == 1
                else "a choice has one value for each arg",
            )
            continue
        options.append(tuple(_option(values, args, kind, place, findings)))
    if findings.errors > before:
        return None
    _same_choices(options, path, findings)
    if len(options) == 1:
        findings.warning(path, targets, "only one choice: nothing to search")
    return Choices(tuple(options))


def _option(
    values: list[Json], args: tuple[Arg, ...], kind: str, place: JsonPath, findings: Findings
) -> list[Json]:
    option = []
    for value, arg in zip(values, args, strict=True):
        if arg.attribute:
            boolean = as_disabled(value)
            if boolean is None:
                findings.error(place, value, "@disabled is true or false")
            option.append(boolean)
            continue
        if kind == "bool" and not isinstance(value, bool):
            findings.error(place, value, "a bool is true or false", 'or use "type": "enum"')
        option.append(value)
    return option


def _same_choices(options: list[tuple[Json, ...]], path: JsonPath, findings: Findings) -> None:
    first: dict[str, int] = {}
    for index, option in enumerate(options):
        text = strict_text(option)
        if text in first:
            findings.error(
                (*path, index),
                list(option),
                f"choice {index} is choice {first[text]} again",
                "delete one",
            )
        first.setdefault(text, index)


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
            findings.error(
                (*source, "when", name), values, "a list of values is expected", f"[{values!r}]"
            )
        else:
            read[name] = tuple(values)
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
        number = _number(given, path, isinstance(domain, IntRange), findings)
        if number is not None and not domain.min <= number <= domain.max:
            findings.error(path, given, f"the default is outside [{domain.min}, {domain.max}]")
        return None if number is None else (number,) * len(args)
    for candidate in (given, [given]):
        if isinstance(candidate, list) and any(
            strict_text(candidate) == strict_text(option) for option in domain.options
        ):
            return tuple(candidate)
    findings.error(path, given, "the default is none of the choices")
    return None


def strict_text(value: Any) -> str:
    """A text that is equal for two JSON values if and only if JSON calls them equal in type and
    value: true, 1, 1.0 and "1" are four things."""
    return json.dumps(value, sort_keys=True, ensure_ascii=False)
