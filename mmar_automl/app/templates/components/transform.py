"""MyTransform: a step of the preprocessing. Named in config/config_train.json by its path.

What is written here works: an augmentation that draws a gamma for each case and bends the
intensities with it. Put your own into `__call__`.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any

from monai.config import KeysCollection
from monai.transforms import MapTransform, RandomizableTransform


class MyTransform(RandomizableTransform, MapTransform):
    """Bends the intensities of some cases by a gamma drawn for each.

    The arguments of `__init__` are the `args` in config_train.json. For a step without chance
    leave RandomizableTransform, `prob` and `randomize` out; it then belongs into the
    `pre_transforms` of `validate`, too.
    """

    def __init__(
        self,
        keys: KeysCollection,
        prob: float = 0.3,
        strongest: float = 1.5,
        allow_missing_keys: bool = False,
    ) -> None:
        if strongest < 1:
            # Told with the place in the config, before anything is trained.
            raise ValueError(f"strongest is at least 1, got {strongest}")
        MapTransform.__init__(self, keys, allow_missing_keys)
        RandomizableTransform.__init__(self, prob)
        self.strongest = strongest
        self.gamma = 1.0

    def randomize(self, data: Any = None) -> None:
        # self.R is this transform's own source of chance: determinism.random_seed of the config
        # seeds it, and a training that is resumed goes on from where it was.
        super().randomize(None)
        if self._do_transform:
            self.gamma = self.R.uniform(1 / self.strongest, self.strongest)

    def __call__(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        # A case: key → tensor with the channel first ("image", "label"). Never change a tensor
        # in place: a cache may hold it.
        case = dict(data)
        self.randomize()
        if self._do_transform:
            for key in self.key_iterator(case):
                image = case[key]
                low, high = image.min(), image.max()
                width = (high - low).clamp(min=1e-6)
                case[key] = ((image - low) / width) ** self.gamma * width + low
        return case
