"""Reading JSON with places: each line number checked against a reader that counts by itself."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mmar_automl.errors import JsonPath
from mmar_automl.mmar.source import UnreadableJson, read_json

keys = st.text(max_size=4) | st.sampled_from(['"', "\\", "{", "}", "[", ",", ":", "a b", "\n"])
values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | keys,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(keys, inner, max_size=4),
    max_leaves=20,
)


class Writer:
    """Writes JSON with a chosen number of line breaks before each token, noting the lines."""

    def __init__(self, breaks: Any) -> None:
        self.breaks = breaks
        self.text = ""
        self.lines: dict[JsonPath, int] = {}

    def put(self, token: str) -> int:
        self.text += "\n" * self.breaks() + " " + token
        return self.text.count("\n", 0, len(self.text) - len(token)) + 1

    def write(self, value: Any, path: JsonPath = ()) -> None:
        if isinstance(value, dict):
            line = self.put("{")
            for number, (key, child) in enumerate(value.items()):
                if number:
                    self.put(",")
                self.lines[(*path, key)] = self.put(json.dumps(key))
                self.put(":")
                self.write(child, (*path, key))
            self.put("}")
        elif isinstance(value, list):
            line = self.put("[")
            for index, child in enumerate(value):
                if index:
                    self.put(",")
                self.write(child, (*path, index))
            self.put("]")
        else:
            line = self.put(json.dumps(value))
        self.lines.setdefault(path, line)


@settings(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(values, st.data())
def test_every_path_has_its_line(tmp_path: Path, value: Any, data: st.DataObject) -> None:
    """A member stands where its key does, an element where it begins."""
    writer = Writer(lambda: data.draw(st.integers(0, 2)))
    writer.write(value)
    file = tmp_path / "a.json"
    file.write_bytes(writer.text.encode())
    source = read_json(file)
    assert json.dumps(source.data) == json.dumps(value)
    assert source.lines == writer.lines
    assert source.problems == ()


def test_line_of_what_is_not_there(tmp_path: Path) -> None:
    """The nearest thing around it that exists."""
    file = tmp_path / "a.json"
    file.write_text('{\n "a": [\n  {"b": 1}\n ]\n}')
    source = read_json(file)
    assert source.line(("a", 0, "missing", 3)) == 3
    assert source.line(("missing",)) == 1


def test_windows_line_ends_do_not_shift_lines(tmp_path: Path) -> None:
    """A line is a line, and a byte order mark is no character."""
    file = tmp_path / "a.json"
    file.write_bytes(b'\xef\xbb\xbf{\r\n "a": 1,\r\n "b": 2\r\n}')
    source = read_json(file)
    assert (source.line(("a",)), source.line(("b",))) == (2, 3)
    assert [problem.severity for problem in source.problems] == ["warning", "warning"]


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        ("", 1, "the file is empty"),
        ('{\n"a": 1\n"b": 2}', 3, "a comma is missing before it"),
        ('{"a": 1,\n}', 2, "take out the comma before it"),
        ("{\n'a': 1}", 2, "JSON strings stand in double quotes"),
        ("{\n// note\n}", 2, "JSON has no comments"),
        ('{\n"NaN": [NaN]}', 2, "NaN is not a JSON number"),
        ('{"x": "-Infinity",\n"a": -Infinity}', 2, "-Infinity is not a JSON number"),
        ('{\n"a": 1e999}', 2, "1e999 is not a JSON number"),
        ('{\n"a": ' + "9" * 5000 + "}", 2, "thousands of digits"),
        ('{\n"a": "\\ud800"}', 2, "half a character"),
        ("[" * 5000 + "]" * 5000, 1, "nested more than 100 deep"),
        ('{"a":\n' * 150 + "1" + "}" * 150, 101, "nested more than 100 deep"),
    ],
)
def test_unreadable(text: str, line: int, said: str, tmp_path: Path) -> None:
    """Line, fault and a guess at what was meant."""
    file = tmp_path / "a.json"
    file.write_text(text)
    with pytest.raises(UnreadableJson) as caught:
        read_json(file)
    problem = caught.value.problem
    assert problem.line == line
    assert said in f"{problem.message} {problem.hint}"


def test_whole_surrogate_pairs_are_characters(tmp_path: Path) -> None:
    """😀 may be written as two escapes."""
    file = tmp_path / "a.json"
    file.write_text('{"a": "\\ud83d\\ude00"}')
    assert read_json(file).data == {"a": "😀"}


@pytest.mark.parametrize(
    ("key", "severity"),
    [("a", "error"), ("/////", "warning"), ("__note", "warning"), ("", "warning")],
)
def test_duplicate_keys(key: str, severity: str, tmp_path: Path) -> None:
    """Both lines are named; only a key that counts is an error."""
    file = tmp_path / "a.json"
    file.write_text(f'{{"x": {{\n"{key}": 1,\n"{key}": [\n2]}}}}')
    (problem,) = read_json(file).problems
    assert (problem.severity, problem.line, problem.path) == (severity, 3, ("x", key))
    assert "on lines 2 and 3" in problem.message
