"""The published JSON schemas, and where a file departs from its own.

Search entries are left to `search`, which says more: their schema is for editors.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Iterator, Mapping
from importlib import resources
from typing import Any

import jsonschema

from mmar_automl.errors import MISSING, JsonPath, Problem
from mmar_automl.mmar.source import JsonSource

_PLAIN = {"object": "an object", "array": "a list", "string": "a text", "boolean": "true or false",
          "integer": "a whole number", "number": "a number", "null": "null"}  # fmt: skip


def schema(name: str) -> dict[str, Any]:
    """A published schema: `config_train`, `config_automl` or `environment`."""
    file = resources.files("mmar_automl.mmar") / "schemas" / f"{name}.schema.json"
    loaded: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    return loaded


@functools.cache
def _validator(name: str) -> jsonschema.Draft202012Validator:
    return jsonschema.Draft202012Validator(schema(name))


def check_schema(source: JsonSource, name: str) -> list[Problem]:
    """Where a file departs from its schema."""
    found: dict[tuple[JsonPath, str], Problem] = {}
    for error in _validator(name).iter_errors(source.data):
        for leaf in _leaves(error):
            path: JsonPath = tuple(leaf.absolute_path)
            if {"search", "lr_search", "apply"} & set(path):
                continue
            problem = _problem(source, path, leaf)
            found.setdefault((path, problem.message), problem)
    return sorted(found.values(), key=lambda problem: problem.line or 0)


def _leaves(error: jsonschema.ValidationError) -> Iterator[jsonschema.ValidationError]:
    """The telling errors below an `anyOf`: those of the alternative that fits best."""
    if error.validator != "anyOf" or not error.context:
        yield error
        return
    deepest = max(len(inner.absolute_path) for inner in error.context)
    if deepest == len(error.absolute_path):
        yield error
        return
    for inner in error.context:
        if len(inner.absolute_path) == deepest:
            yield from _leaves(inner)


def _problem(source: JsonSource, path: JsonPath, error: jsonschema.ValidationError) -> Problem:
    rule = error.schema if isinstance(error.schema, Mapping) else {}
    missing = error.validator == "required"
    message, hint = _message(error), str(rule.get("description", ""))
    if "number" in message and isinstance(error.instance, str) and _is_number(error.instance):
        message, hint = "a number in quotes", f"write {error.instance} without quotes"
    return source.problem(path, MISSING if missing else error.instance, message, hint)


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _message(error: jsonschema.ValidationError) -> str:
    wanted: Any = error.validator_value
    if error.validator == "required":
        return f"{error.message.split(' ')[0]} is missing"
    if error.validator == "type":
        return f"must be {_either(wanted if isinstance(wanted, list) else [wanted])}"
    if error.validator == "enum":
        return f"must be one of {', '.join(map(str, wanted))}"
    if error.validator == "minimum":
        return f"must be at least {wanted}"
    if error.validator == "minLength":
        return "must not be empty"
    if error.validator == "anyOf":
        needed = [" or ".join(option["required"]) for option in wanted if "required" in option]
        if needed:
            return f"needs {' or '.join(needed)}"
        low = [option["minimum"] for option in wanted if "minimum" in option]
        if low and isinstance(error.instance, int):
            return f"must be at least {low[0]}"
        if error.instance == []:
            return "must not be empty"
        return f"must be {' or '.join(map(_option, wanted))}"
    return error.message


def _option(option: Mapping[str, Any]) -> str:
    reference = str(option.get("$ref", ""))
    if reference.endswith("/variable"):
        return "a {variable}"
    return "an object" if reference else _either([str(option.get("type"))])


def _either(kinds: list[str]) -> str:
    return " or ".join(_PLAIN.get(kind, kind) for kind in kinds) or "something else"
