"""A random transform of one's own, written for tensors (the published one is for numpy)."""

from monai.transforms import MapTransform, RandomizableTransform


class MyRandAdditiveNoised(RandomizableTransform, MapTransform):
    """Adds one random number, up to `max_add`, to the whole volume."""

    def __init__(self, keys, prob=0.5, max_add=0.1):
        MapTransform.__init__(self, keys)
        RandomizableTransform.__init__(self, prob)
        self.max_add = max_add

    def __call__(self, data):
        made = dict(data)
        self.randomize(None)
        if self._do_transform:
            offset = float(self.R.uniform(0, self.max_add))
            for key in self.keys:
                made[key] = made[key] + offset
        return made
