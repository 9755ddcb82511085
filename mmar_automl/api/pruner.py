"""Who cuts: the class that looks at running trainings and ends the hopeless ones early."""

from __future__ import annotations

import abc
from collections.abc import Sequence
from dataclasses import dataclass

from mmar_automl.defs.job import Word


@dataclass(frozen=True, kw_only=True)
class Progress:
    """One validation of a running job. Higher `score` is better; None if it gave no finite number.

    `epoch` counts from 1 and only grows within a job, also where it was paused and goes on.
    `max_epochs` is how long the job may train; None where nobody knows.
    """

    job: str
    recommendation_id: int
    epoch: int
    score: float | None
    max_epochs: int | None = None
    minimised: bool = False
    """Whether `score` is the negative of a metric where less is better: for reasons to be read."""


class Verdict(Word):
    """What is to become of a job that has just reported."""

    GO_ON = "go_on"
    STOP = "stop"
    """It ends as pruned, with its best score so far."""
    PAUSE = "pause"
    """It leaves its worker and keeps its checkpoint; it may be promoted later."""


@dataclass(frozen=True)
class Decision:
    """A verdict on the job that reported, why, and which paused jobs are promoted now.

    A promoted job goes on from its checkpoint as soon as a worker is free, before anything new.
    """

    verdict: Verdict = Verdict.GO_ON
    reason: str = ""
    promote: tuple[str, ...] = ()


GO_ON = Decision()


class Pruner(abc.ABC):
    """Stops or pauses jobs while they train. All calls come from the engine's thread.

    A pruner is a function of what it was told, in that order: no clock, no unseeded chance, no
    files. So a resumed search gives it the same reports again and it stands where it stood; the
    decisions themselves are in the journal and are not made a second time. Subclasses are
    constructed with the `args` of their component in `config_automl.json`.
    """

    @abc.abstractmethod
    def report(self, progress: Progress) -> Decision | None:
        """What to do about a job that has just validated; None is `GO_ON`.

        Not called for a job that is being stopped or paused. A decision on its last epoch is not
        carried out: the job is about to end by itself. Nor is one on a job with the base config's
        own values, the baseline: it trains to its end.
        """

    def ended(self, job: str, score: float | None) -> None:
        """A job will report no more: it ended, well or badly. `score` is its best, None without."""

    def drained(self, paused: Sequence[str]) -> Sequence[str]:
        """Which of these paused jobs go on, now that nothing else runs or waits to run.

        Asked again whenever that is so; once the answer is empty, they all end as pruned.
        """
        return ()

    def describe(self) -> str:
        """One line for the start of a run: what is cut, and when."""
        return type(self).__name__
