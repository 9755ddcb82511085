"""The forms of an entry, ours included: what each means and what is said of a wrong one."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from mmar_automl.defs import Choices, FloatRange, IntRange, SearchResult
from mmar_automl.errors import ConfigProblems, Problem, format_path
from mmar_automl.search.apply import apply
from mmar_automl.search.components import find_components
from mmar_automl.search.findings import Findings
from mmar_automl.search.parse import parse, read_space

Check = Callable[[Mapping[str, Any]], list[Problem]]


def entry(**keys: Any) -> dict[str, Any]:
    return {"domain": "net", "args": ["x"], **keys}


def told(problems: list[Problem]) -> list[str]:
    return [
        f"{p.severity} {format_path(p.path)}: {p.message}" + (f" | {p.hint}" if p.hint else "")
        for p in problems
    ]


@pytest.mark.parametrize(
    ("keys", "domain"),
    [
        ({"type": "float", "targets": [0, 1]}, FloatRange(0.0, 1.0)),
        ({"type": "float", "targets": [1e-4, 1], "scale": "log"}, FloatRange(1e-4, 1.0, "log")),
        ({"type": "float", "targets": [0, 1], "step": 0.25}, FloatRange(0.0, 1.0, step=0.25)),
        ({"type": "int", "targets": [1, 9]}, IntRange(1, 9)),
        ({"type": "int", "targets": [1.0, 9]}, IntRange(1, 9)),
        ({"type": "int", "targets": [2, 64], "step": 2}, IntRange(2, 64, step=2)),
        ({"type": "int", "targets": [1, 900], "scale": "log"}, IntRange(1, 900, "log")),
        ({"type": "bool"}, Choices(((True,), (False,)))),
        ({"type": "bool", "targets": [[False], [True]]}, Choices(((False,), (True,)))),
        ({"type": "enum", "targets": [[None], [0], ["0"]]}, Choices(((None,), (0,), ("0",)))),
        (
            {"type": "enum", "targets": [[[1, [2]]], [{"a": 1}]]},
            Choices((([1, [2]],), ({"a": 1},))),
        ),
        (
            {"type": "enum", "targets": [[10**30], ["größe 😀"]]},
            Choices(((10**30,), ("größe 😀",))),
        ),
    ],
)
def test_targets(keys: dict[str, Any], domain: Any) -> None:
    """Each type with its optional keys gives this domain, JSON types and all."""
    space = parse({"x": 1, "search": [entry(**keys)]})
    assert repr(space.parameters[0].domain) == repr(domain)


@pytest.mark.parametrize(
    ("keys", "default"),
    [
        ({"type": "float", "targets": [0, 1], "default": 0.5}, 0.5),
        ({"type": "int", "targets": [1, 9], "default": 4}, 4),
        ({"type": "enum", "targets": [["a"], ["b"]], "default": "b"}, 1),
        ({"type": "enum", "targets": [["a"], ["b"]], "default": ["b"]}, 1),
        ({"type": "bool", "default": False}, 1),
        ({"type": "float", "targets": [2, 4]}, 3.0),
        ({"type": "int", "targets": [2, 4]}, 3),
        ({"type": "int", "targets": [2, 8], "step": 2}, None),
        ({"type": "float", "targets": [4, 5]}, None),
        ({"type": "enum", "targets": [["3"], [3.0]]}, None),
        ({"type": "enum", "targets": [["3"], [3]]}, 1),
    ],
)
def test_default(keys: dict[str, Any], default: Any) -> None:
    """The entry's own default counts, else the config's 3 where it is in the domain."""
    space = parse({"x": 3, "search": [entry(**keys)]})
    assert repr(space.parameters[0].default) == repr(default)


def flips(*bodies: dict[str, Any], **first: Any) -> dict[str, Any]:
    """A config with these components, that are all called Flip."""
    return {**first, "train": {"pre_transforms": [{"name": "Flip", **body} for body in bodies]}}


OFF = {"apply": {"@disabled": "off"}}
PROB = {"apply": {"prob": "x"}}


@pytest.mark.parametrize(
    ("keys", "config", "default"),
    [
        ({"type": "bool"}, flips(OFF), 1),
        ({"type": "bool"}, flips(OFF | {"disabled": True}, OFF | {"disabled": 1}), 0),
        ({"type": "enum", "targets": [[0.0], [1.0]]}, flips(OFF | {"disabled": True}), 1),
        ({"type": "bool"}, flips(OFF | {"disabled": "{flag}"}, flag=True), 0),
        ({"type": "bool"}, flips(OFF | {"disabled": True}, off=False), 1),
        ({"type": "bool"}, flips(OFF | {"disabled": True}, OFF), None),
        ({"type": "bool"}, flips(OFF, {"args": {"also": "{off}"}}), None),
        ({"type": "bool"}, flips(OFF | {"disabled": "{nobody}"}), None),
        ({"type": "bool"}, flips(), None),
        ({"type": "float", "targets": [0, 1]}, flips(PROB | {"args": {"prob": 0.25}}), 0.25),
        ({"type": "float", "targets": [0, 1]}, flips(PROB | {"args": {"prob": 2}}), None),
        ({"type": "float", "targets": [0, 1]}, flips(PROB), None),
        ({"type": "enum", "targets": [[1], [True]]}, flips(PROB | {"args": {"prob": True}}), 1),
    ],
)
def test_a_name_that_the_search_makes_up_stands_for_what_it_is_applied_to(
    keys: dict[str, Any], config: dict[str, Any], default: Any
) -> None:
    """Where the config has one value for it; a value of the first level's own comes before."""
    name = "off" if "off" in str(config) else "x"
    space = parse({**config, "search": [{"domain": "net", "args": [name], **keys}]})
    assert repr(space.parameters[0].default) == repr(default)


def test_switches_of_alternatives_stand_for_the_one_that_is_enabled() -> None:
    """So the baseline is the config as it stands, not the first of the choices."""
    targets = [[False, True], [True, False]]
    entry_ = {"domain": "net", "type": "enum", "args": ["no_a", "no_b"], "targets": targets}
    losses = [
        {"name": "A", "disabled": True, "apply": {"@disabled": "no_a"}},
        {"name": "B", "apply": {"@disabled": "no_b"}},
    ]
    space = parse({"search": [entry_], "train": {"loss": losses}})
    assert list(space.baseline.values()) == [1]
    assert space.is_baseline(space.baseline)


WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "no type": ({}, 'error search[0].type: type is one of float, int, enum, bool | write "type"'),
    "type misspelt": (
        {"type": "flaot", "targets": [0, 1]},
        "error search[0].type: type is one of float, int, enum, bool | did you mean 'float'?",
    ),
    "no targets": (
        {"type": "float"},
        "error search[0].targets: targets of a float are [min, max]",
    ),
    "three ends": (
        {"type": "float", "targets": [0, 1, 2]},
        "error search[0].targets: targets of a float are [min, max] | a list of values is",
    ),
    "min above max": (
        {"type": "int", "targets": [9, 1]},
        "error search[0].targets: min is above max | write [1, 9]",
    ),
    "number in quotes": (
        {"type": "float", "targets": ["1e-4", 1]},
        "error search[0].targets[0]: a number in quotes | write 1e-4 without quotes",
    ),
    "a boolean for a number": (
        {"type": "float", "targets": [False, 1]},
        "error search[0].targets[0]: not a number",
    ),
    "log from zero": (
        {"type": "float", "targets": [0, 1], "scale": "log"},
        "error search[0].targets: the log scale needs min > 0, got 0",
    ),
    "unknown scale": (
        {"type": "float", "targets": [1, 2], "scale": "logarithmic"},
        "error search[0].scale: scale is linear or log",
    ),
    "log with step": (
        {"type": "float", "targets": [1, 2], "scale": "log", "step": 0.1},
        "error search[0].step: a step and the log scale exclude each other",
    ),
    "step of zero": (
        {"type": "float", "targets": [1, 2], "step": 0},
        "error search[0].step: step is above 0",
    ),
    "step of nothing": (
        {"type": "float", "targets": [1, 2], "step": None},
        "error search[0].step: not a number",
    ),
    "step far too small": (
        {"type": "float", "targets": [0, 1e300], "step": 1e-300},
        "error search[0].targets: the range is too wide for its step",
    ),
    "range too wide": (
        {"type": "float", "targets": [-1.7e308, 1.7e308]},
        "error search[0].targets: the range is too wide",
    ),
    "half an int": (
        {"type": "int", "targets": [1.5, 3]},
        'error search[0].targets[0]: not a whole number | use "type": "float"',
    ),
    "an int beyond exactness": (
        {"type": "int", "targets": [1, 10**400]},
        "error search[0].targets[1]: too large for a number",
    ),
    "an int beyond 2**53": (
        {"type": "int", "targets": [1, 2**53 + 1]},
        "error search[0].targets[1]: a whole number of a range is at most",
    ),
    "ragged choice": (
        {"args": ["x", "y"], "type": "enum", "targets": [[1, 2], [3]]},
        "error search[0].targets[1]: 1 value for 2 args (x, y)",
    ),
    "list wrapped once": (
        {"type": "enum", "targets": [[16, 32], [8]]},
        "error search[0].targets[0]: 2 values for 1 arg (x) | a list as a value is wrapped twice: "
        "[[16, 32]]",
    ),
    "choice twice": (
        {"type": "enum", "targets": [[1], [1.0], [1]]},
        "error search[0].targets[2]: choice 2 is choice 0 again",
    ),
    "no choices": ({"type": "enum", "targets": []}, "error search[0].targets: targets of an enum"),
    "scale of an enum": (
        {"type": "enum", "targets": [[1], [2]], "scale": "log"},
        "error search[0].scale: an enum has no scale",
    ),
    "a bool of numbers": (
        {"type": "bool", "targets": [[1], [False]]},
        'error search[0].targets[0]: a bool is true or false | or use "type": "enum"',
    ),
    "args missing": (
        {"args": None, "type": "bool"},
        "error search[0].args: args is a list of names",
    ),
    "args empty": ({"args": [], "type": "bool"}, "error search[0].args: args is a list of names"),
    "arg named twice": (
        {"args": ["x", "x"], "type": "float", "targets": [0, 1]},
        "error search[0].args[1]: 'x' stands twice in one entry",
    ),
    "empty alias": (
        {"args": ["x#"], "type": "float", "targets": [0, 1]},
        "error search[0].args[0]: an arg is written name or name#alias",
    ),
    "domain of dots": (
        {"domain": "a.b", "type": "float", "targets": [0, 1]},
        "error search[0].domain: the domain is a word",
    ),
    "default outside": (
        {"type": "float", "targets": [0, 1], "default": 2},
        "error search[0].default: the default is not in [0.0, 1.0]",
    ),
    "default off the step": (
        {"type": "int", "targets": [0, 8], "step": 2, "default": 3},
        "error search[0].default: the default is not in [0, 8] in steps of 2",
    ),
    "default no choice": (
        {"type": "enum", "targets": [["a"], ["b"]], "default": "c"},
        "error search[0].default: the default is none of the choices",
    ),
    "when not an object": (
        {"type": "float", "targets": [0, 1], "when": ["x"]},
        "error search[0].when: when is",
    ),
    "when without a list": (
        {"type": "float", "targets": [0, 1], "when": {"x": True}},
        "error search[0].when.x: a list of values is expected | write [true]",
    ),
    "when of nobody": (
        {"type": "float", "targets": [0, 1], "when": {"y": [1]}},
        "error search[0].when.y: no parameter is called 'y'",
    ),
    "when of itself": (
        {"type": "float", "targets": [0, 1], "when": {"x": [1]}},
        "error search[0].when.x: 'x' cannot be the condition of itself",
    ),
    "a wide linear range": (
        {"type": "float", "targets": [1e-4, 1e-2]},
        "warning search[0].targets: a linear range over a factor of 100: few samples near 0.0001 "
        '| add "scale": "log"',
    ),
    "equal ends": (
        {"type": "float", "targets": [1, 1]},
        "warning search[0].targets: min and max are equal: nothing to search",
    ),
    "one choice": (
        {"type": "enum", "targets": [[1]]},
        "warning search[0].targets: only one choice: nothing to search",
    ),
    "step over the whole range": (
        {"type": "float", "targets": [0, 1], "step": 2},
        "warning search[0].step: the step leaves only 0 to search",
    ),
    "unknown key": (
        {"type": "float", "targets": [0, 1], "scal": "log"},
        "warning search[0].scal: unknown key 'scal' is ignored | did you mean 'scale'?",
    ),
    "flat": (
        {"type": "enum", "targets": [1, 2]},
        "warning search[0].targets: 2 choices written flat | the canonical form is [[1], [2]]",
    ),
    "half flat": (
        {"type": "enum", "targets": [[1], 2]},
        "warning search[0].targets: 2 choices written flat | the canonical form is [[1], [2]]",
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_wrong_entry(name: str, problems: Check) -> None:
    """One mistake gives one problem, with its place and how to mend it."""
    keys, expected = WRONG[name]
    (line,) = told(problems({"x": 1, "search": [entry(**keys)]}))
    assert line.startswith(expected)


def test_linear_said_aloud_needs_no_hint(problems: Check) -> None:
    """Whoever writes the scale has thought of it."""
    keys = entry(type="float", targets=[1e-4, 1], scale="linear")
    assert problems({"x": 1, "search": [keys]}) == []


@pytest.mark.parametrize("search", [{}, "x", 3, None, True])
def test_search_that_is_no_list(search: Any, problems: Check) -> None:
    """It is said once, at its place."""
    assert told(problems({"search": search})) == [
        "error search: search is a list of entries | write [{…}]"
    ]


def test_apply_that_is_a_list(problems: Check) -> None:
    """It is said once, at its place."""
    found = problems({"a": {"name": "A", "apply": ["x"]}})
    assert told(found) == ['error a.apply: apply is an object | write {"arg": "alias"}']


def test_arg_that_the_component_has_not(problems: Check) -> None:
    """The nearest arg is offered; an init arg called disabled is taken for the attribute."""
    float_ = {"type": "float", "targets": [0, 1]}
    flip = {"name": "RandFlipd", "args": {"prob": 0.1}}
    found = problems({"a": {**flip, "search": [entry(**float_) | {"args": ["probb"]}]}})
    assert told(found) == [
        "error a.search[0].args[0]: RandFlipd has no arg 'probb' at a | did you mean 'prob'?"
    ]
    found = problems({"a": {**flip, "search": [entry(type="bool") | {"args": ["disabled"]}]}})
    assert "the attribute is written @disabled" in told(found)[0]
    found = problems({"a": {**flip, "search": [entry(type="bool") | {"args": ["@rank"]}]}})
    assert "there is no attribute @rank" in told(found)[0]


def test_section_is_no_parameter(problems: Check) -> None:
    """A section cannot be searched as a value; a list of numbers can."""
    found = problems({"train": {}, "search": [entry(args=["train"], type="bool")]})
    assert "'train' is a section of the config" in told(found)[0]
    widths = entry(args=["widths"], type="enum", targets=[[[8, 16]], [[4]]])
    assert problems({"widths": [8, 16], "search": [widths]}) == []


def test_search_outside_a_component(problems: Check) -> None:
    """A search section that would silently do nothing is an error; other `search` keys are not."""
    found = problems({"train": {"search": [entry(type="bool")]}})
    assert "stands in no component" in told(found)[0]
    found = problems({"train": {"pre": {"apply": {"@disabled": "d"}}}})
    assert "stands in no component" in told(found)[0]
    assert problems({"mine": {"search": "grid", "apply": {"a": 1}}}) == []


def test_commented_keys_do_not_count(problems: Check) -> None:
    """Whatever stands under a key with an underscore is ignored."""
    bad = [entry(type="nonsense")]
    config = {
        "__search": bad,
        "a": {"name": "A", "_search": bad, "__apply": 3},
        "___m": {"search": bad},
    }
    assert problems(config) == []


def test_names_are_unique_and_readable() -> None:
    """A class that stands twice gets a position word, an id its own, and no two are the same."""
    config = {
        "t": [
            {"name": "RandFlipd"},
            {"name": "RandFlipd"},
            {"name": "RandFlipd#2"},
            {"path": "mine.RandFlipd"},
            {"name": "Scale#img"},
            {"ref": "RandFlipd"},
            {"args": {"name": "not a component"}},
        ]
    }
    assert [component.name for component in find_components(config)] == [
        "RandFlipd",
        "RandFlipd-2",
        "RandFlipd-2-2",
        "RandFlipd-3",
        "Scale-img",
        "ref-RandFlipd",
        "6",
    ]


def test_keys_have_one_colon_and_one_type() -> None:
    """Clara's plug-ins split a key at its colon and look for `.enum` and `.float` in it."""
    config = {
        "float_part": {"a:b.enum": {"args": {"x": 1}, "search": [entry(type="bool")]}},
        "lr:base": 1,
        "search": [entry(args=["lr:base", "größe"], type="float", targets=[0, 1])],
    }
    keys = [parameter.key for parameter in parse(config)]
    assert keys == ["net.float$0:lr_base/größe", "net.enum._float_part.a_b_enum$0:x"]


def test_every_first_level_value_can_be_applied() -> None:
    """Searched or not, written with @ or without, and before it is defined."""
    config = {
        "a": {"name": "A", "apply": {"p": "rate", "q": "@mode", "@disabled": "off"}},
        "rate": 0.5,
        "off": True,
        "search": [entry(args=["@mode#m"], type="enum", targets=[["x"], ["y"]])],
        "b": {"name": "B", "args": {"q": ""}, "apply": {"q": "m"}},
    }
    space = parse(config)
    concrete = apply(config, SearchResult(space, {"net.enum$0:mode": 1}))
    assert concrete["a"] == {"name": "A", "args": {"p": 0.5, "q": "y"}, "disabled": True}
    assert concrete["b"]["args"] == {"q": "y"}
    assert concrete["mode"] == "y"


def test_components_inside_args_are_searched_too() -> None:
    """A component nested in the args of another has a search section of its own."""
    inner = {"name": "B", "args": {"x": 1}, "search": [entry(type="int", targets=[1, 3])]}
    config = {"a": {"name": "A", "args": {"inner": inner}}}
    space = parse(config)
    assert space.parameters[0].key == "net.int.a.args.inner$0:x"
    concrete = apply(config, SearchResult(space, {space.parameters[0].key: 2}))
    assert concrete == {"a": {"name": "A", "args": {"inner": {"name": "B", "args": {"x": 2}}}}}


def test_types_survive() -> None:
    """The job's config has the very JSON value that the entry lists."""
    values = [True, 1, 1.0, "1", None, [1, [2.0, "3"]], {"k": [False]}, "1e-3", 10**25]
    config = {"x": 0, "search": [entry(type="enum", targets=[[value] for value in values])]}
    space = parse(config)
    for index, value in enumerate(values):
        concrete = apply(config, SearchResult(space, {space.parameters[0].key: index}))
        assert json.dumps(concrete) == json.dumps({"x": value})


def test_removing_the_search_is_a_choice() -> None:
    """Clara's `remove_search_augs: false` leaves the sections in, with the values written."""
    config = {"x": 1, "search": [entry(type="int", targets=[1, 3])]}
    space = parse(config)
    result = SearchResult(space, {space.parameters[0].key: 3})
    assert apply(config, result, remove_search=False) == {**config, "x": 3}
    assert config["x"] == 1


def test_parse_raises_with_every_problem() -> None:
    """All that is wrong comes at once."""
    with pytest.raises(ConfigProblems) as caught:
        parse({"search": [entry(), entry(args=3), {"x": 1}]})
    assert len(caught.value.problems) >= 3


def test_one_mistake_is_told_once(problems: Check) -> None:
    """What hangs on an entry with an error is not another error."""
    config = {
        "search": [entry(args=["o1", "o2"], type="enum", targets=[[True, False], [True]])],
        "train": {
            "optimizer": [
                {"name": "Adam", "apply": {"@disabled": "o1"}},
                {"name": "SGD", "apply": {"@disabled": "o2"}},
            ]
        },
    }
    assert len(problems(config)) == 1


def test_alternatives_switched_from_elsewhere_are_left_alone(problems: Check) -> None:
    """A variable of environment.json may decide; nothing can be said about it here."""
    optimizers = [{"name": "Adam", "disabled": "{use_sgd}"}, {"name": "SGD", "disabled": "{x}"}]
    assert problems({"train": {"optimizer": optimizers}}) == []
    (line,) = told(problems({"train": {"optimizer": [{"name": "Adam"}, {"name": "SGD"}]}}))
    assert "the config leaves 2 of 2 entries of train.optimizer enabled (Adam, SGD)" in line


def test_another_program_may_use_lists_as_it_likes() -> None:
    """Where the config is not Clara's, a list without a search is no list of alternatives."""
    config = {"model": [{"name": "A"}, {"name": "B"}]}
    findings = Findings()
    read_space(config, findings, clara_sections=False)
    assert findings.problems == []
