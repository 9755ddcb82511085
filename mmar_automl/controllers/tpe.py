"""TPEController: Optuna's tree-structured Parzen estimator, by ask and tell."""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np

from mmar_automl.controllers.encoding import Axis
from mmar_automl.controllers.history import Entry, History
from mmar_automl.controllers.points import InitialPoints
from mmar_automl.controllers.proposer import Proposer
from mmar_automl.controllers.sobol import Spread
from mmar_automl.defs import Parameter, SearchSpace, Value

DESIGN = 10
"""Quasi-random configurations before the estimator has anything to go by."""
RENEWED_EVERY = 250
"""After so many outcomes the sample of them is drawn anew."""
MOST = 750
"""Of more outcomes a study holds the best and some of the rest."""
BEST = 100
"""The estimator itself takes 25 at most for good."""
_TRIES = 5


class Estimator:
    """An Optuna study that says what the history says, made anew for each proposal.

    So the proposal is a function of the history and the seed, also where the expected score of a
    job that was cut short changes with every curve. Optuna hears the index of a choice as text,
    since its own choices take 1 for true; a failure as pruned, since it is deaf to failed trials;
    and running jobs as running trials, which its constant liar keeps away from. Numbers are in
    [0, 1], or the number of a cell.
    """

    def __init__(self, history: History, space: SearchSpace, seed: int) -> None:
        import optuna

        from mmar_automl.controllers.told import ToldTrials

        self._optuna = optuna
        self._storage = ToldTrials
        self._history = history
        self._space = space
        self._seed = seed
        axes = dict(zip((p.key for p in space), history.encoding.axes, strict=True))
        self._axes = axes
        self._distributions = {
            key: _distribution(optuna.distributions, axis) for key, axis in axes.items()
        }
        self._places = {parameter.key: place for place, parameter in enumerate(space)}
        switches = {parameter.key for parameter in space.switches}
        self._order = [*space.switches, *(p for p in space if p.key not in switches)]
        self._trials: dict[int, Any] = {}
        self._sample: list[int] = []
        self._sampled = -1, 0

    def propose(self, number: int) -> dict[str, Value] | None:
        """The next configuration that was not proposed before, or None after a few tries."""
        with self._quiet():
            sampler = self._sampler(number)
            told = [*self._ended(), *map(self._running, self._history.pending)]
            for _ in range(_TRIES):
                for place, trial in enumerate(told, start=1):
                    trial.number = place
                study = self._optuna.create_study(
                    storage=self._storage(told),
                    sampler=sampler,
                    pruner=self._optuna.pruners.NopPruner(),
                    direction="maximize",
                )
                values = self._suggested(study.ask())
                if not self._history.knows(values):
                    return values
                told.append(self._running(Entry(values, self._history.encoding.row(values))))
            return None

    def _ended(self) -> list[Any]:
        """A trial for each outcome, or for a sample of them."""
        observed = self._history.observed
        base = len(observed) // RENEWED_EVERY * RENEWED_EVERY
        if base <= MOST:
            return [self._trial(place, observed[place]) for place in range(len(observed))]
        # What ended since does not change it, but what is expected of those that were cut does.
        version = base, self._history.version[1]
        if version != self._sampled:
            self._sample = _kept([self._history.expected(entry) for entry in observed[:base]])
            self._sampled = version
        places = [*self._sample, *range(base, len(observed))]
        return [self._trial(place, observed[place]) for place in places]

    def _trial(self, place: int, entry: Entry) -> Any:
        """The trial of an outcome: its configuration stands, its score may be another one now."""
        states = self._optuna.trial.TrialState
        trial = self._trials.get(place)
        if trial is None:
            trial = self._trials[place] = self._running(entry)
        trial.value = self._history.expected(entry)
        trial.state = states.PRUNED if trial.value is None else states.COMPLETE
        return trial

    def _running(self, entry: Entry) -> Any:
        return self._optuna.trial.create_trial(
            state=self._optuna.trial.TrialState.RUNNING,
            params={
                key: _said(self._axes[key], float(entry.row[self._places[key]]))
                for key in entry.values
            },
            distributions={key: self._distributions[key] for key in entry.values},
        )

    def _sampler(self, number: int) -> Any:
        return self._optuna.samplers.TPESampler(
            n_startup_trials=1,
            multivariate=True,
            group=self._history.encoding.conditional,
            constant_liar=True,
            seed=(self._seed * 1_000_003 + number) % 2**32,
        )

    def _suggested(self, trial: Any) -> dict[str, Value]:
        values: dict[str, Value] = {}
        for parameter in self._order:
            if self._space.holds(parameter.active, values):
                values[parameter.key] = self._suggest(trial, parameter)
        return self._space.effective(values)

    def _suggest(self, trial: Any, parameter: Parameter) -> Value:
        axis, key = self._axes[parameter.key], parameter.key
        if axis.enum:
            return int(trial.suggest_categorical(key, [str(n) for n in range(axis.cells)]))
        if axis.cells:
            return axis.decode((trial.suggest_int(key, 0, axis.cells - 1) + 0.5) / axis.cells)
        return axis.decode(trial.suggest_float(key, 0.0, 1.0))

    @contextlib.contextmanager
    def _quiet(self) -> Iterator[None]:
        """Without Optuna's log lines and its warnings of experimental options."""
        level = self._optuna.logging.get_verbosity()
        self._optuna.logging.set_verbosity(self._optuna.logging.ERROR)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", self._optuna.exceptions.ExperimentalWarning)
                yield
        finally:
            self._optuna.logging.set_verbosity(level)


def _kept(scores: list[float | None]) -> list[int]:
    """The places of `MOST` of the scores, in order: the best, and an even sample of the others."""
    ranked = np.array([-np.inf if score is None else score for score in scores])
    order = np.argsort(-ranked, kind="stable").tolist()
    others = sorted(order[BEST:])
    wanted = MOST - BEST
    sampled = [others[step * len(others) // wanted] for step in range(wanted)]
    return sorted([*order[:BEST], *sampled])


def _said(axis: Axis, x: float) -> Any:
    if axis.enum:
        return str(max(0, round(x)))
    return min(int(x * axis.cells), axis.cells - 1) if axis.cells else x


def _distribution(of: Any, axis: Axis) -> Any:
    if axis.enum:
        return of.CategoricalDistribution([str(number) for number in range(axis.cells)])
    if axis.cells:
        return of.IntDistribution(0, axis.cells - 1)
    return of.FloatDistribution(0.0, 1.0)


class TPEController(Proposer):
    """The tree-structured Parzen estimator (Bergstra et al., NeurIPS 2011; Watanabe, 2023).

    Multivariate, as of Optuna 5; it follows conditions, and stays fast for thousands of jobs.
    A quasi-random design of ten configurations comes first.
    """

    def __init__(
        self, max_jobs: int | None = None, seed: int = 0, initial_points: InitialPoints = "none"
    ) -> None:
        super().__init__(max_jobs, seed, initial_points)
        self.ahead = DESIGN

    def _begin(self) -> None:
        self._spread = Spread(self._encoding, self._seed)
        self._estimator = Estimator(self._history, self._space, self._seed)

    def _next(self, number: int) -> dict[str, Value] | None:
        if number < DESIGN:
            return self._spread.point(number)
        return self._estimator.propose(number)

    def describe(self) -> str:
        """The budget and the seed."""
        return f"TPEController: Parzen estimator, {self._budget()}"
