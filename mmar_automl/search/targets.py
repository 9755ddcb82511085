"""The targets of a search entry: a range of numbers, or a list of choices."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any

from mmar_automl.defs import Arg, Choices, FloatRange, IntRange, Json
from mmar_automl.errors import MISSING, JsonPath
from mmar_automl.search.findings import Findings

EXACT = 2**53
"""Up to here a JSON number is a whole number to everybody who reads it."""
WIDE = 100.0
"""A positive linear range whose ends differ by this factor deserves a hint at the log scale."""


def as_disabled(value: Json) -> bool | None:
    """A value on its way to `@disabled`: booleans, and Clara's 0.0 and 1.0; None for others."""
    if isinstance(value, bool):
        return value
    if isinstance(value, (int, float)) and value in (0, 1):
        return bool(value)
    return None


def strict_text(value: Any) -> str:
    """A text that is equal for two JSON values if and only if JSON calls them equal in type and
    value: true, 1, 1.0 and "1" are four things."""
    return json.dumps(value, sort_keys=True, ensure_ascii=False)


def read_number(value: Any, path: JsonPath, whole: bool, findings: Findings) -> float | int | None:
    """A number of a range as a float, or as an int if it must be `whole`; None with an error."""
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
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    if not math.isfinite(number):
        findings.error(path, value, "too large for a number")
        return None
    if not whole:
        return number
    if number != math.floor(number):
        findings.error(path, value, "not a whole number", 'use "type": "float"')
        return None
    if abs(value) > EXACT:
        findings.error(path, value, f"a whole number of a range is at most {EXACT} (2**53)")
        return None
    return int(value)


def read_range(
    entry: Mapping[str, Any], kind: str, source: JsonPath, findings: Findings
) -> FloatRange | IntRange | None:
    """The domain of a `float` or `int` entry; None with an error."""
    before = findings.errors
    path = (*source, "targets")
    whole = kind == "int"
    targets = entry.get("targets", MISSING)
    if not isinstance(targets, list) or len(targets) != 2:
        findings.error(
            path,
            targets,
            f"targets of {'an int' if whole else 'a float'} are [min, max]",
            'a list of values is "type": "enum"' if isinstance(targets, list) else "",
        )
        return None
    low = read_number(targets[0], (*path, 0), whole, findings)
    high = read_number(targets[1], (*path, 1), whole, findings)
    scale = entry.get("scale", "linear")
    if scale not in ("linear", "log"):
        findings.error((*source, "scale"), scale, "scale is linear or log")
    step = _step(entry, scale, source, whole, findings)
    if low is None or high is None or findings.errors > before:
        return None
    if low > high:
        findings.error(path, targets, "min is above max", f"write [{high}, {low}]")
        return None
    if scale == "log" and low <= 0:
        findings.error(path, targets, f"the log scale needs min > 0, got {targets[0]}")
        return None
    if not math.isfinite(high - low) or (step and _too_fine(low, high, step)):
        findings.error(path, targets, "the range is too wide" + (" for its step" if step else ""))
        return None
    if low == high:
        findings.warning(path, targets, "min and max are equal: nothing to search")
    elif step and step > high - low:
        findings.warning((*source, "step"), step, f"the step leaves only {low:g} to search")
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


def _too_fine(low: float, high: float, step: float) -> bool:
    """Whether neighbours on the step would be one number to fifteen digits."""
    return (high - low) / step > 1e12 or step < 1e-14 * max(abs(low), abs(high))


def _step(
    entry: Mapping[str, Any], scale: object, source: JsonPath, whole: bool, findings: Findings
) -> float | int | None:
    if "step" not in entry:
        return None
    path = (*source, "step")
    step = read_number(entry["step"], path, whole, findings)
    if step is not None and step <= 0:
        findings.error(path, step, "step is above 0")
    if scale == "log":
        findings.error(path, step, "a step and the log scale exclude each other")
    return step


def read_choices(
    entry: Mapping[str, Any],
    kind: str,
    args: tuple[Arg, ...],
    source: JsonPath,
    findings: Findings,
) -> Choices | None:
    """The domain of an `enum` or `bool` entry; None with an error."""
    before = findings.errors
    path = (*source, "targets")
    for key in ("scale", "step"):
        if key in entry:
            findings.error(
                (*source, key),
                entry[key],
                f"{'an enum' if kind == 'enum' else 'a bool'} has no {key}",
                "delete it, or search a float or an int",
            )
    targets = entry.get("targets", MISSING)
    if kind == "bool" and targets is MISSING:
        targets = [[True] * len(args), [False] * len(args)]
    if not isinstance(targets, list) or not targets:
        findings.error(path, targets, "targets of an enum are a list of choices", "[[a], [b]]")
        return None
    if len(args) == 1 and not all(isinstance(choice, list) for choice in targets):
        _mention_flat(targets, args[0], path, findings)
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


def _mention_flat(targets: list[Any], arg: Arg, path: JsonPath, findings: Findings) -> None:
    """Clara's documentation writes `[0.0, 1.0]` where its reference asks for `[[0.0], [1.0]]`."""
    canonical = []
    for choice in targets:
        values = choice if isinstance(choice, list) else [choice]
        switched = [as_disabled(value) if arg.attribute else None for value in values]
        canonical.append(
            [old if new is None else new for old, new in zip(values, switched, strict=True)]
        )
    number = f"{len(targets)} choice{'s' if len(targets) > 1 else ''}"
    findings.warning(
        path,
        targets,
        f"{number} written flat",
        f"the canonical form is {json.dumps(canonical, ensure_ascii=False)}",
    )


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
