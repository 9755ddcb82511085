"""Where the controllers with a Gaussian process look next."""

from __future__ import annotations

from typing import Any

import numpy as np

from mmar_automl.controllers.acquisition import worth_measuring
from mmar_automl.controllers.bayesian import BayesianController
from mmar_automl.engine.simulate import Training, simulate
from mmar_automl.search import parse

SQUARE: dict[str, Any] = {
    "search": [
        {"args": ["x"], "type": "float", "domain": "net", "targets": [0, 1]},
        {"args": ["y"], "type": "float", "domain": "net", "targets": [0, 1]},
    ]
}


def cliff(named: dict[str, Any]) -> float:
    """Bad for small x; elsewhere nearly flat, with as much noise as there is to be gained."""
    x, y = named["x"], named["y"]
    noise = np.random.default_rng([int(x * 1e6), int(y * 1e6)]).normal(scale=0.003)
    return float(0.84 - 0.4 * max(0.0, 0.4 - x) - 0.01 * (x - 0.7) ** 2 + noise)


def test_a_flat_top_is_not_measured_in_one_spot() -> None:
    """Where the best scores differ by less than their noise, the budget is not spent on repeats."""
    tried = []
    for seed in range(3):
        found = simulate(
            BayesianController(max_jobs=36, seed=seed),
            parse(SQUARE),
            lambda named: tried.append((named["x"], named["y"])) or Training([cliff(named)]),  # type: ignore[func-returns-value]
            workers=2,
        )
        assert not found.complaints
    repeats = 0
    for seed in range(3):
        own = np.array(tried[36 * seed : 36 * (seed + 1)])
        apart = np.abs(own[:, None] - own[None, :]).max(-1)
        repeats += int((apart[np.triu_indices(36, 1)] < 0.02).sum())
    assert repeats <= 100


def test_a_measurement_is_worth_what_is_not_known_already() -> None:
    """Nothing where the score is known better than a measurement tells it, all where it is not."""
    known, unknown = worth_measuring(np.array([1e-4, 10.0]), 0.01)
    assert known < -10.0
    assert -0.02 < unknown < 0.0
