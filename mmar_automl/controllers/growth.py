"""How scores grow while jobs train: what one that was cut short would have come to. Pure."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt


class Growth:
    """The mean gain of the best score so far in each epoch, over the jobs that trained in it.

    A score after a ninth of the epochs is no worse configuration than a score after all of them:
    beside full trainings it is raised by what the others have gained since that epoch. Jobs that
    were cut at the next rung count for the epochs up to there, so that not only the winners speak
    for the beginning. Epochs that nobody has trained yet add nothing.
    """

    def __init__(self) -> None:
        self._sums = np.zeros(0)
        self._counts = np.zeros(0)
        self._later: npt.NDArray[np.float64] | None = None

    def learn(self, curve: Sequence[tuple[int, float]]) -> None:
        """Take in a part of a curve: (epoch, best so far) in the order of epochs.

        What was gained between two validations is spread evenly over the epochs between them.
        """
        for (before, low), (after, high) in itertools.pairwise(curve):
            if after > len(self._sums):
                more = max(after, 2 * len(self._sums)) - len(self._sums)
                self._sums = np.append(self._sums, np.zeros(more))
                self._counts = np.append(self._counts, np.zeros(more))
            self._sums[before:after] += (high - low) / (after - before)
            self._counts[before:after] += 1
            self._later = None

    def gain(self, trained: int, max_epochs: int) -> float:
        """What is still to be gained after `trained` epochs of `max_epochs`; 0 if nobody knows."""
        if self._later is None:
            self._later = np.append(0.0, np.cumsum(self._sums / np.maximum(self._counts, 1)))
        last = len(self._later) - 1
        return float(self._later[min(max_epochs, last)] - self._later[min(trained, last)])
