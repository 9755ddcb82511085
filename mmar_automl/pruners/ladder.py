"""A ladder of rungs: at each, the best of those who came so far go on, the others wait. Pure.

Asynchronous successive halving (Li et al., MLSys 2020): nobody waits for a rung to be full; a job
that waits goes on later, when enough others have turned out worse, or when a rung has turned out
to tell less than it seemed to.
"""

from __future__ import annotations

import bisect
import itertools
import math
from collections.abc import Iterator, Sequence
from operator import itemgetter

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
        self._order: dict[int, list[tuple[float, int, str]]] = {}
        self._later: dict[int, dict[str, tuple[float, float]]] = {}
        self._lost: dict[int, list[float]] = {}
        self._waiting: dict[str, int] = {}
        self._climbed: dict[str, int] = {}

    def report(self, progress: Progress, curve: Curve, first: int) -> Decision:
        """The decision on a job at the highest rung that it has just come to."""
        job, top = progress.job, 0
        self._learn(progress, curve)
        for rung in self._ahead(progress, first):
            # Rungs that it came to before there were any count with what it had there.
            self._place(rung, job, curve.on_reaching(rung))
            self._climbed[job] = top = rung
        if not top:
            return GO_ON
        best = self._best(top)
        promoted = tuple(name for name in best if self._waiting.get(name) == top)
        for name in promoted:
            del self._waiting[name]
        if job in best:
            return Decision(promote=promoted)
        if self._pause:
            self._waiting[job] = top
        verdict = Verdict.PAUSE if self._pause else Verdict.STOP
        return Decision(verdict, self._why(progress, top, best), promoted)

    def _place(self, rung: int, job: str, score: float) -> None:
        """Note a job on a rung; those with a score are kept in order, the earlier one on a tie."""
        there = self._rungs.setdefault(rung, {})
        if score > NEVER:
            bisect.insort(self._order.setdefault(rung, []), (-score, len(there), job))
        there[job] = score

    def _why(self, progress: Progress, top: int, best: list[str]) -> str:
        if not best:
            return f"no score by epoch {top}"
        own = self._rungs[top][progress.job]
        bar = self._rungs[top][best[-1]]
        return (
            f"{said(own, progress)} is not among the best "
            f"{len(best)} of {len(self._rungs[top])} at epoch {top}, which have "
            f"{said(bar, progress)} or better"
        )

    def drained(self, paused: Sequence[str]) -> list[str]:
        """Which of the paused jobs go on though nobody comes to their rung any more.

        What a rung tells is learnt when a job has left it, so that they may be among its best.
        """
        best = {rung: self._best(rung) for rung in self._rungs}
        found = [name for name in paused if name in best.get(self._waiting.get(name, 0), [])]
        for name in found:
            del self._waiting[name]
        return found

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
        """Note what became of leads at a job's last rung, once it has come to the next or its end.

        Its end is its last validation, which need not be in its last epoch.
        """
        job, below = progress.job, self._climbed.get(progress.job)
        if below is None:
            return
        others = self._later.setdefault(below, {})
        before, after = self._rungs[below][job], curve.best
        come = curve.reached(below * self._eta) or curve.ends(progress.max_epochs)
        if not come or before == NEVER or job in others:
            return
        for once, later in itertools.islice(reversed(others.values()), LATEST):
            if (once - before) * (later - after) < 0.0:
                bisect.insort(self._lost.setdefault(below, []), abs(once - before))
        others[job] = before, after

    def _best(self, rung: int) -> list[str]:
        """Who goes on from a rung, the best first; nobody without a score."""
        ranked = self._order.get(rung, [])
        number = max(1, len(self._rungs[rung]) // self._eta)
        doubt = self._doubt(rung)
        if doubt and number < len(ranked):
            number = bisect.bisect_right(ranked, ranked[number - 1][0] + doubt, key=itemgetter(0))
        return [name for _, _, name in ranked[:number]]

    def _doubt(self, rung: int) -> float:
        """How far behind a job may be at a rung without being behind for certain."""
        lost = self._lost.get(rung)
        return lost[math.ceil(LEADS * len(lost)) - 1] if lost else 0.0
