"""What every controller promises: ours, the template of `mmar-automl new`, and yours.

    PYTHONPATH=my_mmar/custom MMAR_AUTOML_CONTROLLER=my_search.MySearch \\
        python -m pytest tests/contract/test_controllers.py -k MySearch
"""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import mmar_automl.app
from mmar_automl.api import Controller
from mmar_automl.byoc import load_class
from mmar_automl.controllers.auto import AutoController
from mmar_automl.controllers.bayesian import BayesianController
from mmar_automl.controllers.cmaes import CmaEsController
from mmar_automl.controllers.grid import GridController
from mmar_automl.controllers.random import RandomController
from mmar_automl.controllers.reinforcement import ReinforcementController
from mmar_automl.controllers.sobol import SobolController
from mmar_automl.controllers.tpe import TPEController
from mmar_automl.defs import Context, JobState, Outcome, Recommendation, SearchSpace
from mmar_automl.search import parse
from mmar_automl.search.distinct import count

SWITCHED = {
    "search": [{"args": ["off"], "type": "enum", "domain": "net", "targets": [[True], [False]]}],
    "train": {
        "aug": {
            "name": "Aug",
            "args": {"prob": 0.5, "mode": "a"},
            "apply": {"@disabled": "off"},
            "search": [
                {"args": ["mode"], "type": "enum", "domain": "net", "targets": [["a"], ["b"]]},
                {"args": ["prob"], "type": "int", "domain": "net", "targets": [1, 3]},
            ],
        }
    },
}
FLOATS = {
    "search": [
        {"args": ["lr"], "type": "float", "domain": "lr", "scale": "log", "targets": [1e-5, 1e-1]},
        {"args": ["a", "b"], "type": "float", "domain": "net", "targets": [0, 1]},
        {"args": ["n"], "type": "int", "domain": "net", "scale": "log", "targets": [1, 64]},
        {"args": ["s"], "type": "float", "domain": "net", "targets": [0.0, 1.0], "step": 0.25},
        {"args": ["c"], "type": "enum", "domain": "net", "targets": [[None], [[1, 2]], ["x"]]},
    ]
}
CONTROLLERS: list[Callable[[], Controller]] = [
    GridController,
    lambda: GridController(num=1),
    lambda: GridController(num=4, max_jobs=10),
    RandomController,
    lambda: RandomController(max_rounds=50, seed=3),
    lambda: RandomController(max_rounds=9, initial_points="default"),
    SobolController,
    lambda: SobolController(max_jobs=20, seed=5, initial_points="default"),
    lambda: TPEController(max_jobs=20),
    lambda: BayesianController(max_jobs=40, seed=1),
    AutoController,
    lambda: AutoController(max_jobs=12, seed=4),
    lambda: CmaEsController(max_jobs=40, seed=3),
    lambda: ReinforcementController(max_rounds=8),
    lambda: ReinforcementController(max_rounds=3, initial_points="default", seed=2),
    lambda: ReinforcementController(mode="critic", max_jobs=24),
    lambda: ReinforcementController(mode="critic", max_jobs=20, enum="product", seed=7),
]


def template() -> type[Controller]:
    """What `mmar-automl new controller` writes."""
    file = Path(mmar_automl.app.__path__[0]) / "templates/components/controller.py"
    spec = importlib.util.spec_from_file_location("template_of_a_controller", file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    found: type[Controller] = module.MyController
    return found


CONTROLLERS.append(template())
if os.environ.get("MMAR_AUTOML_CONTROLLER"):
    CONTROLLERS.append(load_class(os.environ["MMAR_AUTOML_CONTROLLER"], []))


def run(controller: Controller, space: SearchSpace, most: int = 500) -> list[Recommendation]:
    """Everything that a controller proposes for outcomes that come in order, some of them bad."""
    ctx = Context()
    controller.set_search_space(space, ctx)
    queue = list(controller.initial_recommendation(ctx))
    proposed = list(queue)
    while queue and len(proposed) < most:
        recommendation = queue.pop(0)
        failed = recommendation.id % 5 == 0
        outcome = Outcome(
            recommendation_id=recommendation.id,
            job_name=f"J{recommendation.id}",
            state=JobState.FAILED if failed else JobState.FINISHED,
            value=None if failed else 1.0 / recommendation.id,
        )
        more = controller.refine_recommendation(outcome, ctx)
        queue += more
        proposed += more
    controller.shutdown(ctx)
    return proposed


@pytest.fixture(params=CONTROLLERS, ids=lambda make: make().describe())
def controller(request: pytest.FixtureRequest) -> Controller:
    """Each controller, fresh."""
    made: Controller = request.param()
    return made


@pytest.mark.parametrize("config", [SWITCHED, FLOATS], ids=["switched", "floats"])
def test_proposals_are_valid_and_never_repeat(controller: Controller, config: Any) -> None:
    """Values inside their domains, ids unique, no configuration twice, at least one proposal."""
    space = parse(config)
    proposed = run(controller, space)
    assert proposed
    ids = [recommendation.id for recommendation in proposed]
    assert len(set(ids)) == len(ids)
    seen = set()
    for recommendation in proposed:
        for key, value in recommendation.result.values.items():
            space[key].values(value)
        effective = tuple(space.effective(recommendation.result.values).items())
        assert effective == tuple(recommendation.result.values.items())
        assert effective not in seen
        seen.add(effective)


def test_an_exhausted_space_ends_the_proposals(controller: Controller) -> None:
    """At most as many as there are distinct configurations: 6 enabled ones and one disabled."""
    space = parse(SWITCHED)
    assert count(space) == 7
    assert len(run(controller, space)) <= 7


def test_random_finds_what_is_seldom_drawn_and_says_when_it_has_all() -> None:
    """Of 58 configurations the last 20 come together once in 8000 draws each."""
    entry = {"type": "enum", "domain": "net", "targets": [[number] for number in range(20)]}
    space = parse(
        {
            "search": [
                {**entry, "args": ["a"]},
                {**entry, "args": ["b"], "when": {"a": [0]}},
                {**entry, "args": ["c"], "when": {"b": [0]}},
            ]
        }
    )
    lines: list[str] = []
    context = Context()
    context.connect(on_trace=lambda who, said, _aloud: lines.append(f"{who}: {said}"))
    said = ["RandomController: all 58 configurations of the space are proposed"]
    for most, told in ((58, []), (59, said)):
        controller = RandomController(max_jobs=most)
        controller.set_search_space(space, context)
        made = controller.initial_recommendation(context)
        assert len({tuple(item.result.values.items()) for item in made}) == 58
        assert lines == told


def test_the_same_controller_proposes_the_same(controller: Controller) -> None:
    """Seeds make runs repeatable."""
    space = parse(FLOATS)
    again = next(make for make in CONTROLLERS if make().describe() == controller.describe())()
    first = [item.result.values for item in run(controller, space)]
    assert first == [item.result.values for item in run(again, space)]


def test_random_takes_its_budget_by_either_name() -> None:
    """`max_rounds` is Clara's word for the number of jobs, 32 the default."""
    space = parse(FLOATS)
    assert len(run(RandomController(), space)) == 32
    assert len(run(RandomController(max_rounds=5), space)) == 5
    assert len(run(RandomController(max_jobs=6), space)) == 6
    with pytest.raises(ValueError, match="at least 1"):
        RandomController(max_rounds=0)


def test_random_is_uniform_on_the_scale() -> None:
    """Half of a log-uniform sample over four decades lies below the geometric mean."""
    space = parse({"search": FLOATS["search"][:1]})
    proposed = run(RandomController(max_rounds=400), space)
    low = sum(next(iter(item.result.values.values())) < 1e-3 for item in proposed)
    assert 150 < low < 250


def test_grid_levels_are_even_on_the_scale() -> None:
    """Three levels over 1e-5..1e-1 on a log scale: the ends and the geometric mean."""
    space = parse({"search": FLOATS["search"][:1]})
    levels = [next(iter(item.result.values.values())) for item in run(GridController(), space)]
    assert levels == pytest.approx([1e-5, 1e-3, 1e-1])


def test_grid_varies_the_first_parameter_fastest() -> None:
    """As Clara's folders show."""
    entry = {"type": "enum", "domain": "net", "targets": [[0], [1]]}
    space = parse({"search": [{**entry, "args": ["a"]}, {**entry, "args": ["b"]}]})
    cells = [tuple(item.result.values.values()) for item in run(GridController(), space)]
    assert cells == [(0, 0), (1, 0), (0, 1), (1, 1)]
