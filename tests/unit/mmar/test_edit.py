"""A JSON text is changed in one place, and stays as it was everywhere else."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmar_automl.mmar.edit import append, put

ADDED = {"path": "my.Class", "args": {"keys": ["image", "label"], "prob": 0.3, "more": {}}}
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.text(max_size=4),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3)
    ),
    max_leaves=12,
)
LAYOUTS = st.sampled_from([None, 0, 2, 4, "\t"])


@given(before=st.dictionaries(st.text(max_size=3), VALUES), indent=LAYOUTS, windows=st.booleans())
def test_only_the_asked_change_is_made(before: dict[str, Any], indent: Any, windows: bool) -> None:
    """Whatever the layout, the value is the old one with the change, at every place there is."""
    text = json.dumps(before, indent=indent)
    text = text.replace("\n", "\r\n") if windows else text
    for path, place in places(before):
        after = copy.deepcopy(before)
        inside: Any = after
        for step in path:
            inside = inside[step]
        if isinstance(place, list):
            inside.append(ADDED)
            assert json.loads(append(text, path, ADDED)) == after
        else:
            key = next(iter(place), "new")
            inside[key] = ADDED
            assert json.loads(put(text, path, key, ADDED)) == after


def places(value: Any, path: tuple[Any, ...] = ()) -> Any:
    if isinstance(value, (dict, list)):
        yield path, value
        for step, child in value.items() if isinstance(value, dict) else enumerate(value):
            yield from places(child, (*path, step))


def test_the_rest_of_the_text_stays_as_it_is() -> None:
    """Layout, order, notes and line ends are the author's."""
    text = (
        '\ufeff{\r\n    "__note":   "mine",\r\n    "handlers": [\r\n'
        '        {"name": "StatsHandler"}\r\n    ],\r\n    "b" : 1, "a": [1,2]\r\n}\r\n'
    )
    after = append(text, ("handlers",), {"path": "x.Y"})
    assert after == text.replace(
        '"StatsHandler"}', '"StatsHandler"},\r\n        {\r\n            "path": "x.Y"\r\n        }'
    )
    after = put(text, (), "controller", {"path": "x.Y", "args": {}})
    assert after == text.replace(
        '"b" : 1, "a": [1,2]',
        '"b" : 1, "a": [1,2],\r\n    "controller": {\r\n        "path": "x.Y",\r\n'
        '        "args": {}\r\n    }',
    )


def test_a_value_is_replaced_in_its_own_manner() -> None:
    """On a line where it stood on a line."""
    text = '{\n  "controller": {"name": "GridController"},\n  "z": 1\n}\n'
    assert put(text, (), "controller", {"path": "x.Y"}) == (
        '{\n  "controller": {"path": "x.Y"},\n  "z": 1\n}\n'
    )


def test_a_place_that_is_not_there_is_an_error() -> None:
    """Nothing is made up on the way."""
    with pytest.raises(KeyError):
        append('{"a": 1}', ("train", "pre_transforms"), 1)
    with pytest.raises(TypeError):
        append('{"a": 1}', ("a",), 1)
    with pytest.raises(TypeError):
        put("[1]", (), "a", 1)
