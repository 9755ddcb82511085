"""Losses of Clara 3.x that MONAI has otherwise."""

from __future__ import annotations

from typing import Any

import torch
from monai.losses import FocalLoss
from monai.networks.utils import one_hot
from torch import nn


class Focal(nn.Module):
    """Focal loss of logits: a sigmoid for each class as MONAI has it, or a softmax over all.

    MONAI's softmax comes after the background was left out: of two classes one remains, whose
    softmax is 1, and the loss is 0 whatever the network says. Here it is left out afterwards.
    """

    def __init__(
        self,
        include_background: bool = True,
        to_onehot_y: bool = False,
        gamma: float = 2.0,
        softmax: bool = False,
    ) -> None:
        super().__init__()
        self.include_background = include_background
        self.to_onehot_y = to_onehot_y
        self.gamma = gamma
        self.sigmoid = None if softmax else FocalLoss(
            include_background=include_background, to_onehot_y=to_onehot_y, gamma=gamma
        )  # fmt: skip

    def forward(self, logits: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
        if self.sigmoid is not None:
            return self.sigmoid(logits, target)
        if self.to_onehot_y:
            target = one_hot(target, num_classes=logits.shape[1])
        logs = logits.float().log_softmax(1)
        focal = -((1 - logs.exp()) ** self.gamma) * logs * target
        return (focal if self.include_background else focal[:, 1:]).mean()


class Negative(nn.Module):
    """A loss with its sign turned, so that more is better."""

    def __init__(self, loss: nn.Module) -> None:
        super().__init__()
        self.loss = loss

    def forward(self, *args: Any) -> Any:
        return -self.loss(*args)


class Penalised(nn.Module):
    """A loss and, while the network trains, a part of the `penalty` that the network has left.

    The network is no part of the loss: its weights must not turn up here a second time.
    """

    def __init__(self, loss: nn.Module, network: nn.Module, weight: float = 0.1) -> None:
        super().__init__()
        self.loss = loss
        self.weight = weight
        self._network = (network,)

    def forward(self, *args: Any) -> Any:
        loss = self.loss(*args)
        (network,) = self._network
        return loss + self.weight * network.penalty if network.training else loss
