"""MONAI's networks with Clara's group norm: never more groups than there are channels."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch
from monai.networks import nets
from torch import nn

NORMS = ("group", "batch", "instance")


class SegResnet(nets.SegResNet):
    """MONAI's SegResNet; `norm` is a word, and `groups` the most that group norm may use."""

    def __init__(
        self,
        spatial_dims: int = 3,
        in_channels: int = 1,
        out_channels: int = 2,
        init_filters: int = 8,
        blocks_down: Sequence[int] = (1, 2, 2, 4),
        blocks_up: Sequence[int] = (1, 1, 1),
        dropout_prob: float | None = None,
        norm: str = "group",
        groups: int = 8,
    ) -> None:
        super().__init__(
            spatial_dims=spatial_dims,
            in_channels=in_channels,
            out_channels=out_channels,
            init_filters=init_filters,
            blocks_down=tuple(blocks_down),
            blocks_up=tuple(blocks_up),
            dropout_prob=dropout_prob,
            norm=_norm(norm),
        )
        fit_groups(self, groups)


class SegResnetVae(nets.SegResNetVAE):
    """MONAI's SegResNetVAE for crops of `input_image_size`; it gives the logits alone.

    The loss of its second branch, which only a training has, is left in `penalty`.
    """

    penalty: torch.Tensor | float = 0.0

    def __init__(
        self,
        input_image_size: Sequence[int],
        spatial_dims: int = 3,
        in_channels: int = 1,
        out_channels: int = 2,
        init_filters: int = 8,
        blocks_down: Sequence[int] = (1, 2, 2, 4),
        blocks_up: Sequence[int] = (1, 1, 1),
        dropout_prob: float | None = None,
        norm: str = "group",
        groups: int = 8,
    ) -> None:
        super().__init__(
            input_image_size=list(input_image_size),
            spatial_dims=spatial_dims,
            in_channels=in_channels,
            out_channels=out_channels,
            init_filters=init_filters,
            blocks_down=tuple(blocks_down),
            blocks_up=tuple(blocks_up),
            dropout_prob=dropout_prob,
            norm=_norm(norm),
        )
        # Only an estimated deviation uses it, and several GPUs would wait for its gradient.
        self.vae_fc2.requires_grad_(False)
        fit_groups(self, groups)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        logits, penalty = super().forward(x)
        self.penalty = 0.0 if penalty is None else penalty
        return logits


class Unet(nets.UNet):
    """MONAI's UNet, each level half the size of the one above; `norm` and `groups` as above."""

    def __init__(
        self,
        spatial_dims: int = 3,
        in_channels: int = 1,
        out_channels: int = 2,
        channels: Sequence[int] = (32, 64, 64, 64),
        norm: str = "batch",
        groups: int = 8,
    ) -> None:
        super().__init__(
            spatial_dims=spatial_dims,
            in_channels=in_channels,
            out_channels=out_channels,
            channels=tuple(channels),
            strides=(2,) * (len(channels) - 1),
            norm=_norm(norm),
        )
        fit_groups(self, groups)


def fit_groups(network: nn.Module, groups: int) -> None:
    """Give every group norm of a network `groups` groups, or as many as it has channels.

    Where the channels cannot be shared out evenly: the largest number that divides both. Weights
    do not depend on the number of groups, so that it may be set after they were drawn.
    """
    for module in network.modules():
        if isinstance(module, nn.GroupNorm):
            channels = module.num_channels
            module.num_groups = math.gcd(min(groups, channels), channels)


def _norm(word: str) -> Any:
    """MONAI's words for a norm; one group fits every layer, until `fit_groups` has seen it."""
    if word not in NORMS:
        raise ValueError(f"norm is {', '.join(NORMS)}, not {word!r}")
    return ("group", {"num_groups": 1}) if word == "group" else word
