"""A Gaussian policy over the ranges of a space, and how an outcome moves it.

REINFORCE with a moving baseline (Williams, Machine Learning 8, 1992): z ~ N(θ, diag σ²) and
u = sigmoid(z), so an action is always inside its range.
"""

from __future__ import annotations

import numpy as np

from mmar_automl.controllers.encoding import Array

LOWEST, HIGHEST = float(np.log(0.15)), float(np.log(1.5))
"""Bounds of log σ: never quite sure, never quite clueless."""
CLIP = 3.0
"""Bound of an advantage, in units of its own moving scale."""
_DECAY, _SQUARE_DECAY, _TINY = 0.9, 0.999, 1e-8


class GaussianPolicy:
    """θ and log σ of shape (d,), moved by Adam along the policy gradient."""

    def __init__(self, dimensions: int, sigma: float = 1.0, learning_rate: float = 0.2) -> None:
        self.theta = np.zeros(dimensions)
        self.log_sigma = np.full(dimensions, float(np.log(sigma)))
        self._rate = learning_rate
        self._baseline: float | None = None
        self._scale = 0.05
        self._first = np.zeros((2, dimensions))
        self._second = np.zeros((2, dimensions))
        self._steps = 0

    def act(self, source: np.random.Generator) -> Array:
        """An action z, shape (d,)."""
        drawn: Array = self.theta + np.exp(self.log_sigma) * source.normal(size=len(self.theta))
        return drawn

    def learn(self, action: Array, reward: float) -> None:
        """One gradient step: b ← 0.8 b + 0.2 y and s ← 0.9 s + 0.1 |y - b| after A = (y - b)/s."""
        if self._baseline is None:
            self._baseline = reward
        surprise = reward - self._baseline
        advantage = float(np.clip(surprise / max(self._scale, 1e-6), -CLIP, CLIP))
        self._scale = 0.9 * self._scale + 0.1 * abs(surprise)
        self._baseline = 0.8 * self._baseline + 0.2 * reward
        apart = (action - self.theta) / np.exp(self.log_sigma)
        gradient = advantage * np.array([apart / np.exp(self.log_sigma), apart**2 - 1.0])
        self._steps += 1
        self._first = _DECAY * self._first + (1 - _DECAY) * gradient
        self._second = _SQUARE_DECAY * self._second + (1 - _SQUARE_DECAY) * gradient**2
        first = self._first / (1 - _DECAY**self._steps)
        second = self._second / (1 - _SQUARE_DECAY**self._steps)
        step = first / (np.sqrt(second) + _TINY)
        self.theta = self.theta + self._rate * step[0]
        self.log_sigma = np.clip(self.log_sigma + 0.5 * self._rate * step[1], LOWEST, HIGHEST)


def squashed(action: Array) -> Array:
    """An action as numbers in (0, 1)."""
    inside: Array = 1.0 / (1.0 + np.exp(-action))
    return inside
