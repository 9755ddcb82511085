"""Transforms of Clara 3.x without a counterpart in MONAI, on dictionaries of channel-first data."""

from __future__ import annotations

import math
import operator
from collections.abc import Hashable, Mapping, Sequence
from typing import Any

import torch
from monai.config import KeysCollection
from monai.data import MetaTensor
from monai.transforms import (
    Compose,
    MapTransform,
    RandAffined,
    RandCropByPosNegLabeld,
    RandGaussianNoised,
    RandomizableTrait,
    RandomizableTransform,
    SpatialPadd,
)
from monai.utils import convert_to_tensor, fall_back_tuple


class RandScaleShiftIntensityd(RandomizableTransform, MapTransform):
    """`v · (1 + s) + o`, with `s` from [−scale, scale] and `o` from [−shift, shift].

    Both are drawn once for a case, evenly, and used for all `keys` and voxels. With the
    probability 1 − `prob` nothing is changed.
    """

    def __init__(
        self,
        keys: KeysCollection,
        scale: float = 0.1,
        shift: float = 0.1,
        prob: float = 1.0,
        allow_missing_keys: bool = False,
    ) -> None:
        MapTransform.__init__(self, keys, allow_missing_keys)
        RandomizableTransform.__init__(self, prob)
        self.scale = float(scale)
        self.shift = float(shift)
        self._factor, self._offset = 1.0, 0.0

    def randomize(self, data: Any = None) -> None:
        super().randomize(None)
        # Drawn in any case, so that what comes after draws the same whether it is used or not.
        self._factor = 1.0 + self.R.uniform(-self.scale, self.scale)
        self._offset = self.R.uniform(-self.shift, self.shift)

    def __call__(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        made = dict(data)
        self.randomize()
        for key in self.key_iterator(made):
            image = convert_to_tensor(made[key], track_meta=True)
            if self._do_transform:
                # In one pass, and on the bare tensor: MetaTensor would look at the metadata twice.
                plain = image.as_tensor()
                plain = plain if plain.is_floating_point() else plain.float()
                offset = torch.tensor(self._offset, dtype=plain.dtype, device=plain.device)
                changed = torch.add(offset, plain, alpha=self._factor)
                image = MetaTensor(
                    changed, meta=image.meta, applied_operations=image.applied_operations
                )
            made[key] = image
        return made


class RandVarianceNoised(RandGaussianNoised):
    """Gaussian noise, given by its variance; MONAI's is given by its standard deviation.

    MONAI by default draws the deviation, too; here the noise always has the variance asked for.
    """

    def __init__(
        self,
        keys: KeysCollection,
        prob: float = 0.5,
        variance: float = 0.1,
        allow_missing_keys: bool = False,
    ) -> None:
        super().__init__(
            keys, prob, 0.0, math.sqrt(variance), allow_missing_keys=allow_missing_keys,
            sample_std=False,
        )  # fmt: skip


class RandPosNegCropd(RandCropByPosNegLabeld):
    """MONAI's crops around foreground and background voxels, also of cases smaller than the crop.

    Such a case is first padded with zeros at both ends; MONAI's refuses it, or gives crops of
    several sizes, which make no batch.
    """

    def __init__(
        self,
        keys: KeysCollection,
        label_key: str,
        spatial_size: Sequence[int] | int,
        pos: float = 1.0,
        neg: float = 1.0,
        num_samples: int = 1,
    ) -> None:
        super().__init__(keys, label_key, spatial_size, pos, neg, num_samples)
        self._size = spatial_size
        self._pad = SpatialPadd(keys, spatial_size)

    def __call__(
        self, data: Mapping[Hashable, torch.Tensor], lazy: bool | None = None
    ) -> list[dict[Hashable, torch.Tensor]]:
        shape = data[self.label_key].shape[1:]
        if any(map(operator.lt, shape, fall_back_tuple(self._size, shape))):
            data = self._pad(data)
        return super().__call__(data, lazy)


class RandCropROId(Compose, RandomizableTrait):
    """A crop around a foreground or background voxel, turned, scaled and bent at random.

    Clara's transform bent the region of interest while it was cut; here the crop comes first. A
    cache must not keep what it gives, which is what the trait is for.
    """

    def __init__(
        self,
        image_key: str,
        label_key: str,
        spatial_size: Sequence[int] | int,
        pos: float = 1.0,
        neg: float = 1.0,
        num_samples: int = 1,
        rotate_degrees: float = 0.0,
        scale: float = 0.0,
        deform: bool = False,
    ) -> None:
        keys = [image_key, label_key]
        steps: list[Any] = [
            RandPosNegCropd(
                keys, label_key, spatial_size, pos=pos, neg=neg, num_samples=num_samples
            )
        ]
        if rotate_degrees or scale or deform:
            steps.append(_bend(keys, spatial_size, rotate_degrees, scale, deform))
        super().__init__(steps)


def _bend(
    keys: list[str], size: Sequence[int] | int, degrees: float, scale: float, deform: bool
) -> Any:
    from monai.transforms import Rand3DElasticd

    shared = {
        "prob": 1.0,
        "rotate_range": [math.radians(degrees)] * 3,
        "scale_range": [scale] * 3,
        "mode": ["bilinear", "nearest"],
        "padding_mode": "border",
        "spatial_size": size,
    }
    if deform:
        return Rand3DElasticd(keys, sigma_range=(5, 8), magnitude_range=(50, 150), **shared)
    return RandAffined(keys, **shared)
