"""A Gaussian process over configurations, on numpy and scipy.

Matérn-5/2 with a length scale for each range, times a Hamming kernel with a weight for each enum
(Rasmussen and Williams, Gaussian Processes for Machine Learning, 2006, §2 and §4.2; the product of
kernels for mixed spaces as in Ru et al., ICML 2020). Hyperparameters are the maximum a posteriori,
found by L-BFGS with the gradient in closed form; the length scales' prior grows with the square
root of the number of dimensions (Hvarfner et al., ICML 2024).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy.linalg import cho_solve, solve_triangular
from scipy.optimize import minimize

from mmar_automl.controllers.encoding import Array, Mask

SQRT5 = math.sqrt(5.0)
NOISE = (1e-4, 0.5)
"""Bounds of the noise's variance; the scores' is 1."""
JITTER = 1e-8


@dataclass(frozen=True)
class Shape:
    """Hyperparameters as logarithms: `scales` of shape (d,), length scales for ranges and weights
    for enums; the signal's and the noise's variance."""

    scales: Array
    signal: float
    noise: float

    @classmethod
    def prior(cls, enums: Mask) -> Shape:
        """Where a fit starts that knows nothing yet."""
        return cls(_centres(enums), 0.0, math.log(0.01))

    def vector(self) -> Array:
        return np.append(self.scales, [self.signal, self.noise])

    @classmethod
    def of(cls, vector: Array) -> Shape:
        return cls(vector[:-2], float(vector[-2]), float(vector[-1]))


class Surrogate:
    """The process given rows of shape (n, d) and scores of shape (n,), higher is better.

    `enums` says which columns hold choices. Scores are standardised inside; everything that comes
    out is in standard units, for the surrogate is asked only where to look next.
    """

    def __init__(self, rows: Array, scores: Array, enums: Mask, shape: Shape) -> None:
        self.rows, self.enums, self.shape = rows, enums, shape
        self.scores = scores
        covariance = kernel(rows, rows, enums, shape)
        covariance[np.diag_indices_from(covariance)] += math.exp(shape.noise) + JITTER
        self._factor = np.linalg.cholesky(covariance)
        self._weights = cho_solve((self._factor, True), scores, check_finite=False)

    def posterior(self, rows: Array) -> tuple[Array, Array]:
        """Mean and standard deviation of the noise-free score at rows of shape (m, d)."""
        across = kernel(rows, self.rows, self.enums, self.shape)
        half = solve_triangular(self._factor, across.T, lower=True, check_finite=False)
        variance = math.exp(self.shape.signal) - np.einsum("ij,ij->j", half, half)
        return across @ self._weights, np.sqrt(np.maximum(variance, 1e-12))

    def draws(self, rows: Array, noise: Array) -> Array:
        """Joint draws of the score at m rows, from standard normal `noise` of shape (m, k)."""
        across = kernel(rows, self.rows, self.enums, self.shape)
        half = solve_triangular(self._factor, across.T, lower=True, check_finite=False)
        covariance = kernel(rows, rows, self.enums, self.shape) - half.T @ half
        covariance[np.diag_indices_from(covariance)] += 1e-6
        mean = across @ self._weights
        drawn: Array = mean[:, None] + _root(covariance) @ noise
        return drawn

    def believing(self, rows: Array) -> Surrogate:
        """The process if rows of shape (m, d) came out just as it expects them to."""
        if not len(rows):
            return self
        expected = self.posterior(rows)[0]
        return Surrogate(
            np.vstack([self.rows, rows]),
            np.append(self.scores, expected),
            self.enums,
            self.shape,
        )

    def left_out(self) -> tuple[Array, Array]:
        """Mean and standard deviation for each score from all others (ibid., eq. 5.12)."""
        identity = np.eye(len(self.scores))
        inverse = np.diag(cho_solve((self._factor, True), identity, check_finite=False))
        return self.scores - self._weights / inverse, np.sqrt(1.0 / inverse)


def fit(rows: Array, scores: Array, enums: Mask, start: Shape, steps: int = 40) -> Shape:
    """The most probable hyperparameters, from `start` and from the prior's centre."""
    parts = _parts(rows, enums)
    prior = Shape.prior(enums)
    bounds = [(c - 4.0, c + 4.0) for c in prior.scales]
    bounds += [(math.log(0.05), math.log(20.0)), (math.log(NOISE[0]), math.log(NOISE[1]))]
    low, high = np.array(bounds).T
    best, least = prior, math.inf
    starts = [prior] if np.allclose(start.vector(), prior.vector()) else [start, prior]
    for begin in starts:
        found = minimize(
            _negative_log_posterior,
            np.clip(begin.vector(), low, high),
            args=(scores, enums, parts),
            jac=True,
            method="L-BFGS-B",
            bounds=bounds,
            options={"maxiter": steps, "maxfun": steps + 10},
        )
        if np.isfinite(found.fun) and found.fun < least:
            best, least = Shape.of(found.x), float(found.fun)
    return best


def kernel(one: Array, other: Array, enums: Mask, shape: Shape) -> Array:
    """The covariance of shape (n, m) between rows."""
    ranges = ~enums
    scale = np.exp(-shape.scales[ranges])
    a, b = one[:, ranges] * scale, other[:, ranges] * scale
    squared = (a * a).sum(1)[:, None] + (b * b).sum(1)[None, :] - 2.0 * (a @ b.T)
    r = SQRT5 * np.sqrt(np.maximum(squared, 0.0))
    found: Array = math.exp(shape.signal) * (1.0 + r + r * r / 3.0) * np.exp(-r)
    for place in np.flatnonzero(enums):
        unequal = one[:, place][:, None] != other[:, place][None, :]
        found *= np.exp(-math.exp(shape.scales[place]) * unequal)
    return found


def standardised(scores: Array) -> Array:
    """Scores with mean 0 and variance 1, the low outliers pulled in.

    What lies more than 1.5 interquartile ranges below the first quartile is set there: how bad a
    bad configuration was does not matter, and a squared error would make it matter most.
    """
    first, third = np.percentile(scores, [25, 75])
    floor = first - 1.5 * (third - first)
    pulled = np.maximum(scores, floor)
    spread = float(pulled.std())
    centred: Array = pulled - pulled.mean()
    return centred / spread if spread > 1e-12 else np.zeros_like(centred)


def _centres(enums: Mask) -> Array:
    ranges = int((~enums).sum())
    length = math.log(0.5) + 0.5 * math.log(max(ranges, 1) / 3.0)
    return np.where(enums, math.log(0.5), length)


_SPREAD = 0.8
"""Standard deviation of the prior of the logarithms of scales."""


def _parts(rows: Array, enums: Mask) -> list[Array]:
    """For each dimension what its scale multiplies: squared distances, or inequality."""
    apart = []
    for place, enum in enumerate(enums):
        column = rows[:, place]
        difference = column[:, None] - column[None, :]
        apart.append((difference != 0.0).astype(float) if enum else difference * difference)
    return apart


def _negative_log_posterior(
    vector: Array, scores: Array, enums: Mask, parts: list[Array]
) -> tuple[float, Array]:
    """The objective of `fit` with its gradient (ibid., eq. 5.9)."""
    shape = Shape.of(vector)
    size = len(scores)
    inverse_squares = np.exp(-2.0 * shape.scales)
    weights = np.exp(shape.scales)
    squared = np.zeros((size, size))
    hamming = np.zeros((size, size))
    for place, part in enumerate(parts):
        if enums[place]:
            hamming += weights[place] * part
        else:
            squared += inverse_squares[place] * part
    r = SQRT5 * np.sqrt(squared)
    decay = math.exp(shape.signal) * np.exp(-r - hamming)
    signal = (1.0 + r + r * r / 3.0) * decay
    covariance = signal.copy()
    noise = math.exp(shape.noise)
    covariance[np.diag_indices(size)] += noise + JITTER
    try:
        factor = np.linalg.cholesky(covariance)
    except np.linalg.LinAlgError:
        return 1e25, np.zeros_like(vector)
    solved = cho_solve((factor, True), scores, check_finite=False)
    inverse = cho_solve((factor, True), np.eye(size), check_finite=False)
    value = 0.5 * float(scores @ solved) + float(np.log(np.diag(factor)).sum())
    outer = inverse - np.outer(solved, solved)
    gradient = np.empty_like(vector)
    # d matern / d squared = -(5/6)(1 + r) exp(-r)
    along = outer * (5.0 / 6.0) * (1.0 + r) * decay
    against = outer * signal
    for place, part in enumerate(parts):
        if enums[place]:
            gradient[place] = -0.5 * weights[place] * float((against * part).sum())
        else:
            gradient[place] = inverse_squares[place] * float((along * part).sum())
    gradient[-2] = 0.5 * float(against.sum())
    gradient[-1] = 0.5 * noise * float(np.trace(outer))
    centres = np.append(_centres(enums), [0.0, math.log(0.01)])
    spreads = np.append(np.full(len(parts), _SPREAD), [1.0, 2.0])
    apart = (vector - centres) / spreads
    return value + 0.5 * float(apart @ apart), gradient + apart / spreads


def _root(covariance: Array) -> Array:
    """A square root of a covariance that rounding may have left a little indefinite."""
    try:
        triangle: Array = np.asarray(np.linalg.cholesky(covariance), dtype=np.float64)
        return triangle
    except np.linalg.LinAlgError:
        values, vectors = np.linalg.eigh(covariance)
        root: Array = vectors * np.sqrt(np.maximum(values, 0.0))
        return root
