"""A loss that is no number is a failure, and hours of it are hours lost."""

from __future__ import annotations

import math
from typing import Any

from mmar_automl.trainer.faults import Diverged

PATIENCE = 5
"""So many iterations in a row without a finite loss: one or two happen under mixed precision."""
EVERY = 20
"""A GPU is asked only this often, since each answer makes the next step wait for it."""


class LossWatch:
    """Sums the losses of an epoch and raises `Diverged` where they have ceased to be numbers."""

    def __init__(self) -> None:
        self._sum: Any = None
        self._count = 0
        self._seen = 0
        self._run: Any = 0
        self._worst: Any = 0

    def begin_epoch(self) -> None:
        """Forget the sum; a run of bad losses goes on over the end of an epoch."""
        self._sum, self._count = None, 0

    def add(self, engine: Any) -> None:
        """Take the loss of an iteration; for ignite's ITERATION_COMPLETED."""
        output = engine.state.output
        output = output[0] if isinstance(output, list) and output else output
        loss = output.get("loss") if isinstance(output, dict) else None
        if loss is None:
            return
        if hasattr(loss, "detach"):
            loss = loss.detach().mean()
            if loss.device.type == "cpu":
                loss = loss.item()
        self._sum = loss if self._sum is None else self._sum + loss
        self._count += 1
        self._seen += 1
        if isinstance(loss, (int, float)):
            self._run = 0 if math.isfinite(loss) else self._run + 1
            self._worst = self._run
        else:
            self._run = (self._run + 1) * ~loss.isfinite()
            worst = self._worst
            self._worst = self._run if isinstance(worst, int) else self._run.maximum(worst)
            if self._seen % EVERY:
                return
        if int(self._worst) >= PATIENCE:
            epoch, iteration = engine.state.epoch, engine.state.iteration
            raise Diverged(
                f"the training loss is {float(loss)} for {int(self._worst)} iterations in a row "
                f"(epoch {epoch}, iteration {iteration}): the training has diverged; a lower "
                "learning rate, or a look at the data, may help"
            )

    def mean(self) -> float | None:
        """The mean loss of the epoch so far; None where no iteration gave one."""
        return float(self._sum) / self._count if self._count else None
