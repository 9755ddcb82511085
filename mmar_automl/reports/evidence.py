"""What one training for each configuration can and cannot show: the claims' uncertainty."""

from __future__ import annotations

import json
import math
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from statistics import NormalDist
from typing import Any

from mmar_automl.defs import JobState
from mmar_automl.reports.summary import Report

CLOSE = 0.01
"""Of scores in [0, 1] without a measured spread: what another seed often changes."""
ORIENTATION = (
    "In simulated searches over 32 configurations the winner's score was 0.008 too high on "
    "average where trainings of one configuration scatter by 0.006 (standard deviation), and "
    "0.020 too high where they scatter by 0.012; more jobs make it worse"
)
"""Of 20,000 simulated searches each; docs/how-to/read-the-report.md says how, bench repeats it."""


@dataclass(frozen=True)
class Repeat:
    """A configuration that was trained more than once, with the scores that it got."""

    parameters: Mapping[str, Any]
    scores: tuple[float, ...]


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """What stands behind the winner's score.

    `behind` is by how much the next configuration is worse, `close` how many others are nearer
    to the winner than `margin`. `spread` is the standard deviation within repeated
    configurations; `luck` by how much the best of as many equal configurations would look better
    than they are with that spread.
    """

    jobs: int
    scored: int
    behind: float | None
    margin: float | None
    close: int
    repeats: tuple[Repeat, ...]
    spread: float | None
    luck: float | None


def weigh(report: Report) -> Evidence:
    """The evidence that the jobs of a search give."""
    scored = [(row, row.score) for row in report.scored if row.score is not None]
    by_config: dict[str, list[tuple[Mapping[str, Any], float]]] = defaultdict(list)
    for row, score in scored:
        if row.state is JobState.FINISHED:
            key = json.dumps(dict(row.parameters), sort_keys=True, default=str)
            by_config[key].append((row.parameters, score))
    repeats = tuple(
        Repeat(found[0][0], tuple(score for _, score in found))
        for found in by_config.values()
        if len(found) > 1
    )
    spread = _pooled([repeat.scores for repeat in repeats])
    winner = report.winner
    others = [
        abs(score - winner.score)
        for row, score in scored
        if winner is not None and winner.score is not None and row.parameters != winner.parameters
    ]
    margin = None
    if spread:
        margin = 2 * spread
    elif all(0 <= score <= 1 for _, score in scored):
        margin = CLOSE
    return Evidence(
        jobs=len(report.rows),
        scored=len(scored),
        behind=min(others, default=None),
        margin=margin,
        close=sum(gap < margin for gap in others) if margin is not None else 0,
        repeats=repeats,
        spread=spread,
        luck=None if spread is None else spread * _best_of_normal(len(scored)),
    )


def in_a_line(evidence: Evidence) -> str:
    """The uncertainty in one line, for a terminal."""
    if evidence.scored == 0:
        return ""
    parts = [_optimism(evidence)]
    if evidence.spread is None:
        parts.append("no configuration was trained twice, so the spread is unknown")
    else:
        parts.append(f"trainings of one configuration scatter by {evidence.spread:.4f}")
    if evidence.close:
        others = f"{evidence.close} other{'s' if evidence.close > 1 else ''}"
        parts.append(f"{others} within {evidence.margin:.4g} of it")
    return "uncertainty: " + "; ".join(parts)


def sentences(evidence: Evidence) -> list[str]:
    """The same for a page: what can be claimed, what cannot, and what to do about it."""
    if evidence.scored == 0:
        return ["No job has a score, so nothing can be claimed."]
    lines = [
        f"{evidence.scored} of {evidence.jobs} jobs have a score. {_sentence(_optimism(evidence))}"
    ]
    if evidence.spread is None:
        lines.append(
            "No configuration was trained twice, so this search cannot say how much a score "
            "changes by chance. A difference smaller than that change is no difference."
        )
    else:
        counts = sum(len(repeat.scores) for repeat in evidence.repeats)
        lines.append(
            f"{_configurations(len(evidence.repeats))} trained more than once ({counts} trainings "
            f"in all): their scores scatter by {evidence.spread:.4f} (pooled standard deviation)."
        )
        if evidence.luck:
            lines.append(
                f"If all {evidence.scored} configurations were equally good, the best of them "
                f"would by luck alone look {evidence.luck:.4f} better than it is: an upper bound "
                "of the winner's optimism from this spread."
            )
        elif evidence.spread == 0:
            lines.append(
                "They are equal to the last digit: the seed is fixed, so that a repetition says "
                "nothing about another seed."
            )
    if evidence.behind is not None:
        near = (
            f"; {evidence.close} other configuration{'s are' if evidence.close > 1 else ' is'} "
            f"within {evidence.margin:.4g} of the winner"
            if evidence.close
            else ""
        )
        lines.append(f"The next best configuration is {evidence.behind:.4f} behind{near}.")
    lines.append(f"{ORIENTATION}.")
    lines.append(
        "To claim more: train the best few and the base config again with other seeds or folds, "
        "and report the score on data that took no part in this search."
    )
    return lines


def to_json(evidence: Evidence) -> dict[str, Any]:
    """The evidence for a script."""
    return {
        "jobs": evidence.jobs,
        "scored": evidence.scored,
        "winner_is_optimistic": evidence.scored > 0,
        "behind": evidence.behind,
        "margin": evidence.margin,
        "within_margin": evidence.close,
        "repeated": [
            {"parameters": dict(repeat.parameters), "scores": list(repeat.scores)}
            for repeat in evidence.repeats
        ],
        "spread": evidence.spread,
        "luck": evidence.luck,
        "in_words": in_a_line(evidence),
    }


def _optimism(evidence: Evidence) -> str:
    if evidence.scored == 1:
        return "the score of a single training, chosen on the data that it is measured on"
    return (
        f"the best of {evidence.scored} scores, chosen on the data that it is measured on, "
        "is optimistic"
    )


def _sentence(words: str) -> str:
    return f"{words[0].upper()}{words[1:]}."


def _configurations(number: int) -> str:
    return "One configuration was" if number == 1 else f"{number} configurations were"


def _pooled(groups: list[tuple[float, ...]]) -> float | None:
    """The standard deviation within groups; None where no group has two."""
    freedom = sum(len(scores) - 1 for scores in groups)
    if freedom == 0:
        return None
    squares = 0.0
    for scores in groups:
        mean = math.fsum(scores) / len(scores)
        squares += math.fsum((score - mean) ** 2 for score in scores)
    return math.sqrt(squares / freedom)


def _best_of_normal(number: int) -> float:
    """About the expected greatest of so many standard normal numbers (Blom's approximation)."""
    return NormalDist().inv_cdf((number - 0.375) / (number + 0.25)) if number > 1 else 0.0
