"""Which job goes to which worker: in order, to whoever has been idle longest. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from mmar_automl.api import Worker
from mmar_automl.defs import Recommendation


class FifoScheduler:
    """The queue in order; idle workers take turns, as Clara's do."""

    def pick(
        self, queue: Sequence[Recommendation], idle: Sequence[Worker]
    ) -> tuple[Recommendation, Worker] | None:
        """The first in the queue for the worker that has been idle longest."""
        return queue[0], idle[0]
