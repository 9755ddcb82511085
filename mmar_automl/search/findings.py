"""What is wrong with a config, collected while it is read, to be told all at once."""

from __future__ import annotations

import dataclasses
import difflib
from collections.abc import Iterable
from typing import Any

from mmar_automl.errors import JsonPath, Problem

_COMPARISONS = 20_000
"""So many words are looked at for suggestions, all told: a config with hundreds of errors must not
take minutes, and nobody reads that far."""
_LONG = 100
"""Words beyond this length are no slip of the pen."""


class Findings:
    """A list of problems that knows how many are errors. File and line are added by `validate`."""

    def __init__(self) -> None:
        self.problems: list[Problem] = []
        self.errors = 0
        self._comparisons = _COMPARISONS

    def error(self, path: JsonPath, value: Any, message: str, hint: str = "") -> None:
        """Something that must be mended before a search can start."""
        self.errors += 1
        self.problems.append(
            Problem(severity="error", path=path, value=value, message=message, hint=hint)
        )

    def warning(self, path: JsonPath, value: Any, message: str, hint: str = "") -> None:
        """Something accepted that its author may not have meant."""
        self.problems.append(
            Problem(severity="warning", path=path, value=value, message=message, hint=hint)
        )

    def move(self, start: int, old: JsonPath, new: JsonPath) -> None:
        """Say of the problems from `start` on that they stand at `new` instead of below `old`."""
        for index, problem in enumerate(self.problems[start:], start):
            if problem.path[: len(old)] == old:
                path = (*new, *problem.path[len(old) :])
                self.problems[index] = dataclasses.replace(problem, path=path)

    def nearest(self, word: object, candidates: Iterable[str]) -> str:
        """As the function, until there were too many."""
        if self._comparisons <= 0:
            return ""
        known = list(candidates)
        self._comparisons -= len(known)
        return nearest(word, known)


def nearest(word: object, candidates: Iterable[str]) -> str:
    """`did you mean 'x'?` for the candidate that looks most like `word`, or nothing."""
    if not isinstance(word, str) or len(word) > _LONG:
        return ""
    lowered = {candidate.lower(): candidate for candidate in candidates if len(candidate) <= _LONG}
    close = difflib.get_close_matches(word.lower(), lowered, n=1, cutoff=0.6)
    if not close and len(word) > 2:
        # Renamed args are often cut short or spelt out: prob and probability.
        close = [one for one in lowered if one.startswith(word.lower()[:4]) and len(one) > 2]
    return f"did you mean {lowered[close[0]]!r}?" if close else ""
