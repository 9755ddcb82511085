"""One controller, or one peer, against one problem, a job at a time."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, Protocol

import numpy as np
from offline.problems import Problem

from mmar_automl.api import Controller
from mmar_automl.defs import (
    Choices,
    Context,
    IntRange,
    JobState,
    Outcome,
    Recommendation,
    SearchSpace,
    Value,
)


class Player(Protocol):
    """What a contest needs of a competitor."""

    def ask(self) -> dict[str, Value]: ...
    def tell(self, score: float) -> None: ...


class Ours:
    """A controller of ours behind ask and tell."""

    def __init__(self, controller: Controller, space: SearchSpace) -> None:
        self._controller = controller
        self._context = Context()
        controller.set_search_space(space, self._context)
        self._queue: list[Recommendation] = []
        self._begun = False
        self._outcome: Outcome | None = None

    def ask(self) -> dict[str, Value]:
        if not self._begun:
            self._begun = True
            self._queue += self._controller.initial_recommendation(self._context)
        elif self._outcome is not None:
            self._queue += self._controller.refine_recommendation(self._outcome, self._context)
        self._current = self._queue.pop(0)
        return dict(self._current.result.values)

    def tell(self, score: float) -> None:
        self._outcome = Outcome(
            recommendation_id=self._current.id,
            job_name=f"J{self._current.id}",
            state=JobState.FINISHED,
            value=score,
        )


class Peer:
    """A sampler of Optuna by ask and tell, as its documentation shows it."""

    def __init__(self, make: Callable[[Any], Any], space: SearchSpace) -> None:
        import optuna

        optuna.logging.set_verbosity(optuna.logging.ERROR)
        self._study = optuna.create_study(direction="maximize", sampler=make(optuna.samplers))
        self._space = space
        self._distributions: dict[str, Any] = {}
        of = optuna.distributions
        for parameter in space:
            domain = parameter.domain
            if isinstance(domain, Choices):
                texts = [str(option[0]) for option in domain.options]
                self._distributions[parameter.key] = of.CategoricalDistribution(texts)
            elif isinstance(domain, IntRange):
                log = domain.scale == "log"
                self._distributions[parameter.key] = of.IntDistribution(domain.min, domain.max, log)
            else:
                log = domain.scale == "log"
                self._distributions[parameter.key] = of.FloatDistribution(
                    domain.min, domain.max, log
                )

    def ask(self) -> dict[str, Value]:
        self._trial = self._study.ask(self._distributions)
        values = dict(self._trial.params)
        for key, distribution in self._distributions.items():
            if hasattr(distribution, "choices"):
                values[key] = distribution.choices.index(values[key])
        return values

    def tell(self, score: float) -> None:
        self._study.tell(self._trial, score)


def contest(player: Player, problem: Problem, seed: int, jobs: int) -> dict[str, Any]:
    """The true score of the incumbent after each job, and the seconds of each proposal.

    The incumbent is the configuration with the best observed score; the noise of the n-th
    observation is the same for every player.
    """
    observed, true = -np.inf, -np.inf
    trace, seconds = [], []
    for number in range(jobs):
        begun = time.process_time()
        values = player.ask()
        seconds.append(time.process_time() - begun)
        score = problem.observe(values, np.random.default_rng((seed, number)))
        begun = time.process_time()
        player.tell(score)
        seconds[-1] += time.process_time() - begun
        if score > observed:
            observed, true = score, problem.true(values)
        trace.append(true)
    return {"trace": trace, "seconds": seconds}
