"""MedianPruner: whoever is below the median of the others is stopped."""

from __future__ import annotations

import statistics

from mmar_automl.api import GO_ON, Decision, Progress, Pruner, Verdict
from mmar_automl.pruners.curves import Curves, Grace, at_least, said


class MedianPruner(Pruner):
    """The median stopping rule of Golovin et al., Google Vizier, KDD 2017.

    A job is stopped at a validation if its best score so far is below the median of what the
    others had at the same epoch. Never in its first `grace` epochs (by default until the first
    job's fourth validation, and a ninth of its epochs, the same for all jobs), and not before
    `jobs` others have come so far. Raises `ValueError`.
    """

    def __init__(self, jobs: int = 4, grace: int | None = None) -> None:
        at_least("jobs", jobs, 1)
        self._jobs = jobs
        self._grace = Grace(grace)
        self._curves = Curves()

    def report(self, progress: Progress) -> Decision:
        """Stop below the median."""
        curve = self._curves.add(progress)
        own = curve.best
        grace = self._grace.after(curve, progress)
        if grace is None or progress.epoch < grace:
            return GO_ON
        others = self._curves.others(progress.job, progress.epoch)
        if len(others) < self._jobs:
            return GO_ON
        median = statistics.median(others)
        if own >= median:
            return GO_ON
        return Decision(
            Verdict.STOP,
            f"{said(own, progress)} is worse than {said(median, progress)}, "
            f"the median of {len(others)} others "
            f"at epoch {progress.epoch}",
        )

    def describe(self) -> str:
        """The grace and how many have to be compared with."""
        return f"MedianPruner: stops below the median of {self._jobs} or more, after {self._grace}"
