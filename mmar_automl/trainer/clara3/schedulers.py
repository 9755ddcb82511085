"""Learning rate policies of Clara 3.x without a counterpart in torch."""

from __future__ import annotations

import math

from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler


class ReduceCosine(LRScheduler):
    """`lr · rate · (1 + cos(π · epoch / total_epochs))`: half a cosine wave, down to nothing.

    With the rate 0.5 it is torch's CosineAnnealingLR. Past the last epoch it stays at the end.
    """

    def __init__(
        self, optimizer: Optimizer, total_epochs: int, rate: float = 0.5, last_epoch: int = -1
    ) -> None:
        self.total_epochs = total_epochs
        self.rate = rate
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[float]:
        done = min(self.last_epoch / max(1, self.total_epochs), 1.0)
        factor = self.rate * (1 + math.cos(math.pi * done))
        return [lr * factor for lr in self.base_lrs]
