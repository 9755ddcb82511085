"""Code and texts that MONAI's ConfigParser would read otherwise than Clara."""

import pytest

from mmar_automl.trainer.expressions import BadExpression, expression, literal, reference


def in_train(name: str) -> str:
    return f"@train::{name}"


@pytest.mark.parametrize(
    ("clara", "bundle"),
    [
        ("#@model.parameters()", "$@train::model.parameters()"),
        ("lambda x: None", "$lambda x: None"),
        (
            "#monai.handlers.from_engine(['loss'], first=True)",
            "$monai.handlers.from_engine(['loss'], first=True)",
        ),
        ("#[p for p in @model.parameters()]", "$[p for p in @train::model.parameters()]"),
    ],
)
def test_code_keeps_its_meaning(clara, bundle):
    """`#expr` and `lambda` become `$expr`, their references with the scope."""
    assert expression(clara, in_train) == bundle


def test_matrix_product_is_no_reference():
    """The parser takes every `@` for a reference, so a product is written as a call."""
    assert expression("#@a @ @b", in_train) == (
        "$__import__('operator').matmul(@train::a, @train::b)"
    )


def test_signs_inside_texts_are_no_references():
    """`#` and `@` inside a string of the expression are text."""
    made = expression("#'a#b@c'", in_train)
    assert "#" not in made
    assert "@" not in made
    assert eval(made[1:]) == "a#b@c"


@pytest.mark.parametrize("text", ["#@model.(", "#", "#'open", "lambda x:", "#a = 1"])
def test_what_is_no_python_is_said_at_once(text):
    """A syntax error is found at translation, not in the middle of a training."""
    with pytest.raises(BadExpression, match="not a Python expression"):
        expression(text, in_train)


@pytest.mark.parametrize("text", ["/a#b/c", "$HOME/x", "%macro", "a%::b", "/d/@::x", "@"])
def test_special_texts_become_quoted(text):
    """A path with `#` in it, or a leading `$` or `%`, reaches the component unchanged."""
    made = literal(text)
    assert made.startswith("$")
    assert "#" not in made
    assert eval(made[1:]) == text


@pytest.mark.parametrize("text", ["plain", "/p/with space/ü", "100%", "me@home.org", ""])
def test_plain_texts_stay(text):
    """What the parser leaves alone is not touched."""
    assert literal(text) == text


def test_reference_is_a_whole_text():
    """Only a text that is one `@name` refers to something."""
    assert reference("@model") == "model"
    assert reference("a @model") is None
    assert reference("@model.x") is None
