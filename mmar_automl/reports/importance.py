"""Which parameters moved the score: functional ANOVA by Optuna, on the jobs of a search.

A conditional parameter is weighed among the jobs in which it had an effect, beside those that all
of these jobs have. The whole is repeated on jobs drawn with replacement, which shows how much of
it a few jobs can overturn.
"""

from __future__ import annotations

import random
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mmar_automl.reports.axes import Axis

FEWEST = 10
"""Jobs with a score below which nothing is computed; also for a conditional parameter."""
PER_PARAMETER = 2
"""So many jobs for each parameter at least."""
ROUGH = 50
"""Below so many jobs the result is called rough."""
DRAWS = 6
MOST = 128
"""Jobs in a draw: the time that a forest takes grows with their square."""
_GROUPS = 4
"""So many sets of conditional parameters are weighed, the ones with most jobs first."""


@dataclass(frozen=True)
class Share:
    """How much of the score's variance a parameter accounts for, on average over the draws, and
    the least and the greatest of them; among `jobs` jobs."""

    name: str
    share: float
    least: float
    greatest: float
    jobs: int


@dataclass(frozen=True)
class Importance:
    """The shares, greatest first, and what is to be said of them; no shares where there are too
    few jobs."""

    shares: tuple[Share, ...]
    note: str


def weigh(axes: Sequence[Axis], scores: Mapping[str, float]) -> Importance:
    """The importance of each axis for `scores` (by job)."""
    varied = [axis for axis in axes if _varies_among(axis, scores)]
    needed = max(FEWEST, PER_PARAMETER * len(varied))
    if not varied:
        return Importance((), "No parameter differs between jobs that have a score.")
    if len(scores) < needed:
        return Importance(
            (),
            f"Too few jobs for it: {len(scores)} that were trained to the end have a score; with "
            f"{_count(len(varied))} it takes {needed} at least.",
        )
    if len(set(scores.values())) < 2:
        return Importance((), "All scores are equal: no parameter moved them.")
    shares = [share for group in _groups(varied, scores) for share in _shares(*group, scores)]
    left = [axis.name for axis in varied if axis.name not in {share.name for share in shares}]
    notes = []
    if len(scores) < ROUGH:
        notes.append(f"Rough, since it rests on {len(scores)} jobs.")
    if left:
        notes.append(f"Active in too few jobs to be weighed: {', '.join(left)}.")
    ordered = sorted(shares, key=lambda share: -share.share)
    return Importance(tuple(ordered), " ".join(notes))


def _count(parameters: int) -> str:
    return f"{parameters} parameter{'' if parameters == 1 else 's'}"


def _varies_among(axis: Axis, jobs: Mapping[str, float]) -> bool:
    return len({value for job, value in axis.values.items() if job in jobs}) > 1


def _groups(
    axes: Sequence[Axis], scores: Mapping[str, float]
) -> list[tuple[list[Axis], list[Axis], list[str]]]:
    """The axes that are active in the same jobs: (they, all that these jobs have, the jobs)."""
    active = {axis.name: frozenset(axis.values).intersection(scores) for axis in axes}
    found = []
    for jobs in sorted(set(active.values()), key=lambda jobs: (-len(jobs), sorted(jobs))):
        own = [axis for axis in axes if active[axis.name] == jobs]
        beside = [
            axis
            for axis in axes
            if active[axis.name] >= jobs and _varies_among(axis, dict.fromkeys(jobs, 0.0))
        ]
        if len(jobs) >= max(FEWEST, PER_PARAMETER * len(beside)) and own:
            found.append((own, beside, sorted(jobs)))
    return found[:_GROUPS]


def _shares(
    own: Sequence[Axis], axes: Sequence[Axis], jobs: Sequence[str], scores: Mapping[str, float]
) -> list[Share]:
    chance = random.Random(0)
    draws = []
    for _ in range(DRAWS):
        drawn = chance.choices(jobs, k=min(len(jobs), MOST))
        if len({scores[job] for job in drawn}) > 1:
            draws.append(_anova(axes, drawn, scores))
    if not draws:
        return []
    shares = []
    for axis in own:
        found = [draw.get(axis.name, 0.0) for draw in draws]
        shares.append(Share(axis.name, sum(found) / len(found), min(found), max(found), len(jobs)))
    return shares


def _anova(
    axes: Sequence[Axis], jobs: Sequence[str], scores: Mapping[str, float]
) -> dict[str, float]:
    """One functional ANOVA; a parameter in which the drawn jobs do not differ has no share."""
    import optuna
    from optuna.importance import FanovaImportanceEvaluator, get_param_importances

    level = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            study = optuna.create_study(direction="maximize")
            # Names may be of any kind; positions are not.
            spaces = {str(place): _distribution(axis) for place, axis in enumerate(axes)}
            study.add_trials(
                [
                    optuna.trial.create_trial(
                        params={str(place): _value(axis, job) for place, axis in enumerate(axes)},
                        distributions=spaces,
                        value=scores[job],
                    )
                    for job in jobs
                ]
            )
            evaluator = FanovaImportanceEvaluator(n_trees=12, max_depth=6, seed=0)
            found = get_param_importances(study, evaluator=evaluator)
    finally:
        optuna.logging.set_verbosity(level)
    return {axes[int(place)].name: float(share) for place, share in found.items()}


def _distribution(axis: Axis) -> Any:
    from optuna.distributions import CategoricalDistribution, FloatDistribution

    if axis.choices:
        return CategoricalDistribution(list(range(len(axis.choices))))
    low = min(axis.low, *axis.values.values()) if axis.values else axis.low
    high = max(axis.high, *axis.values.values()) if axis.values else axis.high
    return FloatDistribution(low, high, log=axis.log)


def _value(axis: Axis, job: str) -> float | int:
    return int(axis.values[job]) if axis.choices else float(axis.values[job])
