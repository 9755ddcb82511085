"""Who goes next: the choice of the next job for an idle worker."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from mmar_automl.defs import Recommendation


@dataclass(frozen=True)
class Worker:
    """A place for one job at a time: a name (`W1`) and the GPUs that a job gets (none for CPU)."""

    name: str
    gpus: tuple[int, ...] = ()

    def gpu_list_string(self) -> str:
        """Clara's form: `0,1`."""
        return ",".join(str(gpu) for gpu in self.gpus)


class Scheduler(Protocol):
    """A pure choice, made in the scheduler's thread whenever a worker is idle and a job waits."""

    def pick(
        self, queue: Sequence[Recommendation], idle: Sequence[Worker]
    ) -> tuple[Recommendation, Worker] | None:
        """One pair to start now, or None to wait.

        `queue` is in the order proposed, `idle` longest idle first; both are non-empty.
        """
