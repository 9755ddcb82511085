"""The nouns of the search space by themselves."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmar_automl.defs import (
    ALWAYS,
    NEVER,
    AllOf,
    AnyOf,
    Arg,
    Choices,
    FloatRange,
    IntRange,
    Is,
    Parameter,
    SearchResult,
    SearchSpace,
    all_of,
    any_of,
    settle,
)
from mmar_automl.defs.domains import Steps
from mmar_automl.search import parse


def parameter(key: str, domain: object, *args: str, **keys: object) -> Parameter:
    names = args or (key,)
    return Parameter(
        key=key,
        names=names,
        label="net",
        domain=domain,  # type: ignore[arg-type]
        args=tuple(Arg(name) for name in names),
        component=(),
        source=("search", 0),
        **keys,  # type: ignore[arg-type]
    )


@given(st.integers(-1000, 1000), st.integers(0, 40), st.sampled_from([0.1, 0.25, 0.3, 1.0, 7.0]))
def test_steps_end_where_arithmetic_ends(low: int, number: int, step: float) -> None:
    """n steps from the minimum are n + 1 values, in order, each inside, none of them crooked."""
    high = low + number * step
    steps = Steps(low, high, step)
    assert len(steps) == number + 1
    values = list(steps)
    assert values == sorted(set(values))
    assert values[0] == low
    assert values[-1] == pytest.approx(high)
    assert all(value in steps and low <= value <= high for value in values)
    assert low - step not in steps
    assert low + step / 2 not in steps
    assert steps[:2] == values[:2]


def test_values_of_a_parameter() -> None:
    """One JSON value for each arg; ints stay ints; what is no value is refused."""
    assert parameter("f", FloatRange(0.0, 1.0), "a", "b").values(1) == (1.0, 1.0)
    assert repr(parameter("i", IntRange(1, 9)).values(3.2)) == "(3,)"
    assert parameter("c", Choices(((1, "x"), (2, "y"))), "a", "b").values(1) == (2, "y")
    for domain, value in (
        (FloatRange(0.0, 1.0), 1.5),
        (FloatRange(0.0, 1.0), True),
        (FloatRange(0.0, 1.0), float("nan")),
        (Choices(((1,),)), 1),
        (Choices(((1,),)), 0.0),
        (Choices(((1,),)), True),
    ):
        with pytest.raises(ValueError, match="k: "):
            parameter("k", domain).values(value)


def test_conditions_are_kept_short() -> None:
    """Always and never absorb; nested parts are flattened; one part stands by itself."""
    a, b = Is("a", frozenset({1})), Is("b", frozenset({2}))
    assert all_of() == ALWAYS
    assert any_of() == NEVER
    assert all_of(a, ALWAYS) == a
    assert all_of(a, NEVER) == NEVER
    assert any_of(a, ALWAYS) == ALWAYS
    assert any_of(a, NEVER) == a
    assert all_of(all_of(a, b), a) == AllOf((a, b))
    assert any_of(any_of(a, b), b) == AnyOf((a, b))
    assert settle(all_of(a, b), {"a": 1}) == b
    assert settle(all_of(a, b), {"a": 3}) == NEVER
    assert settle(Is("a", frozenset({1}), otherwise=True), {"a": None}) == ALWAYS


def test_what_plug_ins_see() -> None:
    """`targets` and the concrete values have Clara's shapes."""
    space = SearchSpace(
        (
            parameter("net.enum$0:a/b", Choices(((1, "x"), (2, "y"))), "a", "b"),
            parameter("lr.float$1:c", FloatRange(0.0, 1.0), "c"),
        )
    )
    assert space.targets["net.enum$0:a/b"] == [[1, "x"], [2, "y"]]
    assert space.targets["lr.float$1:c"][0].max == 1.0
    result = SearchResult(space, {"net.enum$0:a/b": 1, "lr.float$1:c": 0.5})
    assert result.concrete() == {"net.enum$0:a/b": [2, "y"], "lr.float$1:c": 0.5}
    assert result.named() == {"a": 2, "b": "y", "c": 0.5}
    assert result.dump() == "net.enum$0:a/b=1, lr.float$1:c=0.5"


def test_switches_come_parents_first() -> None:
    """Only what others hang on, each after what it hangs on itself; circles do not hang it up."""
    on = frozenset({0})
    flag = Choices(((True,), (False,)))
    space = SearchSpace(
        (
            parameter("c", flag, active=Is("b", on)),
            parameter("b", flag, active=Is("a", on)),
            parameter("a", flag),
            parameter("free", flag),
        )
    )
    assert [switch.key for switch in space.switches] == ["a", "b"]
    assert space.active({"a": 1, "b": 0, "c": 0, "free": 0}) == {"a", "free"}
    circle = SearchSpace(
        (parameter("x", flag, active=Is("y", on)), parameter("y", flag, active=Is("x", on)))
    )
    assert len(circle.switches) == 2
    assert circle.active({"x": 0, "y": 0}) == {"x", "y"}


def test_the_configs_own_values_are_known() -> None:
    """What it sets is as it is set; an enum that it does not set is at its first choice."""
    entries = [
        {"args": ["lr"], "type": "float", "domain": "lr", "targets": [0, 1]},
        {"args": ["on"], "type": "enum", "domain": "net", "targets": [[True], [False]]},
    ]
    space = parse({"lr": 0.5, "search": entries})
    lr, on = (parameter.key for parameter in space)
    assert space.baseline == {lr: 0.5, on: 0}
    assert space.is_baseline({lr: 0.5, on: 0})
    assert space.is_baseline({})
    assert not space.is_baseline({lr: 0.5, on: 1})
    assert not space.is_baseline({lr: 0.4, on: 0})
    assert not parse({"search": entries}).is_baseline({lr: 0.5, on: 0})
