"""ReinforcementController: Clara's controller, and the same policy with a model."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Literal, Union

from mmar_automl.api import Controller
from mmar_automl.controllers.chains import Chains, combinations
from mmar_automl.controllers.critic import Critic
from mmar_automl.controllers.points import InitialPoints
from mmar_automl.controllers.proposer import MAX_JOBS
from mmar_automl.defs import Choices, Context, Outcome, Recommendation, SearchSpace

MAX_ROUNDS = 8
_MOST_COUNTED = 10_000

Mode = Literal["classic", "critic"]
Enums = Literal["product", "joint", "auto"]


class ReinforcementController(Controller):
    """Reinforcement learning over the ranges, paired with every combination of the enums.

    `mode: classic`, the default, is what Clara's controller of this name does: each combination
    of the enums has a chain of `max_rounds` jobs (8), one at a time, the first at the ranges'
    mean, the others drawn by a policy that learns by REINFORCE; a space of enums alone is its
    product, once. The number of jobs is combinations x `max_rounds`, unless `max_jobs` cuts it.

    `mode: critic` learns from every outcome at once, through a Gaussian process over ranges and
    enums, and runs as many jobs at a time as there are workers. `max_jobs` is 32, or
    combinations x `max_rounds` where that is given. `enum` is `joint` (one policy that chooses the
    enums, too, once each combination had two jobs, where a quarter of them suffices for that),
    `product` (a policy for each combination, in turn), or `auto`: `product` for at most 8
    combinations that the budget has room for.

    `initial_points` come first: `"none"`, `"default"` (the config's own values) or a list of
    `{name: value}`. `sigma_init` and `learning_rate` are those of the classic policy. Raises
    `ValueError` for arguments that do not go together.
    """

    def __init__(
        self,
        max_rounds: int | None = None,
        mode: Mode = "classic",
        enum: Enums | None = None,
        seed: int = 0,
        max_jobs: int | None = None,
        initial_points: InitialPoints = "none",
        sigma_init: float = 1.0,
        learning_rate: float = 0.2,
    ) -> None:
        self._check(max_rounds, mode, enum, max_jobs, sigma_init, learning_rate)
        self._max_rounds = max_rounds
        self._mode, self._seed, self._max_jobs = mode, seed, max_jobs
        self._enum: Enums = enum or ("product" if mode == "classic" else "joint")
        self._initial_points = initial_points
        self._sigma, self._learning_rate = sigma_init, learning_rate
        self._inner: Controller | None = None
        self._jobs = ""

    def _check(
        self,
        max_rounds: int | None,
        mode: str,
        enum: str | None,
        max_jobs: int | None,
        sigma: float,
        learning_rate: float,
    ) -> None:
        if mode not in ("classic", "critic"):
            raise ValueError(f'mode is "classic" or "critic", got {mode!r}')
        if enum not in (None, "product", "joint", "auto"):
            raise ValueError(f'enum is "product", "joint" or "auto", got {enum!r}')
        if mode == "classic" and enum in ("joint", "auto"):
            raise ValueError(f'enum: {enum} needs mode: critic; classic is "product"')
        for name, number in (("max_rounds", max_rounds), ("max_jobs", max_jobs)):
            if number is not None and (isinstance(number, bool) or number < 1):
                raise ValueError(f"{name} is at least 1, got {number!r}")
        for name, size in (("sigma_init", sigma), ("learning_rate", learning_rate)):
            if not size > 0:
                raise ValueError(f"{name} is above 0, got {size!r}")

    def set_search_space(self, space: SearchSpace, ctx: Context) -> None:
        """Count the combinations, and set up the chains or the policy."""
        every = sum(1 for _ in itertools.islice(combinations(space), _MOST_COUNTED))
        rounds = self._max_rounds or MAX_ROUNDS
        floats = any(not isinstance(parameter.domain, Choices) for parameter in space)
        if self._mode == "classic":
            whole = every * (rounds if floats else 1)
            jobs = whole if self._max_jobs is None else min(whole, self._max_jobs)
            said = f"{every}{'+' if every == _MOST_COUNTED else ''}"
            self._jobs = (
                f"{said} combinations x {rounds if floats else 1} rounds, {jobs} jobs at most"
            )
            self._inner = Chains(
                rounds, self._max_jobs, self._seed, self._sigma, self._learning_rate,
                self._initial_points,
            )  # fmt: skip
        else:
            asked = MAX_JOBS if self._max_rounds is None else every * self._max_rounds
            jobs = asked if self._max_jobs is None else self._max_jobs
            fits = every <= 8 and every * rounds <= jobs
            product = self._enum == "product" or (self._enum == "auto" and fits)
            self._jobs = f"{jobs} jobs at most, enums {'product' if product else 'joint'}"
            self._inner = Critic(jobs, self._seed, product, self._initial_points)
        self._inner.set_search_space(space, ctx)

    def initial_recommendation(self, ctx: Context) -> list[Recommendation]:
        """The first job of every chain; or what the policy starts from."""
        return self._begun().initial_recommendation(ctx)

    def refine_recommendation(self, outcome: Outcome, ctx: Context) -> list[Recommendation]:
        """The next job of the chain; or what keeps the workers busy."""
        return self._begun().refine_recommendation(outcome, ctx)

    def update_outcome(self, outcome: Outcome, ctx: Context) -> None:
        """What became of a job that was paused."""
        self._begun().update_outcome(outcome, ctx)

    def restore(
        self, history: Sequence[Union[Recommendation, Outcome]], ctx: Context
    ) -> list[Recommendation] | None:
        """Go through the learning of an interrupted search again."""
        return self._begun().restore(history, ctx)

    def shutdown(self, ctx: Context) -> None:
        """End what runs beside the engine."""
        if self._inner is not None:
            self._inner.shutdown(ctx)

    def describe(self) -> str:
        """The mode, the budget and the seed."""
        jobs = f"{self._jobs}, " if self._jobs else ""
        return f"ReinforcementController: {self._mode}, {jobs}seed {self._seed}"

    def _begun(self) -> Controller:
        assert self._inner is not None
        return self._inner
