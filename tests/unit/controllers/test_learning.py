"""What the controllers that learn do with outcomes, pending jobs, failures and interruptions."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from typing import Any, Union

import numpy as np
import pytest

from mmar_automl.api import Controller
from mmar_automl.controllers.auto import AutoController
from mmar_automl.controllers.bayesian import BayesianController
from mmar_automl.controllers.chains import combinations
from mmar_automl.controllers.cmaes import CmaEsController
from mmar_automl.controllers.encoding import Encoding
from mmar_automl.controllers.history import History
from mmar_automl.controllers.policy import GaussianPolicy
from mmar_automl.controllers.reinforcement import ReinforcementController
from mmar_automl.controllers.tpe import Estimator, TPEController
from mmar_automl.defs import (
    Context,
    ContextKey,
    FailureClass,
    JobState,
    Outcome,
    Recommendation,
    SearchSpace,
)
from mmar_automl.search import parse

RANGES: dict[str, Any] = {
    "lr": 0.001,
    "search": [
        {"args": ["lr"], "type": "float", "domain": "lr", "scale": "log", "targets": [1e-5, 1e-1]},
        {"args": ["x"], "type": "float", "domain": "net", "targets": [0, 1]},
        {"args": ["kind"], "type": "enum", "domain": "net", "targets": [["a"], ["b"], [None]]},
    ],
}
MIXED: dict[str, Any] = {
    "search": [
        {"args": ["flag"], "type": "enum", "domain": "net",
         "targets": [[False], [True], [0], [1], [1.0]]},
    ]
}  # fmt: skip
SWITCHED: dict[str, Any] = {
    "search": [
        {"args": ["kind"], "type": "enum", "domain": "net", "targets": [["a"], ["b"]]},
        {"args": ["x"], "type": "float", "domain": "net", "targets": [0, 1],
         "when": {"kind": ["a"]}},
        {"args": ["n"], "type": "int", "domain": "net", "targets": [1, 9],
         "when": {"kind": ["b"]}},
        {"args": ["y"], "type": "float", "domain": "net", "targets": [0, 1]},
    ]
}  # fmt: skip
LEARNERS: list[Callable[[], Controller]] = [
    lambda: AutoController(max_jobs=30, seed=1),
    lambda: BayesianController(max_jobs=40, seed=1),
    lambda: TPEController(max_jobs=30, seed=1),
    lambda: CmaEsController(max_jobs=30, seed=1),
    lambda: ReinforcementController(max_rounds=9, seed=1),
    lambda: ReinforcementController(mode="critic", max_jobs=30, seed=1),
]


def score(space: SearchSpace, recommendation: Recommendation) -> float:
    """A smooth bowl with its bottom inside, a little better for one choice."""
    named = recommendation.result.named()
    value = -((np.log10(named.get("lr", 1e-3)) + 2.5) ** 2) / 4 - (named.get("x", 0.5) - 0.7) ** 2
    return float(value + (0.2 if named.get("kind") == "b" else 0.0) - 0.01 * named.get("y", 0.0))


def ended(recommendation: Recommendation, value: float | None, **given: Any) -> Outcome:
    return Outcome(
        recommendation_id=recommendation.id,
        job_name=f"J{recommendation.id}",
        state=given.pop("state", JobState.FINISHED),
        value=value,
        **given,
    )


def workers(number: int) -> Context:
    context = Context()
    context.set_prop(ContextKey.NUM_WORKERS, number)
    return context


def drive(
    controller: Controller,
    space: SearchSpace,
    context: Context,
    queue: list[Recommendation],
    most: int,
) -> tuple[list[Union[Recommendation, Outcome]], list[Recommendation]]:
    """Run jobs until `most` have ended, the latest of those that run first: what was said, and
    what still runs."""
    said: list[Union[Recommendation, Outcome]] = [*queue]
    count = context.get_prop(ContextKey.NUM_WORKERS)
    for _ in range(most):
        if not queue:
            break
        job = queue.pop(min(count, len(queue)) - 1)
        outcome = ended(job, score(space, job))
        said.append(outcome)
        more = controller.refine_recommendation(outcome, context)
        said += more
        queue += more
    return said, queue


def values_of(items: Sequence[Union[Recommendation, Outcome]]) -> list[dict[str, Any]]:
    return [dict(item.result.values) for item in items if isinstance(item, Recommendation)]


@pytest.mark.parametrize("make", LEARNERS, ids=lambda make: make().describe())
@pytest.mark.parametrize("config", [RANGES, SWITCHED], ids=["ranges", "switched"])
def test_a_search_that_is_restored_goes_on_as_it_would_have(
    make: Callable[[], Controller], config: Any
) -> None:
    """With three jobs under way at the interruption: the same proposals, to the last digit."""
    space, context = parse(config), workers(3)
    whole = make()
    whole.set_search_space(space, context)
    said, running = drive(whole, space, context, whole.initial_recommendation(context), 14)
    again = make()
    again.set_search_space(space, context)
    more = again.restore(said, context)
    if more is None:
        first = [item for item in said if isinstance(item, Recommendation)]
        opening = again.initial_recommendation(context)
        assert opening == first[: len(opening)]
        for item in said:
            if isinstance(item, Outcome):
                again.refine_recommendation(item, context)
    else:
        assert more == []
    going_on, _ = drive(whole, space, context, list(running), 10)
    restored, _ = drive(again, space, context, list(running), 10)
    assert values_of(going_on) == values_of(restored)
    for controller in (whole, again):
        controller.shutdown(context)


@pytest.mark.parametrize("make", LEARNERS, ids=lambda make: make().describe())
def test_every_worker_has_work(make: Callable[[], Controller]) -> None:
    """Twelve at once where there are twelve workers, then one for each that ends."""
    space, context = parse(RANGES), workers(12)
    controller = make()
    controller.set_search_space(space, context)
    queue = controller.initial_recommendation(context)
    chains = "classic" in controller.describe()
    assert len(queue) == (3 if chains else 12)
    for _ in range(10):
        job = queue.pop(0)
        queue += controller.refine_recommendation(ended(job, score(space, job)), context)
        assert len(queue) == (3 if chains else 12)
    controller.shutdown(context)


@pytest.mark.parametrize("make", LEARNERS, ids=lambda make: make().describe())
def test_a_search_in_which_everything_fails_goes_on(make: Callable[[], Controller]) -> None:
    """No score at all, ever, is no reason to raise."""
    space, context = parse(RANGES), workers(2)
    controller = make()
    controller.set_search_space(space, context)
    queue = controller.initial_recommendation(context)
    classes = [None, *FailureClass]
    for number in range(27):
        job = queue.pop(0)
        failure = classes[number % len(classes)]
        state = JobState.FAILED if failure else JobState.FINISHED_NO_SCORE
        queue += controller.refine_recommendation(
            ended(job, None, state=state, failure=failure), context
        )
    controller.shutdown(context)


def test_failures_count_by_their_class() -> None:
    """Memory that ran out is a fact about a configuration, a lost machine is none."""
    space = parse(RANGES)
    history = History(Encoding(space))
    points = Encoding(space).from_cube(np.random.default_rng(0).random((4, 3)))
    for number, row in enumerate(points, start=1):
        history.propose(number, history.encoding.values(row))

    def hear(number: int, value: float | None, **given: Any) -> None:
        history.hear(
            Outcome(recommendation_id=number, job_name="J", value=value,
                    **({"state": JobState.FAILED} | given))
        )  # fmt: skip

    hear(1, 0.5, state=JobState.FINISHED)
    hear(2, 0.8, state=JobState.FINISHED)
    hear(3, None, failure=FailureClass.OUT_OF_MEMORY)
    hear(4, None, failure=FailureClass.LOST)
    rows, scores = history.data()
    assert rows.shape == (3, 3)
    assert scores.tolist() == pytest.approx([0.5, 0.8, 0.47])
    assert not history.pending
    hear(4, 0.9, state=JobState.FINISHED)
    assert history.best == 0.9


def test_the_estimator_takes_choices_apart_that_python_takes_for_one() -> None:
    """false, true, 0, 1 and 1.0 are five choices; as categories of Optuna's they would be two."""
    space, context = parse(MIXED), workers(1)
    controller = TPEController(max_jobs=10)
    controller.set_search_space(space, context)
    said, _ = drive(controller, space, context, controller.initial_recommendation(context), 10)
    assert sorted(next(iter(values.values())) for values in values_of(said)) == [0, 1, 2, 3, 4]


def test_the_estimator_hears_of_failures() -> None:
    """The better x is, the nearer to where everything fails: it stays on this side, where Optuna's
    FAIL would be ignored."""
    space = parse(RANGES)
    kept = 0
    for seed in range(4):
        history = History(Encoding(space))
        source = np.random.default_rng(seed)
        for number in range(1, 41):
            row = history.encoding.from_cube(source.random((1, 3)))[0]
            history.propose(number, history.encoding.values(row))
            ok = row[1] < 0.5
            history.hear(
                Outcome(
                    recommendation_id=number,
                    job_name="J",
                    state=JobState.FINISHED if ok else JobState.FAILED,
                    failure=None if ok else FailureClass.OUT_OF_MEMORY,
                    value=float(row[1]) if ok else None,
                )
            )
        estimator = Estimator(history, space, seed=seed)
        proposed = [estimator.propose(100 + number) for number in range(12)]
        rows = [history.encoding.row(values) for values in proposed if values is not None]
        kept += sum(row[1] < 0.5 for row in rows)
    assert kept > 20


def test_no_torch_in_the_search_process() -> None:
    """Optuna's own Gaussian process would import it."""
    import subprocess

    code = (
        "from mmar_automl.app.builtins import BUILTINS, resolve\n"
        "import sys\n"
        "for name in BUILTINS['controller']: resolve('controller', name)()\n"
        "from mmar_automl.controllers.tpe import Estimator\n"
        "import optuna\n"
        "assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_chains_start_at_the_mean_and_pair_it_with_every_combination() -> None:
    """Clara's slide: for each combination the floats' mean first; the first enum varies fastest."""
    space, context = parse(RANGES), workers(1)
    controller = ReinforcementController(max_rounds=3)
    controller.set_search_space(space, context)
    first = controller.initial_recommendation(context)
    assert [item.result.named()["kind"] for item in first] == ["a", "b", None]
    assert all(item.result.named()["x"] == pytest.approx(0.5) for item in first)
    assert all(item.result.named()["lr"] == pytest.approx(1e-3) for item in first)
    assert "3 combinations x 3 rounds, 9 jobs at most" in controller.describe()
    said, _ = drive(controller, space, context, list(first), 100)
    assert len(values_of(said)) == 9


def test_enums_alone_are_their_product_once() -> None:
    """Three binary enums are eight jobs, whatever `max_rounds` says."""
    entry = {"type": "enum", "domain": "net", "targets": [[0], [1]]}
    space = parse({"search": [{**entry, "args": [name]} for name in "abc"]})
    controller = ReinforcementController(max_rounds=8)
    controller.set_search_space(space, workers(4))
    first = controller.initial_recommendation(workers(4))
    cells = [tuple(item.result.named().values()) for item in first]
    assert cells[:3] == [(0, 0, 0), (1, 0, 0), (0, 1, 0)]
    assert len(set(cells)) == 8
    assert controller.refine_recommendation(ended(first[0], 0.5), workers(4)) == []


def test_combinations_are_of_what_is_active() -> None:
    """An enum under a switch that is off is no combination of its own."""
    space = parse(
        {
            "search": [
                {"args": ["kind"], "type": "enum", "domain": "net", "targets": [["a"], ["b"]]},
                {"args": ["sub"], "type": "enum", "domain": "net", "targets": [[1], [2]],
                 "when": {"kind": ["b"]}},
                {"args": ["n"], "type": "int", "domain": "net", "targets": [0, 8], "step": 2},
            ]
        }
    )  # fmt: skip
    assert len(list(combinations(space))) == 3


def test_a_policy_moves_towards_what_was_rewarded() -> None:
    """A hundred steps of REINFORCE on a bowl end near its bottom."""
    source = np.random.default_rng(0)
    policy = GaussianPolicy(1)
    for _ in range(150):
        action = policy.act(source)
        policy.learn(action, -abs(float(action[0]) - 1.0))
    assert abs(policy.theta[0] - 1.0) < 0.4
    assert np.exp(policy.log_sigma[0]) < 0.9


@pytest.mark.parametrize(
    ("args", "told"),
    [
        ({"mode": "fast"}, "mode"),
        ({"enum": "joint"}, "critic"),
        ({"max_rounds": 0}, "at least 1"),
        ({"sigma_init": 0.0}, "above 0"),
    ],
)
def test_arguments_that_do_not_go_together_are_refused(args: dict[str, Any], told: str) -> None:
    """With the argument's name."""
    with pytest.raises(ValueError, match=told):
        ReinforcementController(**args)


def test_auto_enumerates_a_small_space_and_says_so() -> None:
    """Three configurations and thirty-two jobs: all three, and no more."""
    space, context = parse({"search": RANGES["search"][2:]}), workers(1)
    lines = []
    context.connect(on_trace=lambda who, said, _aloud: lines.append(f"{who}: {said}"))
    controller = AutoController()
    controller.set_search_space(space, context)
    assert "all 3 configurations" in controller.describe()
    first = controller.initial_recommendation(context)
    assert len(first) == 3
    assert lines == ["AutoController: all 3 configurations of the space are proposed"]


def test_the_configs_own_values_come_first() -> None:
    """As far as the space has them: x and kind are not in the config."""
    space, context = parse(RANGES), workers(1)
    controller = AutoController()
    controller.set_search_space(space, context)
    assert controller.initial_recommendation(context)[0].result.named() == {
        "lr": 0.001,
        "x": 0.5,
        "kind": "a",
    }


def test_a_failure_is_never_the_best_of_its_generation() -> None:
    """Also where it came first, and where all scores are below 0, as those of a loss are."""
    space = parse({"search": RANGES["search"][:2]})
    controller, context = CmaEsController(max_jobs=40, seed=1, population_size=4), workers(1)
    controller.set_search_space(space, context)
    queue = list(controller.initial_recommendation(context))
    told: list[list[float]] = []
    tell = controller._optimizer.tell
    controller._optimizer.tell = lambda found: (
        told.append([loss for _, loss in found]),
        tell(found),
    )
    oom = {"state": JobState.FAILED, "failure": FailureClass.OUT_OF_MEMORY}
    # More than one generation: a repetition's stand-in is none of those that were asked for.
    for number in range(12):
        value = -0.1 * number if told or number else None
        given: dict[str, Any] = oom if value is None else {}
        queue += controller.refine_recommendation(ended(queue.pop(0), value, **given), context)
    assert told[0][0] == max(told[0])


def test_a_failure_is_worse_than_the_only_score() -> None:
    """There is no spread to measure it by then."""
    space = parse({"search": RANGES["search"][:2]})
    history = History(Encoding(space))
    for number, row in enumerate(Encoding(space).from_cube(np.eye(2)), start=1):
        history.propose(number, history.encoding.values(row))
    for number, value in ((1, None), (2, 0.8)):
        entry = history.hear(
            Outcome(recommendation_id=number, job_name="J", value=value,
                    state=JobState.FINISHED if value else JobState.FINISHED_NO_SCORE)
        )  # fmt: skip
        assert entry is not None
        assert history.reward(entry) == value
    assert history.data()[1].tolist() == pytest.approx([0.72, 0.8])


def test_a_critic_that_is_not_trusted_draws_from_its_policy() -> None:
    """Scores of noise alone: it does not go for the lower end of the first range."""
    entries = [{"args": [n], "type": "float", "domain": "net", "targets": [0, 1]} for n in "abc"]
    space, context = parse({"search": entries}), workers(1)
    controller = ReinforcementController(mode="critic", max_jobs=60, seed=3)
    controller.set_search_space(space, context)
    source = np.random.default_rng(7)
    queue, first = list(controller.initial_recommendation(context)), []
    while queue:
        recommendation = queue.pop(0)
        first.append(float(next(iter(recommendation.result.values.values()))))
        queue += controller.refine_recommendation(
            ended(recommendation, float(source.normal())), context
        )
    controller.shutdown(context)
    assert np.median(first) > 0.2
