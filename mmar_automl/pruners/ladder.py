"""A ladder of rungs: at each, the best of those who came so far go on, the others wait. Pure.

Asynchronous successive halving (Li et al., MLSys 2020): nobody waits for a rung to be full; a job
that waits goes on later, when enough others have turned out worse, or when a rung has turned out
to tell less than it seemed to.
"""

from __future__ import annotations

import bisect
import math
from collections.abc import Iterator

from mmar_automl.api import GO_ON, Decision, Progress, Verdict
from mmar_automl.pruners.curves import NEVER, Curve, said

LEADS = 0.9
"""The quantile of the lost leads that a job may be behind."""
LATEST = 64
"""As many jobs as have last come from one rung to the next are looked at for lost leads."""


class Ladder:
    """Rungs at `first`, `first * eta`, `first * eta**2`, … epochs, as far as a job trains.

    The best 1/`eta` of a rung go on, at least one, and with them whoever is so close behind that
    the order may still turn: no further than nine in ten of the leads at this rung that other jobs
    have lost by the next. A large network starts slowly and ends high; without this the fast
    starters of a search would take all places. Where curves do not cross it is the plain rule.
    (Soft ranking as in PASHA, Bohdal et al., ICLR 2023, §4.2, for rungs instead of the number of
    epochs.) `pause`: the others wait, else they stop.
    """

    def __init__(self, eta: int, pause: bool) -> None:
        self._eta = eta
        self._pause = pause
        self._rungs: dict[int, dict[str, float]] = {}
        self._later: dict[int, list[tuple[float, float]]] = {}
        self._lost: dict[int, list[float]] = {}
        self._waiting: dict[str, int] = {}
        self._climbed: dict[str, int] = {}

    def report(self, progress: Progress, curve: Curve, first: int) -> Decision:
        """The decision on a job at the highest rung that it has just come to."""
        job, top = progress.job, 0
        self._learn(progress, curve)
        for rung in self._ahead(progress, first):
            # Rungs that it came to before there were any count with what it had there.
            self._rungs.setdefault(rung, {})[job] = curve.on_reaching(rung)
            self._climbed[job] = top = rung
        if not top:
            return GO_ON
        promoted = tuple(name for name in self._best(top) if self._waiting.get(name) == top)
        for name in promoted:
            del self._waiting[name]
        if job in self._best(top):
            return Decision(promote=promoted)
        if self._pause:
            self._waiting[job] = top
        verdict = Verdict.PAUSE if self._pause else Verdict.STOP
        return Decision(verdict, self._why(progress, top), promoted)

    def _why(self, progress: Progress, top: int) -> str:
        best = self._best(top)
        if not best:
            return f"no score by epoch {top}"
        own = self._rungs[top][progress.job]
        bar = min(self._rungs[top][name] for name in best)
        return (
            f"{said(own, progress)} is not among the best "
            f"{len(best)} of {len(self._rungs[top])} at epoch {top}, which have "
            f"{said(bar, progress)} or better"
        )

    def ended(self, job: str) -> None:
        """A job does not go on, whatever it was waiting for."""
        self._waiting.pop(job, None)

    def _ahead(self, progress: Progress, first: int) -> Iterator[int]:
        """The rungs that the job has come to since it was last looked at."""
        rung = first
        most = progress.max_epochs
        while rung <= progress.epoch and (most is None or rung < most):
            if rung > self._climbed.get(progress.job, 0):
                yield rung
            rung *= self._eta

    def _learn(self, progress: Progress, curve: Curve) -> None:
        """Note what became of leads at the job's last rung, once it has come to the next."""
        below = self._climbed.get(progress.job)
        if below is None:
            return
        most = progress.max_epochs
        if not curve.arrives(below * self._eta if most is None else min(below * self._eta, most)):
            return
        before, after = self._rungs[below][progress.job], curve.best
        if before == NEVER:
            return
        others = self._later.setdefault(below, [])
        for once, later in others[-LATEST:]:
            if (once - before) * (later - after) < 0.0:
                bisect.insort(self._lost.setdefault(below, []), abs(once - before))
        others.append((before, after))

    def _best(self, rung: int) -> list[str]:
        """Who goes on from a rung, the earlier one on a tie; nobody without a score."""
        there = self._rungs[rung]
        ranked = sorted((name for name in there if there[name] > NEVER), key=lambda n: -there[n])
        number = max(1, len(there) // self._eta)
        if len(ranked) <= number:
            return ranked
        bar = there[ranked[number - 1]] - self._doubt(rung)
        return ranked[:number] + [name for name in ranked[number:] if there[name] >= bar]

    def _doubt(self, rung: int) -> float:
        """How far behind a job may be at a rung without being behind for certain."""
        lost = self._lost.get(rung)
        return lost[math.ceil(LEADS * len(lost)) - 1] if lost else 0.0
