"""Names and values in the form that MLflow takes."""

from __future__ import annotations

import json
import posixpath
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmar_automl.handlers.mlflow.names import LONGEST_VALUE, fitting, legal_name, text_of


@pytest.mark.parametrize(
    "name", ["learning_rate", "RandFlipd.prob", "RandFlipd-2.prob", "StepLR.gamma", "größe", "a: b"]
)
def test_a_name_that_mlflow_takes_stays_as_it_is(name: str) -> None:
    """What people read in the report is what they find in MLflow."""
    assert legal_name(name) == name


@given(st.text() | st.sampled_from(["prob#a", "@disabled", "x[6]", "..", ".", "", "/", "a" * 999]))
def test_any_name_becomes_one_that_mlflow_takes(name: str) -> None:
    """By MLflow's own rules: characters, no path that means another, room for a tag's prefix."""
    legal = legal_name(name)
    assert re.fullmatch(r"[\w.\- :]+", legal)
    assert posixpath.normpath(legal) == legal != "."
    assert not legal.startswith("..")
    assert len("mmar_automl.name." + legal) <= 250


def test_names_that_differ_stay_different() -> None:
    """Even where all that differs is what MLflow does not take."""
    names = ["prob#a", "prob@a", "prob[a", "prob_a", "a" * 300 + "1", "a" * 300 + "2", " a", "a"]
    assert len({legal_name(name) for name in names}) == len(names)


def test_values_that_differ_read_differently() -> None:
    """`"1"` is not `1`, and text is otherwise plain."""
    values = ["1", 1, 1.0, True, "true", "True", None, "null", "", [16, 32], "[16, 32]", "ä b"]
    texts = [text_of(value) for value in values]
    assert len(set(texts)) == len(values)
    assert texts[-1] == "ä b"
    assert texts[9] == "[16, 32]"


@given(st.text())
def test_every_text_passes_every_database(value: str) -> None:
    """No lone surrogate and no control character is left, and nothing is lost."""
    text = text_of(value)
    text.encode()
    assert text.isprintable()
    assert text == value or json.loads(text) == value


def test_long_values_that_differ_late_stay_different() -> None:
    """MLflow alone would keep the same beginning of both."""
    long = [fitting(json.dumps([*range(2500), last])) for last in (1, 2)]
    assert long[0] != long[1]
    assert all(len(text) <= LONGEST_VALUE for text in long)
    assert fitting("short") == "short"
