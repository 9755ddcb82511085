"""TPEController: Optuna's tree-structured Parzen estimator, by ask and tell."""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Iterator
from typing import Any

from mmar_automl.controllers.encoding import Axis
from mmar_automl.controllers.history import Entry, History
from mmar_automl.controllers.points import InitialPoints
from mmar_automl.controllers.proposer import Proposer
from mmar_automl.controllers.sobol import Spread
from mmar_automl.defs import Parameter, SearchSpace, Value

DESIGN = 10
"""Quasi-random configurations before the estimator has anything to go by."""
RENEWED_EVERY = 250
"""After so many outcomes the study is made anew."""
MOST = 750
"""Of more outcomes a new study holds the best and some of the rest."""
BEST = 100
"""The estimator itself takes 25 at most for good."""
_TRIES = 5


class Estimator:
    """An Optuna study that says what the journal says: made from the history, never kept.

    Optuna hears the index of a choice as text, since its own choices take 1 for true; a failure as
    pruned, since it is deaf to failed trials; and running jobs as running trials, which its
    constant liar keeps away from. Numbers are in [0, 1], or the number of a cell.
    """

    def __init__(self, history: History, space: SearchSpace, seed: int) -> None:
        import optuna

        self._optuna = optuna
        self._history = history
        self._space = space
        self._seed = seed
        self._axes = dict(zip((p.key for p in space), history.encoding.axes, strict=True))
        self._places = {parameter.key: place for place, parameter in enumerate(space)}
        switches = {parameter.key for parameter in space.switches}
        self._order = [*space.switches, *(p for p in space if p.key not in switches)]
        self._study: Any = None
        self._base = -1
        self._revisions = 0
        self._told = 0

    def propose(self, number: int) -> dict[str, Value] | None:
        """The next configuration that was not proposed before, or None after a few tries."""
        with self._quiet():
            study = self._up_to_date()
            study.sampler = self._sampler(number)
            passing = [self._trial(entry, "RUNNING") for entry in self._history.pending]
            first = len(study.get_trials(deepcopy=False))
            study.add_trials(passing)
            try:
                for _ in range(_TRIES):
                    values = self._suggested(study.ask())
                    if not self._history.knows(values):
                        return values
                return None
            finally:
                # Only what has ended stays: what runs is said anew each time.
                for passed in range(first, len(study.get_trials(deepcopy=False))):
                    study.tell(passed, state=self._optuna.trial.TrialState.FAIL)

    def _up_to_date(self) -> Any:
        """The study with every outcome in it."""
        entries = self._history.observed
        base = len(entries) // RENEWED_EVERY * RENEWED_EVERY
        if base != self._base or self._revisions != self._history.revisions:
            self._revisions = self._history.revisions
            self._study = self._optuna.create_study(
                direction="maximize", pruner=self._optuna.pruners.NopPruner()
            )
            self._study.add_trials([self._trial(entry) for entry in _kept(entries[:base])])
            self._base = self._told = base
        self._study.add_trials([self._trial(entry) for entry in entries[self._told :]])
        self._told = len(entries)
        return self._study

    def _sampler(self, number: int) -> Any:
        return self._optuna.samplers.TPESampler(
            n_startup_trials=1,
            multivariate=True,
            group=self._history.encoding.conditional,
            constant_liar=True,
            seed=(self._seed * 1_000_003 + number) % 2**32,
        )

    def _trial(self, entry: Entry, state: str = "") -> Any:
        of = self._optuna.distributions
        parameters, distributions = {}, {}
        for key in entry.values:
            parameters[key] = _said(self._axes[key], float(entry.row[self._places[key]]))
            distributions[key] = _distribution(of, self._axes[key])
        states = self._optuna.trial.TrialState
        score = self._history.expected(entry)
        ended = states.PRUNED if score is None else states.COMPLETE
        return self._optuna.trial.create_trial(
            state=states[state] if state else ended,
            value=None if state else score,
            params=parameters,
            distributions=distributions,
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


def _kept(entries: list[Entry]) -> list[Entry]:
    """At most `MOST` of the entries, in order: the best, and an even sample of the others."""
    if len(entries) <= MOST:
        return entries
    order = sorted(
        range(len(entries)),
        key=lambda place: -float("inf") if (s := entries[place].score) is None else s,
        reverse=True,
    )
    others = sorted(order[BEST:])
    wanted = MOST - BEST
    sampled = [others[step * len(others) // wanted] for step in range(wanted)]
    return [entries[place] for place in sorted([*order[:BEST], *sampled])]


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
