"""Which directions of a sample vary, and what size of deviation is rounding."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float
from numpy.typing import ArrayLike

from pgverify.errors import InvalidData
from pgverify.stats.moments import Moments
from pgverify.validation import Array, bracket, first_index, real_array, require_shape

UNDERFLOW = 1e-150
"""Squares of smaller numbers underflow: such deviations cannot be told from zero."""
QUIET = 0.1
"""A direction whose standard deviation is below a tenth of the rounding counts as deterministic: a bias
beyond the rounding is then at least ten standard deviations of a single sample."""


@dataclass(frozen=True, eq=False)
class Directions:
    """The directions in which a sample varies; those across them are deterministic.

    Guaranteed: `basis` is orthonormal and covariance ≈ basis diag(variances) basisᵀ.

    Parameters
    ----------
    basis : [d, r]
        One unit vector a column, by rising variance.
    variances : [r]
    hidden : number
        The largest deviation across the basis that rounding explains.
    """

    basis: Float[Array, "d r"]
    variances: Float[Array, "r"]
    hidden: float

    @property
    def rank(self) -> int:
        """R, the number of directions that vary."""
        return self.variances.size

    def across(self, vector: Float[Array, "d"]) -> float:
        """Return the length of the part of `vector` in the deterministic directions."""
        return float(np.linalg.norm(vector - self.basis @ (self.basis.T @ vector)))


def varying_directions(covariance: Float[Array, "d d"], noise: float) -> Directions:
    """Split the space by the eigenvectors of the covariance.

    A direction varies when its variance exceeds both (noise/10)² and 64 d ε λ_max, the error of the computed
    eigenvalues (ε = 2.2e-16; the scatter, a sum, adds a few ε to the eigensolver's d ε). What hides below the
    second bound has a standard deviation of up to √(64 d ε λ_max), so `hidden` is ten times that.
    """
    size = len(covariance)
    values, vectors = np.linalg.eigh(covariance)
    resolution = 64 * size * np.finfo(float).eps * max(float(values[-1]), 0.0)
    varies = values > max((QUIET * noise) ** 2, resolution)
    hidden = max(noise * np.sqrt(size), np.sqrt(resolution) / QUIET)
    return Directions(vectors[:, varies], values[varies], float(hidden))


def rounding_noise(mean: Float[Array, "d"], variance: Float[Array, "d"], rounding: float) -> float:
    """Return rounding × the largest root mean square √(mean² + variance) over the coordinates."""
    scale = float(np.sqrt(np.max(mean**2 + variance)))
    return rounding * scale + UNDERFLOW


def quiet(variance: Float[Array, "d"], noise: float) -> Bool[Array, "d"]:
    """Return which coordinates are deterministic: standard deviation at most a tenth of the rounding."""
    still: Bool[Array, "d"] = np.sqrt(variance) <= QUIET * noise
    return still


def beyond(deviation: Float[Array, "..."], noise: float) -> Float[Array, "..."]:
    """Return how far the size of a deviation exceeds what rounding explains; zero if it does not."""
    excess: Float[Array, "..."] = np.maximum(np.abs(deviation) - noise, 0.0)
    return excess


def target_array(name: str, target: ArrayLike, dimension: int) -> Float[Array, "d"]:
    """Return `target` as a [d] array."""
    array = real_array(name, target, InvalidData)
    require_shape(name, array, (dimension,), "[d]", InvalidData)
    return array


def jump_array(jump: ArrayLike | float | None, dimension: int) -> Float[Array, "d"] | None:
    """Return the bound on |x_j − x'_j|, one a coordinate, or None when none is known."""
    if jump is None:
        return None
    array = real_array("jump", jump, InvalidData)
    if array.shape not in ((), (dimension,)):
        raise InvalidData(f"jump has shape {array.shape}, must be a number or [d] = {(dimension,)}")
    negative = np.asarray(array < 0)
    if negative.any():
        index = first_index(negative)
        raise InvalidData(f"jump{bracket(index)} is {array[index]:.6g}, must be at least 0")
    return np.broadcast_to(array, (dimension,)).copy()


def covariance_array(value: Moments | ArrayLike) -> Float[Array, "d d"]:
    """Return a covariance given as such or by moments, refusing asymmetry and negative variances."""
    if isinstance(value, Moments):
        return value.covariance
    array = real_array("covariance", value, InvalidData)
    if array.ndim != 2 or array.shape[0] != array.shape[1] or array.size == 0:
        raise InvalidData(f"covariance has shape {array.shape}, must be [d, d] with d at least 1")
    variance_array(np.diagonal(array))
    uneven = np.abs(array - array.T) > 1e-9 * np.abs(array).max()  # far above rounding, far below a mistake
    if uneven.any():
        i, j = first_index(uneven)
        raise InvalidData(
            f"covariance[{i}, {j}] is {array[i, j]:.6g} and covariance[{j}, {i}] is {array[j, i]:.6g}, must be equal"
        )
    even: Float[Array, "d d"] = (array + array.T) / 2
    return even


def variance_array(value: Moments | ArrayLike) -> Float[Array, "d"]:
    """Return the variances [d], given as such, by a covariance [d, d] or by moments."""
    if isinstance(value, Moments):
        return value.variance
    array = real_array("covariance", value, InvalidData)
    if array.ndim == 2:
        return np.diagonal(covariance_array(value)).copy()
    if array.ndim != 1 or array.size == 0:
        raise InvalidData(f"covariance has shape {array.shape}, must be [d, d] or [d] with d at least 1")
    if (array < 0).any():
        (index,) = first_index(array < 0)
        raise InvalidData(f"covariance[{index}] is {array[index]:.6g}, a variance must be at least 0")
    return array
