"""`initial_points`: what a point may say, and what is said of one that is wrong."""

from __future__ import annotations

from typing import Any

import pytest

from mmar_automl.controllers.auto import AutoController
from mmar_automl.controllers.grid import GridController
from mmar_automl.controllers.points import initial
from mmar_automl.defs import Context, SearchSpace
from mmar_automl.search import parse

SPACE = parse(
    {
        "lr": 0.001,
        "search": [
            {"args": ["lr"], "type": "float", "domain": "lr", "scale": "log",
             "targets": [1e-5, 1e-1]},
            {"args": ["a", "b"], "type": "float", "domain": "net", "targets": [0, 1]},
            {"args": ["s"], "type": "float", "domain": "net", "targets": [0.0, 1.0], "step": 0.1},
            {"args": ["n"], "type": "int", "domain": "net", "targets": [1, 16], "step": 5},
            {"args": ["m"], "type": "int", "domain": "net", "targets": [1, 16]},
            {"args": ["p", "q"], "type": "enum", "domain": "net",
             "targets": [["x", "y"], ["a", "b"], ["a", "c"]]},
            {"args": ["flag"], "type": "enum", "domain": "net",
             "targets": [[False], [True], [0], [1], [1.0], [[1]]]},
        ],
    }
)  # fmt: skip
LR, AB, S, N, M, PQ, FLAG = (parameter.key for parameter in SPACE)


def refusal(*points: Any) -> str:
    with pytest.raises(ValueError, match=r"^initial_points: ") as raised:
        initial(points, SPACE)
    return str(raised.value)


@pytest.mark.parametrize(
    ("point", "key", "value"),
    [
        ({"lr": 0.01}, LR, 0.01),
        ({LR: 0.01, "lr": 0.01}, LR, 0.01),
        ({"b": 0.2}, AB, 0.2),
        ({"a": 0.2, "b": 0.2}, AB, 0.2),
        ({AB: 0.2}, AB, 0.2),
        ({AB: [0.2, 0.2]}, AB, 0.2),
        ({"s": 0.3}, S, 0.3),
        ({"n": 11.0}, N, 11),
        ({PQ: ["a", "c"]}, PQ, 2),
        ({PQ: ("a", "c"), "q": "c"}, PQ, 2),
        ({"q": "c"}, PQ, 2),
        ({"p": "x"}, PQ, 0),
        ({"flag": 1.0}, FLAG, 4),
        ({"flag": 0.0}, FLAG, 2),
        ({"flag": [1.0]}, FLAG, 5),
    ],
)
def test_a_point_is_read_by_names_or_locators(
    point: dict[str, Any], key: str, value: object
) -> None:
    """A range's one number goes to all of its args; 1 and 1.0 may be two choices."""
    (read,) = initial([point], SPACE)
    assert read == SPACE.baseline | {key: value}
    assert type(read[key]) is type(value)


@pytest.mark.parametrize(
    ("point", "told"),
    [
        ({"lrr": 1}, "'lrr' is no parameter, did you mean 'lr'?"),
        ({LR[:-1]: 1}, f"{LR[:-1]!r} is no parameter, did you mean {LR!r}?"),
        ({"lr": "0.01"}, "lr = '0.01' is no number in [1e-05, 0.1]"),
        ({"lr": True}, "lr = True is no number in [1e-05, 0.1]"),
        ({"lr": float("nan")}, "lr = nan is no number in [1e-05, 0.1]"),
        ({"m": 17}, "m = 17 is outside [1, 16]"),
        ({"m": 2.5}, "m = 2.5 is no whole number; the nearest is 2"),
        ({"s": 0.26},
         "s = 0.26 is not on the step of its range (0, 0.1, 0.2, …); the nearest is 0.3"),
        ({"n": 15}, "n = 15 is not on the step of its range (1, 6, 11, …); the nearest is 16"),
        ({S: 0.99}, f"{S} = 0.99 is not on the step of its range (0, 0.1, 0.2, …); "
                    "the nearest is 1.0"),
        ({"lr": 0.1, LR: 0.01},
         f"lr = 0.1 and {LR} = 0.01 are of the same parameter: leave one of them out"),
        ({"a": 0.1, "b": 0.2},
         "a = 0.1 and b = 0.2 are of the same parameter: leave one of them out"),
        ({AB: [0.1, 0.2]}, f"{AB} = [0.1, 0.2] is not one number: "
                           "a range gives the same to all its args"),
        ({AB: [0.1]}, f"{AB} = [0.1] has 1 of 2 values: "
                      "it is one number for a, b, or a list of one for each"),
        ({AB: "01"}, f"{AB} = '01' is no number in [0, 1]"),
        ({PQ: ["a", "c"], "q": "b"},
         f"{PQ} = ['a', 'c'] and q = 'b' are of the same parameter: leave one of them out"),
        ({PQ: ["x"]}, f"{PQ} = ['x'] has 1 of 2 values: it is [p, q], such as ['x', 'y']"),
        ({PQ: ["a", "c", "c"]},
         f"{PQ} = ['a', 'c', 'c'] has 3 of 2 values: it is [p, q], such as ['x', 'y']"),
        ({PQ: "xy"}, f"{PQ} = 'xy' is no list of 2 values: it is [p, q], such as ['x', 'y']"),
        ({PQ: "x"}, f"{PQ} = 'x' is no list of 2 values: it is [p, q], such as ['x', 'y']"),
        ({"p": "a"}, "p = 'a' is 2 choices, ['a', 'b'], ['a', 'c']: give q, too"),
        ({"p": "x", "q": "b"}, "p = 'x', q = 'b' is none of 3 choices: "
                               "['x', 'y'], ['a', 'b'], ['a', 'c']"),
        ({"flag": [True]}, "flag = [True] is none of 6 choices: False, True, 0, 1, 1.0, [1]"),
    ],
)  # fmt: skip
def test_a_point_that_is_wrong_is_refused(point: dict[str, Any], told: str) -> None:
    """With its number, the name as it was written, the value, and what would do."""
    assert refusal({}, point) == f"initial_points: point 2: {told}"


def test_all_mistakes_are_told_at_once() -> None:
    """Those of one point, and those of the others."""
    assert refusal({"s": 0.26, "lrr": 1, "m": 0}, {"lr": 1, LR: 2}, 3) == (
        "initial_points: point 1: 'lrr' is no parameter, did you mean 'lr'?; "
        "point 1: s = 0.26 is not on the step of its range (0, 0.1, 0.2, …); the nearest is 0.3; "
        "point 1: m = 0 is outside [1, 16]; "
        f"point 2: lr = 1 and {LR} = 2 are of the same parameter: leave one of them out; "
        "point 2: lr = 1 is outside [1e-05, 0.1]; "
        f"point 2: {LR} = 2 is outside [1e-05, 0.1]; "
        "point 3 is 3, not an object of name: value"
    )


@pytest.mark.parametrize("given", ["defualt", {"lr": 0.01}, 3])
def test_what_is_no_list_of_points_is_refused(given: Any) -> None:
    """Also by a controller, when it is given the space."""
    controller = AutoController(initial_points=given)
    with pytest.raises(ValueError, match='is "default", "none" or a list of objects'):
        controller.set_search_space(SPACE, Context())


def test_points_of_the_users_own_come_first() -> None:
    """What a point leaves out is the config's own."""
    points = [{"lr": 0.01, "q": "c"}, {"s": 0.2}]
    controller = AutoController(initial_points=points)
    controller.set_search_space(SPACE, Context())
    first, second = controller.initial_recommendation(Context())[:2]
    controller.shutdown(Context())
    own = dict(SPACE.baseline)
    assert dict(first.result.values) == own | {LR: 0.01, PQ: 2}
    assert dict(second.result.values) == own | {S: 0.2}


def test_a_point_hides_no_cell_of_a_step() -> None:
    """Three cells are three jobs, whichever comes first."""
    entry = {"args": ["s"], "type": "float", "domain": "net", "targets": [0, 1], "step": 0.5}
    space: SearchSpace = parse({"search": [entry]})
    for controller in (
        AutoController(initial_points=[{"s": 0.5}]),
        GridController(initial_points=[{"s": 0.5}]),
    ):
        controller.set_search_space(space, Context())
        made = controller.initial_recommendation(Context())
        controller.shutdown(Context())
        assert [item.result.named()["s"] for item in made] == [0.5, 0.0, 1.0]
