"""MyController: proposes configurations. Named in config/config_automl.json by its path.

What is written here works: the first jobs are random, each later one is the best so far with one
parameter drawn anew. Put your own strategy into `_next`.
"""

from __future__ import annotations

import math
import random

from mmar_automl.api import Controller
from mmar_automl.defs import Context, Outcome, Parameter, Recommendation, SearchResult, SearchSpace


class MyController(Controller):
    """Random first, then the best so far with one parameter drawn anew.

    The arguments of `__init__` are the `args` in config_automl.json. All calls come from one
    thread. A search that is resumed gives a new object the same outcomes in the same order, so
    use no clock, no files and no chance without a seed.
    """

    def __init__(self, max_jobs: int = 16, initial: int = 4, seed: int = 0) -> None:
        if max_jobs < 1 or initial < 1:
            # Told to the user before any job starts, with exit status 2.
            raise ValueError("max_jobs and initial are at least 1")
        self.max_jobs = max_jobs
        self.initial = initial
        self.seed = seed
        self.random = random.Random(seed)
        self.proposed: dict[int, SearchResult] = {}  # by the recommendation's id
        self.best: tuple[float, SearchResult] | None = None

    def set_search_space(self, space: SearchSpace, ctx: Context) -> None:
        # One Parameter for each entry of the search sections: parameter.key is its unique name,
        # parameter.names what people read, parameter.domain its FloatRange, IntRange or Choices.
        self.space = space

    def initial_recommendation(self, ctx: Context) -> list[Recommendation]:
        # They wait in a queue and start in this order as workers become free.
        return [one for _ in range(self.initial) for one in self._next()]

    def refine_recommendation(self, outcome: Outcome, ctx: Context) -> list[Recommendation]:
        # Called once for each job that ended, in whatever order they end. Higher is always better
        # here; value is None for a job without a score: it crashed, or never validated.
        result = self.proposed[outcome.recommendation_id]
        if outcome.value is not None and (self.best is None or outcome.value > self.best[0]):
            self.best = (outcome.value, result)
            ctx.trace(self, f"the best is now {result.named()}: {outcome.value:g}")
        # Several are fine, none too: the search ends when nothing runs and nothing waits.
        return self._next()

    def describe(self) -> str:
        # Printed when the search starts.
        return f"MyController: {self.max_jobs} jobs at most, seed {self.seed}"

    def _next(self) -> list[Recommendation]:
        """One more configuration, or none if the budget is spent or nothing new is found."""
        if len(self.proposed) >= self.max_jobs:
            return []
        tried = [result.values for result in self.proposed.values()]
        for _ in range(1000):
            values = {parameter.key: self._draw(parameter) for parameter in self.space}
            if self.best is not None:
                changed = self.random.choice(list(values))
                values = {**values, **self.best[1].values, changed: values[changed]}
            # Without what has no effect, so that no configuration is trained twice: a parameter
            # of a component that these values disable, say.
            values = self.space.effective(values)
            if values not in tried:
                result = SearchResult(self.space, values)
                recommendation = Recommendation(len(self.proposed) + 1, result)
                self.proposed[recommendation.id] = result
                return [recommendation]
        return []

    def _draw(self, parameter: Parameter) -> float:
        """A value to propose: a number of a range, the index of a choice."""
        domain = parameter.domain
        if domain.values is not None:  # choices, whole numbers, a float with a step
            return self.random.choice(domain.values)
        if domain.scale == "log":
            drawn = math.exp(self.random.uniform(math.log(domain.min), math.log(domain.max)))
            return min(max(drawn, domain.min), domain.max)
        return self.random.uniform(domain.min, domain.max)
