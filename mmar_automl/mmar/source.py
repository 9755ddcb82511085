"""A JSON file together with where everything stands in it.

`json` gives values without places, and keeps the last of two equal keys in silence. A second,
linear pass over the text finds the line of every value and every key that stands twice.
"""

from __future__ import annotations

import json
import math
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, NoReturn

from mmar_automl.errors import JsonPath, Problem

_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|[{}\[\],:]|[^\s{}\[\],:"]+')
_SURROGATE = re.compile(r"\\u[dD][89a-fA-F][0-9a-fA-F]{2}")
_DEPTH = 100
"""No config is nested deeper, and whoever walks one may use recursion."""
_TOO_DEEP = f"nested more than {_DEPTH} deep"


@dataclass(frozen=True)
class JsonSource:
    """A JSON file as read: the value, the line of each JSON path, and what was odd about it."""

    file: Path
    data: Any
    lines: dict[JsonPath, int]
    problems: tuple[Problem, ...] = ()
    """Oddities found while reading: duplicate keys, a byte order mark, Windows line ends."""
    readable: bool = True
    """False where the file could not be read, so that `data` stands in for it."""

    def line(self, path: JsonPath) -> int | None:
        """The line of a JSON path, or of the nearest thing around it that exists."""
        while path and path not in self.lines:
            path = path[:-1]
        return self.lines.get(path)

    def problem(
        self,
        path: JsonPath,
        value: Any,
        message: str,
        hint: str = "",
        severity: Literal["error", "warning"] = "error",
    ) -> Problem:
        """What is wrong at a JSON path of this file, with its line."""
        return Problem(
            severity=severity,
            file=str(self.file),
            line=self.line(path),
            path=path,
            value=value,
            message=message,
            hint=hint,
        )


class UnreadableJson(Exception):
    """The file is no JSON; `problem` says where and why."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.message)
        self.problem = problem


def read_json(file: Path) -> JsonSource:
    """Read a JSON file; raises `UnreadableJson` with line and column, or `OSError`.

    A byte order mark and Windows line ends are accepted and mentioned.
    """
    raw = file.read_bytes()
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise UnreadableJson(
            _error(file, line, f"not UTF-8: byte {raw[error.start]:#04x}", "save the file as UTF-8")
        ) from None
    data = _parse(file, text)
    try:
        lines, duplicates = _locate(text)
    except _TooDeep as error:
        raise UnreadableJson(_error(file, error.line, _TOO_DEEP)) from None
    problems = [
        Problem(
            severity="warning" if _is_note(str(path[-1])) else "error",
            file=str(file),
            line=second,
            path=path,
            value=path[-1],
            message=f"the key {path[-1]!r} stands twice, on lines {first} and {second}",
            hint="only the last one would count; delete one",
        )
        for path, first, second in duplicates
    ]
    if raw.startswith(b"\xef\xbb\xbf"):
        problems.append(_warning(file, "starts with a byte order mark", "harmless; it is ignored"))
    if b"\r\n" in raw:
        problems.append(_warning(file, "has Windows line ends", "harmless in JSON"))
    return JsonSource(file, data, lines, tuple(problems))


def _is_note(key: str) -> bool:
    """Whether a key can only be a comment: commented out, or without a letter (`////`)."""
    return key.startswith("_") or not any(character.isalnum() for character in key)


class _NotStrict(Exception):
    """A number that JSON has not, or that no reader can hold."""

    def __init__(self, token: str) -> None:
        self.token = token


class _TooDeep(Exception):
    def __init__(self, line: int) -> None:
        self.line = line


def _parse(file: Path, text: str) -> Any:
    """The value of a JSON text; raises `UnreadableJson`."""
    try:
        data = json.loads(text, parse_constant=_refuse, parse_float=_float)
    except json.JSONDecodeError as error:
        message = f"not valid JSON: {error.msg} (column {error.colno})"
        raise UnreadableJson(_error(file, error.lineno, message, _mend(text, error))) from None
    except _NotStrict as error:
        tokens = (match for match in _TOKEN.finditer(text) if match.group() == error.token)
        line = text.count("\n", 0, next(tokens).start()) + 1
        message = f"not valid JSON: {error.token} is not a JSON number"
        raise UnreadableJson(_error(file, line, message)) from None
    except RecursionError:
        raise UnreadableJson(_error(file, 1, _TOO_DEEP)) from None
    except ValueError:
        # Python refuses to read whole numbers of more than some thousand digits.
        digits = max(re.finditer(r"\d+", text), key=lambda match: len(match.group()))
        line = text.count("\n", 0, digits.start()) + 1
        raise UnreadableJson(_error(file, line, "a number of thousands of digits")) from None
    surrogate = _SURROGATE.search(text)
    if surrogate:
        try:
            json.dumps(data, ensure_ascii=False).encode()
        except UnicodeEncodeError:
            line = text.count("\n", 0, surrogate.start()) + 1
            message = f"{surrogate.group()} is half a character"
            raise UnreadableJson(_error(file, line, message)) from None
    return data


def _refuse(constant: str) -> NoReturn:
    raise _NotStrict(constant)


def _float(token: str) -> float:
    number = float(token)
    if math.isinf(number):
        raise _NotStrict(token)
    return number


def _error(file: Path, line: int, message: str, hint: str = "") -> Problem:
    return Problem(severity="error", file=str(file), line=line, message=message, hint=hint)


def _warning(file: Path, message: str, hint: str) -> Problem:
    return Problem(severity="warning", file=str(file), line=1, message=message, hint=hint)


def _mend(text: str, error: json.JSONDecodeError) -> str:
    """A guess at what the author meant, from the characters around the fault."""
    before = text[: error.pos].rstrip()
    after = text[error.pos : error.pos + 1]
    if not text.strip():
        return "the file is empty"
    if before.endswith(",") and (after in "}]" or "property name" in error.msg):
        return "take out the comma before it" if after in "}]" else "keys stand in double quotes"
    if after == "'":
        return "JSON strings stand in double quotes"
    if "delimiter" in error.msg:
        return "a comma is missing before it"
    if text.startswith(("//", "#", "/*"), error.pos):
        return 'JSON has no comments; a key such as "__note" is ignored'
    return ""


@dataclass
class _Frame:
    """An object or list that is open; `step` is the key or index of the value to come."""

    path: JsonPath
    keys: dict[str, int] | None
    step: str | int | None


def _locate(text: str) -> tuple[dict[JsonPath, int], list[tuple[JsonPath, int, int]]]:
    """The line of each path, and (path, first line, second line) of each repeated key.

    `text` is valid JSON, so the tokens need no checking.
    """
    lines: dict[JsonPath, int] = {}
    duplicates: list[tuple[JsonPath, int, int]] = []
    frames: list[_Frame] = []
    line, seen = 1, 0
    for match in _TOKEN.finditer(text):
        token = match.group()
        line += text.count("\n", seen, match.start())
        seen = match.start()
        frame = frames[-1] if frames else None
        if token in ("}", "]"):
            frames.pop()
        elif token == ":":
            pass
        elif token == ",":
            assert frame is not None
            frame.step = None if isinstance(frame.step, str) else _next(frame.step)
        elif frame is not None and frame.keys is not None and frame.step is None:
            key = json.loads(token)
            member = (*frame.path, key)
            if key in frame.keys:
                duplicates.append((member, frame.keys[key], line))
            frame.keys[key] = lines[member] = line
            frame.step = key
        else:
            path: JsonPath = ()
            if frame is not None and frame.step is not None:
                path = (*frame.path, frame.step)
            if frame is None or frame.keys is None:
                lines[path] = line
            if token == "{":
                frames.append(_Frame(path, {}, None))
            elif token == "[":
                frames.append(_Frame(path, None, 0))
            if len(frames) > _DEPTH:
                raise _TooDeep(line)
    return lines, duplicates


def _next(step: int | None) -> int:
    assert step is not None
    return step + 1
