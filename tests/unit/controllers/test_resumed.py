"""A search with a pruner that is cut off anywhere goes on with the very same proposals.

And a configuration is known again, whatever was computed for its floats."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Union

import numpy as np
import pytest

from mmar_automl.api import Controller, Pruner
from mmar_automl.controllers.auto import AutoController
from mmar_automl.controllers.bayesian import BayesianController
from mmar_automl.controllers.cmaes import CmaEsController
from mmar_automl.controllers.encoding import Encoding
from mmar_automl.controllers.grid import GridController
from mmar_automl.controllers.history import History, mark
from mmar_automl.controllers.reinforcement import ReinforcementController
from mmar_automl.controllers.tpe import MOST, Estimator, TPEController
from mmar_automl.defs import Context, ContextKey, JobState, Outcome, Recommendation, SearchSpace
from mmar_automl.engine.simulate import Training, simulate
from mmar_automl.pruners.asha import AshaPruner
from mmar_automl.pruners.median import MedianPruner
from mmar_automl.search import parse

EPOCHS = 27
WORKERS = 3
SPACE = parse(
    {
        "lr": 0.001,
        "search": [
            {"args": ["lr"], "type": "float", "domain": "lr", "scale": "log",
             "targets": [1e-5, 1e-1]},
            {"args": ["w"], "type": "float", "domain": "net", "targets": [0.0, 1.0]},
            {"args": ["kind"], "type": "enum", "domain": "net", "targets": [["a"], ["b"]]},
            {"args": ["n"], "type": "int", "domain": "net", "targets": [1, 9]},
        ],
    }
)  # fmt: skip
LEARNERS: dict[str, Callable[[int], Controller]] = {
    "auto": lambda jobs: AutoController(max_jobs=jobs, seed=1),
    "bayesian": lambda jobs: BayesianController(max_jobs=jobs, seed=1),
    "tpe": lambda jobs: TPEController(max_jobs=jobs, seed=1),
    "cma": lambda jobs: CmaEsController(max_jobs=jobs, seed=1),
    "classic": lambda jobs: ReinforcementController(max_rounds=jobs // 2, seed=1),
    "critic": lambda jobs: ReinforcementController(mode="critic", max_jobs=jobs, seed=1),
    "critic-product": lambda jobs: ReinforcementController(
        mode="critic", enum="product", max_jobs=jobs, seed=1
    ),
}
PRUNERS: dict[str, Callable[[], Pruner]] = {"asha": AshaPruner, "median": MedianPruner}


@dataclass(frozen=True)
class Call:
    """What the engine asked a controller, and what that proposed; no outcome for the first call."""

    outcome: Outcome | None
    made: list[Recommendation]
    update: bool = False

    @property
    def said(self) -> list[Union[Recommendation, Outcome]]:
        """As a resume gives it back."""
        return [*([] if self.outcome is None else [self.outcome]), *self.made]


@dataclass
class Witness(Controller):
    """A controller whose every call is written down."""

    inner: Controller
    calls: list[Call] = field(default_factory=list)

    def set_search_space(self, space: SearchSpace, ctx: Context) -> None:
        self.inner.set_search_space(space, ctx)

    def initial_recommendation(self, ctx: Context) -> list[Recommendation]:
        self.calls.append(Call(None, self.inner.initial_recommendation(ctx)))
        return self.calls[-1].made

    def refine_recommendation(self, outcome: Outcome, ctx: Context) -> list[Recommendation]:
        self.calls.append(Call(outcome, self.inner.refine_recommendation(outcome, ctx)))
        return self.calls[-1].made

    def update_outcome(self, outcome: Outcome, ctx: Context) -> None:
        self.inner.update_outcome(outcome, ctx)
        self.calls.append(Call(outcome, [], update=True))

    def shutdown(self, ctx: Context) -> None:
        self.inner.shutdown(ctx)


def training(named: Mapping[str, Any]) -> Training:
    """A curve that rises to a bowl's height, sooner or later, after a slow start."""
    source = random.Random(repr(sorted(named.items())))
    height = 0.9 - 0.05 * (math.log10(named["lr"]) + 3) ** 2 - 0.3 * (named["w"] - 0.3) ** 2
    height -= (0.05 if named["kind"] == "b" else 0.0) + 0.01 * abs(named["n"] - 4)
    height += source.gauss(0, 0.01)
    slow = source.uniform(5, 30)
    scores = [height * (1 - math.exp(-((epoch / slow) ** 2))) for epoch in range(1, EPOCHS + 1)]
    return Training(scores, seconds=source.uniform(0.5, 2))


def searched(make: Callable[[int], Controller], pruner: Pruner, jobs: int) -> list[Call]:
    """The calls of a search in which the pruner has cut jobs, and has had some go on."""
    witness = Witness(make(jobs))
    found = simulate(witness, SPACE, training, workers=WORKERS, pruner=pruner)
    assert not found.complaints
    outcomes = [call.outcome for call in witness.calls if call.outcome is not None]
    cut_short = [o for o in outcomes if o.state in (JobState.PAUSED, JobState.PRUNED)]
    assert len(cut_short) > 5
    if isinstance(pruner, AshaPruner):
        assert any(call.update for call in witness.calls)
    return witness.calls


def begun(controller: Controller) -> tuple[Controller, Context]:
    context = Context()
    context.set_prop(ContextKey.NUM_WORKERS, WORKERS)
    controller.set_search_space(SPACE, context)
    return controller, context


def values_of(made: Sequence[Recommendation]) -> list[dict[str, Any]]:
    return [dict(recommendation.result.values) for recommendation in made]


def ask(controller: Controller, call: Call, context: Context) -> list[Recommendation]:
    """What a controller answers to a call of the search."""
    if call.outcome is None:
        return controller.initial_recommendation(context)
    if call.update:
        controller.update_outcome(call.outcome, context)
        return []
    return controller.refine_recommendation(call.outcome, context)


def goes_on(
    make: Callable[[], Controller], calls: list[Call], cut: int, within: int, following: int
) -> bool:
    """Whether one that takes up `cut` calls, and `within` proposals of the last, goes on alike.

    For the rest of that answer, and for the next `following` answers with proposals.
    """
    said = [item for call in calls[:cut] for item in call.said]
    last = calls[cut - 1].made
    missing = last[within:]
    controller, context = begun(make())
    more = controller.restore(said[: len(said) - len(missing)], context)
    if more is None:
        same = all(values_of(ask(controller, c, context)) == values_of(c.made) for c in calls[:cut])
    else:
        same = values_of(more) == values_of(missing)
    for call in calls[cut:]:
        if not same or not following:
            break
        same = values_of(ask(controller, call, context)) == values_of(call.made)
        following -= bool(call.made)
    controller.shutdown(context)
    return same


def cuts_of(calls: list[Call]) -> list[tuple[int, int]]:
    """Every place after which a search may have been cut off, also between two proposals."""
    return [
        (number, within)
        for number, call in enumerate(calls, start=1)
        # The first answer is made without an outcome, and as long as it was.
        for within in ([len(call.made)] if number == 1 else range(len(call.made), -1, -1))
        if within == len(call.made) or call.made
    ]


def learnt(calls: list[Call], cut: int) -> int:
    """How many outcomes a search has heard by then."""
    return sum(call.outcome is not None and not call.update for call in calls[:cut])


@pytest.mark.parametrize("pruner", PRUNERS)
@pytest.mark.parametrize("learner", LEARNERS)
def test_a_search_with_a_pruner_goes_on_as_it_would_have(learner: str, pruner: str) -> None:
    """Cut off where a Gaussian process is fitted beside the engine, and where it is not yet."""
    make = LEARNERS[learner]
    calls = searched(make, PRUNERS[pruner](), 36)
    cuts = [cut for cut in cuts_of(calls) if calls[cut[0] :]]
    # Before anything is proposed that was learnt from the last that was heard.
    late = [cut for cut in cuts if learnt(calls, cut[0]) > 25 and cut[1] == 0]
    assert len(late) > 7
    # The critic goes through all its learning again, which takes a quarter of a second.
    chosen = [cuts[9], *([late[3], *late[-2:]] if learner.startswith("critic") else late)]
    assert [cut for cut in chosen if not goes_on(lambda: make(36), calls, *cut, 1)] == []


@pytest.mark.slow
@pytest.mark.parametrize("pruner", PRUNERS)
@pytest.mark.parametrize("learner", LEARNERS)
def test_it_does_wherever_it_is_cut_off(learner: str, pruner: str) -> None:
    """After each call, and between the proposals of an answer; the critic at a quarter of them."""
    make = LEARNERS[learner]
    calls = searched(make, PRUNERS[pruner](), 60)
    cuts = cuts_of(calls)[:: 4 if learner.startswith("critic") else 1]
    differing = [c for c in cuts if not goes_on(lambda: make(60), calls, *c, 3)]
    assert differing == []


@pytest.mark.slow
@pytest.mark.parametrize("pruner", PRUNERS)
def test_it_does_where_the_method_changes(pruner: str) -> None:
    """`AutoController` goes over to the Parzen estimator at 200 outcomes."""
    make = LEARNERS["auto"]
    calls = searched(make, PRUNERS[pruner](), 240)
    late = [cut for cut in cuts_of(calls) if learnt(calls, cut[0]) > 190]
    assert [cut for cut in late if not goes_on(lambda: make(240), calls, *cut, 3)] == []


@pytest.mark.parametrize("outcomes", [40, MOST + 260])
def test_the_estimator_proposes_by_what_is_expected_now(outcomes: int) -> None:
    """Not by what was expected when it was told, nor by which were worth keeping then.

    Nobody knew what there was to be gained before the last ten, which were trained to the end.
    """
    history, source = History(Encoding(SPACE)), np.random.default_rng(5)
    rows = history.encoding.from_cube(source.random((outcomes, len(SPACE))))
    one = Estimator(history, SPACE, seed=0)
    for number, row in enumerate(rows, start=1):
        ahead = outcomes - number
        trained = int(source.integers(2, 20)) if ahead >= 10 else EPOCHS
        curve = tuple((epoch, source.random() + epoch / EPOCHS) for epoch in (1, trained))
        history.propose(number, history.encoding.values(row))
        history.hear(
            Outcome(
                recommendation_id=number, job_name=f"J{number}", value=curve[-1][1], curve=curve,
                state=JobState.FINISHED if trained == EPOCHS else JobState.PRUNED,
                trained=trained, max_epochs=EPOCHS,
            )
        )  # fmt: skip
        if ahead < 14:
            other = Estimator(history, SPACE, seed=0)
            assert one.propose(number) == other.propose(number)


def test_a_configuration_is_the_same_whatever_its_last_digits_are() -> None:
    """What comes out of a row is what the config holds; -0.0 is 0.0, and a count is all its own."""
    encoding = Encoding(SPACE)
    history = History(encoding)
    own = SPACE.baseline | {SPACE.parameters[0].key: 0.01}
    again = encoding.values(encoding.row(own))
    assert again != own
    history.propose(1, own)
    assert history.knows(again)
    assert not history.knows(own | {SPACE.parameters[0].key: 0.0100001})
    assert mark({"x": -0.0}) == mark({"x": 0.0})
    assert mark({"n": 10**12 + 1}) != mark({"n": 10**12})
    assert mark({"n": 1}) == mark({"n": 1.0})


@pytest.mark.parametrize(
    ("make", "jobs"),
    [
        (lambda: GridController(num=3, initial_points="default"), 3),
        (lambda: ReinforcementController(max_rounds=1, initial_points="default"), 1),
    ],
    ids=["grid", "classic"],
)
def test_the_baseline_is_not_tried_twice(make: Callable[[], Controller], jobs: int) -> None:
    """Where the middle of the range comes out as 0.010000000000000004."""
    entry = {"args": ["x"], "type": "float", "domain": "net", "targets": [1e-4, 1]}
    space = parse({"x": 0.01, "search": [{**entry, "scale": "log"}]})
    controller, context = make(), Context()
    controller.set_search_space(space, context)
    assert len(controller.initial_recommendation(context)) == jobs
    controller.shutdown(context)
