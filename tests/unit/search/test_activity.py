"""What a choice disables, and what that does to the rest of the space."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from mmar_automl.defs import SearchResult, SearchSpace
from mmar_automl.errors import Problem, format_path
from mmar_automl.search import describe
from mmar_automl.search.apply import apply
from mmar_automl.search.count import count
from mmar_automl.search.distinct import enumerate_distinct
from mmar_automl.search.parse import parse

Check = Callable[[Mapping[str, Any]], list[Problem]]


def enum(*args: str, targets: list[Any], **keys: Any) -> dict[str, Any]:
    return {"domain": "net", "type": "enum", "args": list(args), "targets": targets, **keys}


def configurations(space: SearchSpace, num: int = 3) -> list[dict[str, Any]]:
    """Every distinct configuration by readable names."""
    return [SearchResult(space, values).named() for values in enumerate_distinct(space, num)]


BOTH = [[True], [False]]
OPTIMIZERS = {
    "search": [enum("no_sgd", "no_adam", targets=[[False, True], [True, False]])],
    "train": {
        "optimizer": [
            {
                "name": "SGD",
                "args": {"momentum": 0.9, "nesterov": True},
                "apply": {"@disabled": "no_sgd"},
                "search": [
                    enum("momentum", targets=[[0.0], [0.5], [0.9]]),
                    enum("nesterov", targets=BOTH, when={"SGD.momentum": [0.5, 0.9]}),
                ],
            },
            {
                "name": "Adam",
                "args": {"amsgrad": False},
                "apply": {"@disabled": "no_adam"},
                "search": [enum("amsgrad", targets=BOTH)],
            },
        ]
    },
}


def test_active_only_with_another() -> None:
    """First kind: `when`. Without its condition a parameter is not varied and not shown."""
    config = {
        "pool": "max",
        "size": 2,
        "search": [
            enum("pool", targets=[["max"], ["none"]]),
            enum("size", targets=[[2], [3]], when={"pool": ["max"]}),
        ],
    }
    space = parse(config)
    assert configurations(space) == [
        {"pool": "max", "size": 2},
        {"pool": "none"},
        {"pool": "max", "size": 3},
    ]
    assert count(space) == 3
    values = {"net.enum$0:pool": 1, "net.enum$1:size": 1}
    assert apply(config, SearchResult(space, values)) == {"pool": "none", "size": 2}


def test_mutually_exclusive() -> None:
    """Second kind: alternatives. The parameters of the one that is off do not vary."""
    space = parse(OPTIMIZERS)
    assert count(space) == 5 + 2
    found = configurations(space)
    assert len(found) == 7
    for named in found:
        other = "Adam" if named["no_adam"] else "SGD"
        mine = [name for name in named if "." in name]
        assert mine
        assert all(name.startswith(other) is False for name in mine)


def test_one_that_switches_several() -> None:
    """Third kind: one value disables several components, with all that is searched in them."""

    def transform(name: str) -> dict[str, Any]:
        search = [enum("prob", targets=[[0.1], [0.5]])]
        return {
            "name": name,
            "args": {"prob": 0.1},
            "apply": {"@disabled": "plain"},
            "search": search,
        }

    config = {
        "search": [enum("plain", targets=BOTH)],
        "train": {"pre_transforms": [transform("Flip"), transform("Noise")]},
    }
    space = parse(config)
    assert configurations(space) == [
        {"plain": True},
        {"plain": False, "Flip.prob": 0.1, "Noise.prob": 0.1},
        {"plain": False, "Flip.prob": 0.5, "Noise.prob": 0.1},
        {"plain": False, "Flip.prob": 0.1, "Noise.prob": 0.5},
        {"plain": False, "Flip.prob": 0.5, "Noise.prob": 0.5},
    ]
    assert count(space) == 5


def test_conditions_nest() -> None:
    """nesterov waits for momentum, momentum for its optimizer: both fall with the optimizer."""
    space = parse(OPTIMIZERS)
    keys = {parameter.names[0]: parameter.key for parameter in space}
    values = {parameter.key: 1 for parameter in space}
    active = space.active(values)
    assert active == {keys["no_sgd"], keys["Adam.amsgrad"]}
    values[keys["no_sgd"]] = 0
    assert keys["SGD.nesterov"] in space.active(values)
    values[keys["SGD.momentum"]] = 0
    assert keys["SGD.nesterov"] not in space.active(values)


def test_component_inside_a_disabled_one() -> None:
    """A component in the args of another falls with it."""
    inner = {"name": "Inner", "args": {"x": 1}, "search": [enum("x", targets=[[1], [2]])]}
    outer = {"name": "Outer", "args": {"inner": inner}, "search": [enum("@disabled", targets=BOTH)]}
    assert configurations(parse({"a": outer})) == [
        {"Outer.disabled": True},
        {"Outer.disabled": False, "Inner.x": 1},
        {"Outer.disabled": False, "Inner.x": 2},
    ]


def test_variable_that_nobody_uses_any_more() -> None:
    """learning_rate is inactive with the optimizer that does not read it."""
    config = {
        "learning_rate": 0.1,
        "search": [
            enum("learning_rate", targets=[[0.1], [0.2]]),
            enum("a", "b", targets=[[False, True], [True, False]]),
        ],
        "train": {
            "optimizer": [
                {"name": "Adam", "args": {"lr": "{learning_rate}"}, "apply": {"@disabled": "a"}},
                {"name": "Novograd", "apply": {"@disabled": "b"}},
            ]
        },
    }
    assert count(parse(config)) == 3


def test_disabled_by_a_variable() -> None:
    """`"disabled": "{name}"` is a switch like any other."""
    flip = {
        "name": "Flip",
        "disabled": "{plain}",
        "args": {"prob": 0.1},
        "search": [enum("prob", targets=[[0.1], [0.5]])],
    }
    config = {"plain": False, "search": [enum("plain", targets=BOTH)], "train": {"pre": [flip]}}
    assert count(parse(config)) == 3


def test_alias_of_a_disabled_component_still_counts() -> None:
    """The value is applied elsewhere, so that it keeps its effect."""
    config = {
        "train": {
            "pre": [
                {
                    "name": "Flip",
                    "args": {"prob": 0.1},
                    "search": [
                        enum("@disabled", targets=BOTH),
                        enum("prob#p", targets=[[0.2], [0.4]]),
                    ],
                },
                {"name": "Noise", "args": {"prob": 0.9}, "apply": {"prob": "p"}},
            ]
        }
    }
    space = parse(config)
    assert count(space) == 4
    values = {parameter.key: 0 for parameter in space}
    flip, noise = apply(config, SearchResult(space, values))["train"]["pre"]
    assert (flip["disabled"], noise["args"]["prob"]) == (True, 0.2)


def test_alias_of_an_inactive_parameter_follows_what_stands_there() -> None:
    """Two places that share a value share it always, also when nobody searches it."""
    config = {
        "on": True,
        "search": [enum("on", targets=BOTH)],
        "a": {
            "name": "A",
            "args": {"x": 1},
            "search": [enum("x#x", targets=[[2], [3]], when={"on": [True]})],
        },
        "b": {"name": "B", "args": {"x": 7}, "apply": {"x": "x"}},
    }
    space = parse(config)
    values = {"net.enum$0:on": 1, "net.enum.a$0:x": 1}
    concrete = apply(config, SearchResult(space, values))
    assert (concrete["a"]["args"]["x"], concrete["b"]["args"]["x"]) == (1, 1)
    assert SearchResult(space, values).named() == {"on": False}


def test_switch_that_is_inactive_itself_keeps_the_config() -> None:
    """What an inactive @disabled leaves in the config decides over what hangs on it."""
    config = {
        "mode": "a",
        "search": [enum("mode", targets=[["a"], ["b"]])],
        "t": {
            "name": "T",
            "disabled": True,
            "args": {"x": 1},
            "search": [
                enum("@disabled", targets=BOTH, when={"mode": ["a"]}),
                enum("x", targets=[[1], [2]]),
            ],
        },
    }
    assert configurations(parse(config)) == [
        {"mode": "a", "T.disabled": True},
        {"mode": "b"},
        {"mode": "a", "T.disabled": False, "T.x": 1},
        {"mode": "a", "T.disabled": False, "T.x": 2},
    ]


def test_switch_by_the_alias_of_an_inactive_parameter() -> None:
    """B follows A's @disabled also while nobody searches it: then A's own false counts."""
    config = {
        "mode": "a",
        "search": [enum("mode", targets=[["a"], ["b"]])],
        "a": {"name": "A", "search": [enum("@disabled#off", targets=BOTH, when={"mode": ["a"]})]},
        "b": {
            "name": "B",
            "disabled": True,
            "args": {"x": 1},
            "apply": {"@disabled": "off"},
            "search": [enum("x", targets=[[1], [2]])],
        },
    }
    space = parse(config)
    assert configurations(space) == [
        {"mode": "a", "A.disabled": True},
        {"mode": "b", "B.x": 1},
        {"mode": "a", "A.disabled": False, "B.x": 1},
        {"mode": "b", "B.x": 2},
        {"mode": "a", "A.disabled": False, "B.x": 2},
    ]
    concrete = apply(config, SearchResult(space, {"net.enum$0:mode": 1, "net.enum.b$0:x": 1}))
    assert concrete["b"] == {"name": "B", "disabled": False, "args": {"x": 2}}


def test_when_on_an_alias_on_a_group_and_on_several() -> None:
    """Names may be aliases; several are ANDed; equality is JSON-strict."""
    config = {
        "search": [
            enum("a#first", "b", targets=[[1, "x"], [1.0, "y"], [True, "y"]]),
            enum("c", targets=BOTH, when={"first": [1, True], "@b": ["y"]}),
        ]
    }
    space = parse(config)
    key = space.parameters[0].key
    active = ["net.enum$1:c" in space.active({key: i, "net.enum$1:c": 0}) for i in range(3)]
    assert active == [False, False, True]


def test_when_on_an_int_range() -> None:
    """Values of a range are asked for by number; one outside it is a mistake."""
    config = {
        "search": [
            {"domain": "net", "type": "int", "args": ["n"], "targets": [1, 3]},
            enum("d", targets=BOTH, when={"n": [2, 3]}),
        ]
    }
    assert count(parse(config)) == 1 + 2 * 2


def test_when_must_name_a_value(problems: Check) -> None:
    """A value that the other cannot have, in type or number, would never come."""
    config = {
        "search": [
            enum("n", targets=[[1], [2]]),
            enum("d", targets=BOTH, when={"n": [1.0]}),
        ]
    }
    (problem,) = problems(config)
    assert (format_path(problem.path), problem.message, problem.hint) == (
        "search[1].when.n[0]",
        "1.0 is no value of 'n'",
        "its values are 1, 2",
    )


def test_circle_of_conditions(problems: Check) -> None:
    """Two that wait for each other are told of, both."""
    config = {
        "search": [
            enum("a", targets=BOTH, when={"b": [True]}),
            enum("b", targets=BOTH, when={"a": [True]}),
        ]
    }
    found = problems(config)
    assert [problem.message for problem in found] == [
        "a waits for itself, through b",
        "b waits for itself, through a",
    ]


def test_circle_through_a_component(problems: Check) -> None:
    """A `when` on what the parameter itself disables is a circle, too."""
    t = {
        "name": "T",
        "args": {"x": 1},
        "apply": {"@disabled": "off"},
        "search": [enum("x", targets=[[1], [2]])],
    }
    config = {"search": [enum("off", targets=BOTH, when={"T.x": [1]})], "t": t}
    assert [problem.message for problem in problems(config)] == [
        "off waits for itself, through T.x"
    ]


def test_reference_to_what_a_choice_disables(problems: Check) -> None:
    """@lr_scheduler in an enabled handler must not lead to a scheduler that is off."""
    handler: dict[str, Any] = {
        "name": "LrScheduleHandler",
        "args": {"lr_scheduler": "@lr_scheduler"},
    }
    scheduler = {"name": "StepLR", "search": [enum("@disabled#off", targets=BOTH)]}
    config = {"train": {"lr_scheduler": scheduler, "handlers": [handler]}}
    errors = [problem for problem in problems(config) if problem.severity == "error"]
    (problem,) = errors
    assert format_path(problem.path) == "train.handlers[0].args.lr_scheduler"
    assert problem.message == (
        "@lr_scheduler leads to train.lr_scheduler, which choice 0 ([true]) disables"
    )
    handler["apply"] = {"@disabled": "off"}
    assert problems(config) == []


def test_parameter_that_can_never_count(problems: Check) -> None:
    """A search in a component that is off for good is warned of."""
    search = [enum("x", targets=[[1], [2]])]
    config = {"a": {"name": "A", "disabled": True, "args": {"x": 1}, "search": search}}
    (problem,) = problems(config)
    assert problem.severity == "warning"
    assert "A.x has no effect" in problem.message


def test_long_chain_of_conditions_needs_no_recursion() -> None:
    """A thousand parameters, each waiting for the one before."""
    search = [enum("p0", targets=BOTH)]
    search += [enum(f"p{i}", targets=BOTH, when={f"p{i - 1}": [True]}) for i in range(1, 1000)]
    space = parse({"search": search})
    values = {parameter.key: 0 for parameter in space}
    assert len(space.active(values)) == 1000
    values[space.parameters[10].key] = 1
    assert len(space.active(values)) == 11


def test_conditions_in_words() -> None:
    """A person reads names and values, not keys and indices."""
    space = parse(OPTIMIZERS)
    words = {p.names[0]: describe.in_words(p.active, space) for p in space}
    assert words == {
        "no_sgd": "",
        "SGD.momentum": "no_sgd = false",
        "SGD.nesterov": "no_sgd = false and SGD.momentum = 0.5 | 0.9",
        "Adam.amsgrad": "no_sgd = true",
    }
    assert describe.when(space.parameters[2], space) == {
        "no_sgd": [False],
        "SGD.momentum": [0.5, 0.9],
    }
