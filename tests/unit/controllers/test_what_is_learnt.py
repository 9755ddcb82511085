"""That controllers learn from outcomes, from their own ones, and mind what runs: seeds in pairs.

The objective is deterministic and time is virtual; beside each search stands the same one in which
every job has the same score. Margins are wide, so that another library's digits do not matter.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import pytest

from mmar_automl.api import Controller
from mmar_automl.controllers.auto import AutoController
from mmar_automl.controllers.bayesian import BayesianController
from mmar_automl.controllers.cmaes import CmaEsController
from mmar_automl.controllers.critic import Critic, JointPolicy
from mmar_automl.controllers.encoding import Encoding
from mmar_automl.controllers.gp import Shape, Surrogate, standardised
from mmar_automl.controllers.history import History
from mmar_automl.controllers.reinforcement import ReinforcementController
from mmar_automl.controllers.tpe import TPEController
from mmar_automl.defs import Context, ContextKey, JobState, Outcome, Recommendation
from mmar_automl.engine.simulate import Training, simulate
from mmar_automl.search import parse


def number(name: str) -> dict[str, Any]:
    return {"args": [name], "type": "float", "domain": "net", "targets": [0, 1]}


KIND = {"args": ["kind"], "type": "enum", "domain": "net", "targets": [["a"], ["b"]]}
TWO = parse({"search": [number("x"), number("y"), KIND]})
PLANE = parse({"search": [number("x"), number("y")]})
LINE = parse({"search": [number("x")]})
BOTTOM = {"a": (0.15, 0.8), "b": (0.85, 0.3)}

Make = Callable[[int], Controller]
CLASSIC: Make = lambda seed: ReinforcementController(max_rounds=60, seed=seed)  # noqa: E731
JOINT: Make = lambda seed: ReinforcementController(  # noqa: E731
    mode="critic", max_jobs=30, seed=seed
)
PRODUCT: Make = lambda seed: ReinforcementController(  # noqa: E731
    mode="critic", enum="product", max_jobs=30, seed=seed
)


def away(parameters: Mapping[str, Any]) -> float:
    """How far a job is from the best one of its kind."""
    x, y = BOTTOM[parameters["kind"]]
    return float(np.hypot(parameters["x"] - x, parameters["y"] - y))


def training(learnable: bool) -> Callable[[Mapping[str, Any]], Training]:
    """Two bowls, one for each kind, b the better one; jobs end in another order than they start."""

    def train(parameters: Mapping[str, Any]) -> Training:
        score = -away(parameters) - (0.3 if parameters["kind"] == "a" else 0.0)
        seconds = 1.0 + 3.0 * ((7.3 * parameters["x"] + 3.1 * parameters["y"]) % 1.0)
        return Training([score if learnable else 0.5], seconds)

    return train


def last_third(make: Make, seed: int, learnable: bool) -> float:
    """The median distance from the best of the last third of the jobs."""
    jobs = simulate(make(seed), TWO, training(learnable), workers=4).jobs
    return float(np.median([away(job.parameters) for job in jobs[-len(jobs) // 3 :]]))


@pytest.mark.parametrize(
    ("make", "most"),
    [
        pytest.param(lambda seed: AutoController(max_jobs=30, seed=seed), 0.25, id="auto"),
        pytest.param(lambda seed: BayesianController(max_jobs=30, seed=seed), 0.25, id="bayes"),
        pytest.param(lambda seed: TPEController(max_jobs=60, seed=seed), 0.6, id="tpe"),
        pytest.param(lambda seed: CmaEsController(max_jobs=300, seed=seed), 0.4, id="cma"),
        pytest.param(CLASSIC, 0.5, id="classic"),
        pytest.param(JOINT, 0.25, id="joint"),
        pytest.param(PRODUCT, 0.25, id="product"),
    ],
)
def test_what_is_proposed_late_is_nearer_to_the_best_than_without_scores(
    make: Make, most: float
) -> None:
    """A learning step that does nothing is as good as no scores, one in the wrong direction worse,
    and scores of other jobs are hardly better. Both chains of the classic one have a best of their
    own."""
    learnt = [last_third(make, seed, learnable=True) for seed in range(3)]
    blind = [last_third(make, seed, learnable=False) for seed in range(3)]
    assert np.mean(learnt) < most * np.mean(blind)


def inner(controller: Controller) -> Critic:
    assert isinstance(controller, ReinforcementController)
    assert isinstance(controller._inner, Critic)
    return controller._inner


def test_the_policy_of_a_critic_has_moved_to_what_was_good() -> None:
    """Not only what it acts on: its mean, its spread and its choice of kind are those of the best
    kind."""
    made = [JOINT(seed) for seed in range(3)]
    for controller in made:
        simulate(controller, TWO, training(True), workers=4)
    policies = [inner(controller)._policies[0] for controller in made]
    means = np.median([policy.mean[:2] for policy in policies], axis=0)
    assert np.hypot(*(means - BOTTOM["b"])) < 0.15
    assert np.median([policy.variance[:2].max() for policy in policies]) < 0.2**2
    assert np.median([policy.chances[2][1] for policy in policies]) > 0.8


def test_each_policy_of_a_product_has_moved_to_its_own_best() -> None:
    """One for each kind; what is good for the other is learnt apart."""
    made = [PRODUCT(seed) for seed in range(3)]
    for controller in made:
        simulate(controller, TWO, training(True), workers=4)
    for place, kind in enumerate("ab"):
        means = [inner(controller)._policies[place].mean[:2] for controller in made]
        assert np.hypot(*(np.median(means, axis=0) - BOTTOM[kind])) < 0.2


def test_a_policy_moves_towards_what_its_critic_expects() -> None:
    """And not past it: after a few steps it stays there, with the spread that it is allowed."""
    encoding, source = Encoding(TWO), np.random.default_rng(0)
    rows = encoding.from_cube(source.random((40, 3)))
    kinds = np.where(rows[:, 2] == 1, "b", "a")
    scores = [-away({"x": r[0], "y": r[1], "kind": k}) for r, k in zip(rows, kinds, strict=True)]
    better = np.array(scores) - 0.3 * (kinds == "a")
    model = Surrogate(rows, standardised(better), encoding.enums, Shape.prior(encoding.enums))
    policy = JointPolicy(encoding)
    for _ in range(6):
        policy.improve(model, 0.1, source)
    assert np.hypot(*(policy.mean[:2] - BOTTOM["b"])) < 0.15
    assert policy.chances[2][1] > 0.9
    assert np.sqrt(policy.variance[:2]).max() < 0.2


def test_a_critic_acts_on_what_it_draws_from_its_process() -> None:
    """Its proposals are among what it expects most of its policy's own actions."""
    ranks = []
    for seed in range(3):
        controller, context = JOINT(seed), workers(1)
        controller.set_search_space(TWO, context)
        critic = inner(controller)
        queue = controller.initial_recommendation(context)
        for step in range(16):
            job = queue.pop(0)
            score = training(True)(job.result.named()).scores[0]
            queue += controller.refine_recommendation(heard(job, score), context)
            if step >= 8:
                assert critic._model is not None
                source = np.random.default_rng((seed, step))
                others = critic._policies[0].sample(200, source)
                row = critic._encoding.row(queue[-1].result.values)
                expected = critic._model.posterior(np.vstack([row, others]))[0]
                ranks.append(np.mean(expected[0] > expected[1:]))
        controller.shutdown(context)
    assert np.mean(ranks) > 0.75


def workers(count: int) -> Context:
    context = Context()
    context.set_prop(ContextKey.NUM_WORKERS, count)
    return context


def heard(job: Recommendation, score: float | None) -> Outcome:
    return Outcome(
        recommendation_id=job.id, job_name=f"J{job.id}", state=JobState.FINISHED, value=score
    )


def at_once(make: Make, seed: int, space: Any, after: int) -> tuple[Controller, np.ndarray]:
    """Eight proposals in one answer, after some jobs one by one, as rows."""
    controller, encoding = make(seed), Encoding(space)

    def score(job: Recommendation) -> float:
        row = encoding.row(job.result.values)
        return float(np.sin(9.0 * row[0]) - 0.2 * (row**2).sum() + np.cos(7.0 * row[-1]))

    controller.set_search_space(space, workers(1))
    queue = controller.initial_recommendation(workers(1))
    for _ in range(after):
        job = queue.pop(0)
        queue += controller.refine_recommendation(heard(job, score(job)), workers(1))
    job = queue.pop(0)
    made = controller.refine_recommendation(heard(job, score(job)), workers(len(queue) + 8))
    assert len(made) == 8
    controller.shutdown(workers(1))
    return controller, np.array([encoding.row(item.result.values) for item in made])


def spread(rows: np.ndarray) -> float:
    return float(np.linalg.norm(rows - np.median(rows, axis=0), axis=1).mean())


@pytest.mark.parametrize(
    ("make", "space", "after"),
    [
        pytest.param(lambda seed: AutoController(seed=seed), PLANE, 5, id="auto"),
        pytest.param(lambda seed: BayesianController(seed=seed), PLANE, 5, id="bayes"),
        pytest.param(lambda seed: TPEController(max_jobs=40, seed=seed), LINE, 12, id="tpe"),
    ],
)
def test_what_is_proposed_at_once_is_spread(make: Make, space: Any, after: int) -> None:
    """Jobs that run count as if they had ended; else all eight would be the same but for the
    digits."""
    found = [spread(at_once(make, seed, space, after)[1]) for seed in range(5)]
    assert np.mean(found) > 0.08


def test_the_critic_takes_what_runs_as_if_it_had_ended() -> None:
    """Its process holds the rows of the jobs under way, and is not curious about them."""
    controller, rows = at_once(JOINT, 0, PLANE, 8)
    critic = inner(controller)
    model = critic._expectation.model()
    assert model is not None
    assert len(model.rows) == len(critic._history.entries)
    assert {tuple(row) for row in rows} <= {tuple(row) for row in model.rows}
    elsewhere = Encoding(PLANE).from_cube(np.random.default_rng(0).random((200, 2)))
    assert np.max(model.posterior(rows)[1]) < np.max(model.posterior(elsewhere)[1])


@pytest.mark.parametrize("order", [[1, 2, 3, 4], [4, 2, 1, 3]])
def test_an_outcome_is_its_own_recommendations(order: Sequence[int]) -> None:
    """In whichever order jobs end, each row has the score of its job."""
    history = History(Encoding(LINE))
    (key,) = (parameter.key for parameter in LINE)
    for place in (1, 2, 3, 4):
        history.propose(place, {key: place / 8})
    for place in order:
        history.hear(
            Outcome(
                recommendation_id=place, job_name="J", state=JobState.FINISHED, value=float(place)
            )
        )
        waiting = [entry.row[0] for entry in history.pending]
        assert waiting == [n / 8 for n in (1, 2, 3, 4) if n not in order[: order.index(place) + 1]]
    rows, scores = history.data()
    assert (8 * rows[:, 0]).tolist() == scores.tolist() == [float(place) for place in order]
