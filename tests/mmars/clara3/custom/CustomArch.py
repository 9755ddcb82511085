"""A network under the name that Clara's example trn_autoML_AMP.json gives to a user's own.

It takes that config's arguments; nothing of it is NVIDIA's. It gives logits, as today's networks
do: `final_activation` is the loss's and the post transforms'.
"""

import torch
from torch import nn


class SegResnet(nn.Module):
    """A small residual encoder and decoder."""

    def __init__(
        self,
        num_classes=2,
        use_vae=False,
        blocks_down="1,1",
        blocks_up="1",
        init_filters=8,
        use_batch_norm=False,
        use_group_norm=False,
        pabloBN=False,  # noqa: N803
        use_group_normG=8,  # noqa: N803
        reg_weight=0.0,
        dropout_prob=0.0,
        final_activation="softmax",
        factor=2,
        skipConnection=True,  # noqa: N803
        leaky_relu_alpha=0.01,
        concat_enc_dec=False,
        blockHas2convs=True,  # noqa: N803
    ):
        super().__init__()
        self.skip = skipConnection
        convolutions = 2 if blockHas2convs else 1

        def norm(channels):
            if use_batch_norm or pabloBN:
                return nn.BatchNorm3d(channels)
            if use_group_norm:
                return nn.GroupNorm(min(use_group_normG, channels), channels)
            return nn.Identity()

        down = [int(word) for word in blocks_down.split(",")]
        up = [int(word) for word in blocks_up.split(",")]
        self.first = nn.Conv3d(1, init_filters, 3, padding=1)
        self.down, self.up = nn.ModuleList(), nn.ModuleList()
        channels = init_filters
        for level, blocks in enumerate(down):
            steps = []
            if level:
                steps.append(nn.Conv3d(channels, channels * factor, 3, stride=2, padding=1))
                channels *= factor
            steps += [Block(channels, convolutions, norm, leaky_relu_alpha) for _ in range(blocks)]
            self.down.append(nn.Sequential(*steps))
        for blocks in up:
            narrow = nn.Conv3d(channels, channels // factor, 1)
            channels //= factor
            steps = [Block(channels, convolutions, norm, leaky_relu_alpha) for _ in range(blocks)]
            self.up.append(nn.ModuleList([narrow, nn.Sequential(*steps)]))
        self.last = nn.Sequential(nn.Dropout3d(dropout_prob), nn.Conv3d(channels, num_classes, 1))

    def forward(self, x):
        x = self.first(x)
        seen = []
        for level in self.down:
            x = level(x)
            seen.append(x)
        seen.pop()
        for narrow, blocks in self.up:
            x = narrow(x)
            beside = seen.pop()
            x = nn.functional.interpolate(x, beside.shape[2:], mode="trilinear")
            x = blocks(x + beside if self.skip else x)
        return self.last(x)


class Block(nn.Module):
    """Convolutions around which the input goes past."""

    def __init__(self, channels, convolutions, norm, alpha):
        super().__init__()
        steps = []
        for _ in range(convolutions):
            steps += [
                norm(channels),
                nn.LeakyReLU(alpha),
                nn.Conv3d(channels, channels, 3, padding=1),
            ]
        self.steps = nn.Sequential(*steps)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + self.steps(x)
