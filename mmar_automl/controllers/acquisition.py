"""Where to look next: the rows at which a surrogate expects the most improvement."""

from __future__ import annotations

import math

import numpy as np
from scipy.special import erfcx, log_ndtr

from mmar_automl.controllers.encoding import Array, Encoding
from mmar_automl.controllers.gp import Surrogate

GLOBAL = 512
LOCAL = 256
CENTRES = 6
ROUNDS = 4
_LOG_SQRT_2PI = 0.5 * float(np.log(2.0 * np.pi))


def log_expected_improvement(mean: Array, deviation: Array, best: float) -> Array:
    """The logarithm of the expected improvement over `best`, which stays finite where the
    improvement itself would be 0 (Ament et al., NeurIPS 2023, eq. 9)."""
    z = (mean - best) / deviation
    found = np.empty_like(z)
    near = z > -1.0
    density = np.exp(-0.5 * z[near] ** 2 - _LOG_SQRT_2PI)
    found[near] = np.log(np.maximum(density + z[near] * np.exp(log_ndtr(z[near])), 1e-300))
    far = z[~near]
    # h(z) = φ(z) (1 + z Φ(z)/φ(z)), and Φ(z)/φ(z) = sqrt(π/2) erfcx(-z/√2)
    ratio = 1.0 + far * np.sqrt(np.pi / 2.0) * erfcx(-far / np.sqrt(2.0))
    found[~near] = -0.5 * far**2 - _LOG_SQRT_2PI + np.log(np.maximum(ratio, 1e-300))
    return found + np.log(deviation)


def worth_measuring(deviation: Array, noise: float) -> Array:
    """The logarithm of the share of a measurement that is news, at rows of given deviation.

    Where the process is surer of the noise-free score than one noisy measurement is, a further
    one says little (augmented expected improvement, Huang et al., J. Global Optimization 34,
    2006). Without this factor a search whose best scores differ by less than their noise
    measures the same spot until its budget is spent. `noise` is a variance.
    """
    return np.log1p(-np.sqrt(noise / (deviation**2 + noise)))


def most_promising(
    model: Surrogate, encoding: Encoding, source: np.random.Generator, number: int = 32
) -> Array:
    """Rows of shape (number, d) in falling order of augmented expected improvement.

    The improvement is over the highest posterior mean of what was tried, since the scores are
    noisy. The search is a sample of the whole space, then rounds of smaller and smaller steps
    around the best rows.
    """
    tried = model.posterior(model.rows)[0]
    best = float(tried.max())
    noise = math.exp(model.shape.noise)

    def gain(rows: Array) -> Array:
        mean, deviation = model.posterior(rows)
        return log_expected_improvement(mean, deviation, best) + worth_measuring(deviation, noise)

    rows = encoding.from_cube(source.random((GLOBAL, len(encoding.axes))))
    gains = gain(rows)
    centres = model.rows[np.argsort(-tried)[:CENTRES]]
    width = 0.3
    for _ in range(ROUNDS):
        leaders = np.vstack([rows[np.argsort(-gains)[:CENTRES]], centres])
        near = neighbours(leaders, encoding, source, LOCAL, width)
        rows = np.vstack([rows, near])
        gains = np.append(gains, gain(near))
        width *= 0.4
    order = np.argsort(-gains, kind="stable")
    _, first = np.unique(rows[order], axis=0, return_index=True)
    return rows[order][np.sort(first)[:number]]


def neighbours(
    centres: Array, encoding: Encoding, source: np.random.Generator, number: int, width: float
) -> Array:
    """`number` rows around centres: some coordinates moved, at least one."""
    rows = centres[source.integers(len(centres), size=number)].copy()
    dimensions = rows.shape[1]
    moved = source.random(rows.shape) < max(0.35, 1.5 / dimensions)
    moved[np.arange(number), source.integers(dimensions, size=number)] = True
    enums = encoding.enums
    cells = np.array([axis.cells for axis in encoding.axes])
    # A step on an axis of few cells has to be able to leave the cell.
    reach = np.where(cells > 0, np.maximum(width, 1.0 / np.maximum(cells, 1)), width)
    steps = source.normal(size=rows.shape) * reach
    others = np.floor(source.random(rows.shape) * np.maximum(encoding.choices, 1))
    shifted = rows + steps
    # Reflected at the borders, where clipping would pile up.
    shifted = 1.0 - np.abs(1.0 - np.abs(shifted))
    return encoding.snap(np.where(moved, np.where(enums, others, shifted), rows))
