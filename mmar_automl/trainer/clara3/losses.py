"""A loss as a score: the less it is, the better."""

from __future__ import annotations

from typing import Any

from torch import nn


class Negative(nn.Module):
    """A loss with its sign turned, so that more is better."""

    def __init__(self, loss: nn.Module) -> None:
        super().__init__()
        self.loss = loss

    def forward(self, *args: Any) -> Any:
        return -self.loss(*args)
