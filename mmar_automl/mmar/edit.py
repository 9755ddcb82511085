"""A change to a JSON text that leaves the rest of it as its author wrote it.

`json.dump` would lay the whole file out anew: a component that is added to somebody's config is
put into their text instead, with their indentation and their line ends.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from mmar_automl.errors import JsonPath

_SPACE = re.compile(r"[ \t\r\n]*")
_DECODER = json.JSONDecoder()
_LONG = 80


@dataclass(frozen=True)
class _Child:
    """A value inside an object or a list: its key or index, and the stretch of text it takes."""

    step: str | int
    begin: int
    """Where its key begins; in a list, where the value does."""
    start: int
    end: int


def put(text: str, path: JsonPath, key: str, value: Any) -> str:
    """The text with `key` set to `value` in the object at `path`; a value that is there goes.

    `text` is valid JSON, perhaps with a byte order mark. Raises `KeyError` where `path` leads
    nowhere, `TypeError` where it leads to no object.
    """
    start = _find(text, path)
    if text[start] != "{":
        raise TypeError(f"{path} is no object")
    # Of a key that stands twice the last one counts.
    old = [child for child in _children(text, start) if child.step == key]
    if not old:
        return _add(text, start, f"{json.dumps(key, ensure_ascii=False)}: ", value)
    child = old[-1]
    is_line = "\n" not in text[child.start : child.end] and child.end - child.start > 2
    laid = _line(value) if is_line else _block(value, text, _indent(text, child.begin))
    return text[: child.start] + laid + text[child.end :]


def append(text: str, path: JsonPath, value: Any) -> str:
    """The text with `value` at the end of the list at `path`; raises as `put`."""
    start = _find(text, path)
    if text[start] != "[":
        raise TypeError(f"{path} is no list")
    return _add(text, start, "", value)


def _add(text: str, start: int, key: str, value: Any) -> str:
    """The text with one more child, laid out as its brothers are."""
    children = list(_children(text, start))
    if not children:
        indent = _indent(text, start)
        end = text.index("}" if text[start] == "{" else "]", start)
        inside = indent + _unit(text)
        line_end = _line_end(text)
        laid = key + _block(value, text, inside)
        return f"{text[: start + 1]}{line_end}{inside}{laid}{line_end}{indent}{text[end:]}"
    last = children[-1]
    if "\n" not in text[start : last.begin]:
        return f"{text[: last.end]}, {key}{_line(value)}{text[last.end :]}"
    indent = _indent(text, last.begin)
    laid = key + _block(value, text, indent)
    return f"{text[: last.end]},{_line_end(text)}{indent}{laid}{text[last.end :]}"


def _find(text: str, path: JsonPath) -> int:
    """Where the value at a path begins."""
    start = _skip(text, 1 if text.startswith("\ufeff") else 0)
    for step in path:
        if text[start] not in "{[":
            raise KeyError(step)
        found = [child for child in _children(text, start) if child.step == step]
        if not found:
            raise KeyError(step)
        start = found[-1].start
    return start


def _children(text: str, start: int) -> Iterator[_Child]:
    is_object = text[start] == "{"
    place, index = _skip(text, start + 1), 0
    while text[place] not in "}]":
        begin, step = place, index
        named: str | int = step
        if is_object:
            named, place = _DECODER.raw_decode(text, place)
            place = _skip(text, _skip(text, place) + 1)
        value_start = place
        _, end = _DECODER.raw_decode(text, place)
        yield _Child(named, begin, value_start, end)
        place, index = _skip(text, end), index + 1
        if text[place] == ",":
            place = _skip(text, place + 1)


def _skip(text: str, place: int) -> int:
    found = _SPACE.match(text, place)
    assert found is not None
    return found.end()


def _indent(text: str, place: int) -> str:
    """The white space that the line of a place begins with."""
    line = text[text.rfind("\n", 0, place) + 1 : place].removeprefix("\ufeff")
    return line[: len(line) - len(line.lstrip(" \t"))]


def _unit(text: str) -> str:
    """One step of indentation, as the text has it."""
    found = re.search(r"\n([ \t]+)\S", text)
    return found[1] if found else "  "


def _line_end(text: str) -> str:
    return "\r\n" if "\r\n" in text else "\n"


def _line(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def _block(value: Any, text: str, indent: str) -> str:
    """The value over several lines, each object a member a line, the first one not indented."""
    deeper = indent + _unit(text)
    brackets, parts = "", []
    if isinstance(value, dict) and value:
        brackets = "{}"
        parts = [
            f"{json.dumps(key, ensure_ascii=False)}: {_block(item, text, deeper)}"
            for key, item in value.items()
        ]
    elif isinstance(value, list) and value:
        simple = not any(isinstance(item, (dict, list)) for item in value)
        if not simple or len(_line(value)) > _LONG:
            brackets = "[]"
            parts = [_block(item, text, deeper) for item in value]
    if not parts:
        return _line(value)
    end = _line_end(text)
    body = f",{end}{deeper}".join(parts)
    return f"{brackets[0]}{end}{deeper}{body}{end}{indent}{brackets[1]}"
