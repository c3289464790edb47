"""Mean, covariance and fourth-order sums of a sample: streamed in batches, merged exactly."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from numpy.typing import ArrayLike

from pgverify.arrays import as_array
from pgverify.errors import InvalidData
from pgverify.kinds import described, instance_of, known_arguments
from pgverify.validation import (
    Array,
    first_index,
    read_only,
    real_array,
    require_flag,
    require_integer,
    require_shape,
    settle,
)

LARGEST_SAMPLE = 1e70
"""Fourth powers are summed: 1e280 leaves room for 1e28 samples below the largest double, 1.8e308."""

NARROW = 32
"""Coordinates up to which samples are kept column by column; measured."""


@known_arguments
@dataclass(frozen=True, eq=False)
class Moments:
    """Central sums of n vectors x_i in d dimensions, y_i = x_i − mean.

    scatter = Σ y_i y_iᵀ,  third = Σ y_i³,  fourth = Σ y_i⁴ (per coordinate),
    norm_third = Σ |y_i|² y_i,  norm_fourth = Σ |y_i|⁴

    Merging is exact in real arithmetic (Chan, Golub & LeVeque 1983; Pébay 2008), so the result depends on the
    batches and their order only in the last bits. `Moments.empty` is the neutral element.

    Parameters
    ----------
    count : int
        n, the number of samples.
    mean : [d]
        In the unit of the samples; zero when n = 0.
    scatter : [d, d], or [d] when only its diagonal is kept
    third, fourth : [d]
    norm_third : [d], or None when only the diagonal is kept
    norm_fourth : number, or None when only the diagonal is kept
        With norm_third, all that the error of the trace of the covariance needs; neither can be merged
        without the full scatter.

    Raises
    ------
    InvalidData
        For a wrong shape or a non-finite entry, naming it.

    References
    ----------
    Pébay, "Formulas for robust, one-pass parallel computation of covariances and arbitrary-order statistical
    moments", Sandia report SAND2008-6212, 2008.
    """

    count: int
    mean: Float[Array, "d"]
    scatter: Float[Array, "d d"] | Float[Array, "d"]
    third: Float[Array, "d"]
    fourth: Float[Array, "d"]
    norm_third: Float[Array, "d"] | None = None
    norm_fourth: float | None = None

    def __post_init__(self) -> None:
        settle(self, count=require_integer("count", self.count, 0, InvalidData))
        mean = real_array("mean", self.mean, InvalidData)
        if mean.ndim != 1 or mean.size == 0:
            raise InvalidData(f"mean has shape {mean.shape}, must be [d] with d at least 1")
        size = mean.size
        full = as_array("scatter", self.scatter, InvalidData).ndim == 2
        shapes: dict[str, tuple[int, ...]] = {
            "scatter": (size, size) if full else (size,),
            "third": (size,),
            "fourth": (size,),
        }
        if full != (self.norm_third is not None) or full != (self.norm_fourth is not None):
            raise InvalidData("norm_third and norm_fourth must be given exactly when scatter is [d, d]")
        if full:
            shapes |= {"norm_third": (size,), "norm_fourth": ()}
        object.__setattr__(self, "mean", mean)
        for name, shape in shapes.items():
            array = real_array(name, getattr(self, name), InvalidData, largest=np.inf)
            require_shape(name, array, shape, "[d, d]" if len(shape) == 2 else "[d]", InvalidData)
            object.__setattr__(self, name, array if shape else float(array))

    @classmethod
    def empty(cls, dimension: int, diagonal: bool = False) -> Moments:
        """Return the moments of no samples at all: merging with them changes nothing."""
        size = require_integer("dimension", dimension, 1, InvalidData)
        diagonal = require_flag("diagonal", diagonal, InvalidData)
        zero = np.zeros(size)
        if diagonal:
            return cls(0, zero, zero, zero, zero)
        return cls(0, zero, np.zeros((size, size)), zero, zero, zero, 0.0)

    @classmethod
    def of(cls, samples: ArrayLike, diagonal: bool = False) -> Moments:
        """Return the moments of `samples` [n, d]; a constant column has a scatter of exactly zero.

        Raises
        ------
        InvalidData
            If samples is not [n, d], or an entry is NaN, infinite or larger than 1e70 (its fourth power
            would overflow), naming the index.
        """
        x = sample_array("samples", samples)
        diagonal = require_flag("diagonal", diagonal, InvalidData)
        return moments_of(x, diagonal)

    def merge(self, other: Moments) -> Moments:
        """Return the moments of both samples together.

        Raises
        ------
        InvalidData
            If the dimensions differ, or one keeps the full scatter and the other its diagonal.
        """
        MOMENTS.require("other", other)
        if self.scatter.shape != other.scatter.shape:
            raise InvalidData(
                f"other.scatter has shape {other.scatter.shape}, must be that of self, {self.scatter.shape}"
            )
        if self.count == 0 or other.count == 0:
            return other if self.count == 0 else self
        count = self.count + other.count
        step = other.mean - self.mean
        left = self._about(-step * (other.count / count))
        right = other._about(step * (self.count / count))
        return Moments(
            count,
            self.mean + step * (other.count / count),
            left.scatter + right.scatter,
            left.third + right.third,
            left.fourth + right.fourth,
            None if left.norm_third is None or right.norm_third is None else left.norm_third + right.norm_third,
            None if left.norm_fourth is None or right.norm_fourth is None else left.norm_fourth + right.norm_fourth,
        )

    @classmethod
    def merge_all(cls, parts: Iterable[Moments]) -> Moments:
        """Return the moments of all parts together, merged in the given order.

        Raises
        ------
        InvalidData
            If there is no part, or two parts do not fit together.
        """
        total: Moments | None = None
        if not isinstance(parts, Iterable) or getattr(parts, "ndim", 1) == 0:
            raise InvalidData(f"parts is {described(parts)}, must be several Moments")
        for part in parts:
            MOMENTS.require("parts", part)
            total = part if total is None else total.merge(part)
        if total is None:
            raise InvalidData("parts is empty, must hold at least one Moments (Moments.empty will do)")
        return total

    @property
    def dimension(self) -> int:
        """d, the number of coordinates."""
        return self.mean.size

    @property
    def diagonal(self) -> bool:
        """Whether only the diagonal of the scatter is kept."""
        return self.scatter.ndim == 1

    @property
    def covariance(self) -> Float[Array, "d d"]:
        """Unbiased covariance, scatter / (n − 1)."""
        if self.diagonal:
            raise InvalidData("scatter is [d], the covariance needs moments kept with diagonal=False")
        return self.scatter / self._freedom()

    @property
    def variance(self) -> Float[Array, "d"]:
        """Unbiased variance of each coordinate."""
        return _diagonal(self.scatter) / self._freedom()

    @property
    def trace(self) -> float:
        """Trace of the covariance, the expected squared distance from the mean."""
        return float(self.variance.sum())

    @property
    def standard_error(self) -> Float[Array, "d"]:
        """Standard error of each coordinate of the mean, √(variance / n)."""
        return np.sqrt(self.variance / self.count)

    @property
    def skewness(self) -> Float[Array, "d"]:
        """√n Σy³ / (Σy²)^{3/2} per coordinate; 0 where the variance is zero."""
        second = _diagonal(self.scatter)
        return _ratio(math.sqrt(self.count) * self.third, second**1.5, 0.0)

    @property
    def kurtosis(self) -> Float[Array, "d"]:
        """N Σy⁴ / (Σy²)² per coordinate, 3 for a normal; 1, the smallest, where the variance is zero."""
        second = _diagonal(self.scatter)
        return _ratio(self.count * self.fourth, second**2, 1.0).clip(min=1.0)

    def _freedom(self) -> int:
        require_integer("count", self.count, 2, InvalidData, " for a variance")
        return self.count - 1

    def _about(self, shift: Float[Array, "d"]) -> Moments:
        """Return the same sums of y + shift in place of y; each line expands one power, with Σ y = 0."""
        n, second = float(self.count), _diagonal(self.scatter)
        third = self.third + 3 * second * shift + n * shift**3
        fourth = self.fourth + 4 * self.third * shift + 6 * second * shift**2 + n * shift**4
        if self.norm_third is None or self.norm_fourth is None:
            return Moments(self.count, self.mean, second + n * shift**2, third, fourth)
        trace, length, along = float(second.sum()), float(shift @ shift), self.scatter @ shift
        norm_third = self.norm_third + trace * shift + 2 * along + n * length * shift
        norm_fourth = (
            self.norm_fourth
            + 4 * float(self.norm_third @ shift)
            + 4 * float(shift @ along)
            + 2 * trace * length
            + n * length**2
        )
        scatter = self.scatter + n * np.outer(shift, shift)
        return Moments(self.count, self.mean, scatter, third, fourth, norm_third, norm_fourth)


MOMENTS = instance_of(
    Moments, expected="the Moments of a sample", advice="pgv.stats.Moments.of(samples) gives them", error=InvalidData
)


def sample_array(name: str, value: ArrayLike) -> Float[Array, "n d"]:
    """Return `value` as a read-only [n, d] array whose fourth powers can be summed; small rows in Fortran order."""
    array = real_array(name, value, InvalidData)
    if array.ndim != 2 or array.shape[1] == 0:
        raise InvalidData(f"{name} has shape {array.shape}, must be [n, d] with d at least 1")
    large = np.abs(array) > LARGEST_SAMPLE
    if large.any():
        row, column = first_index(large)
        raise InvalidData(
            f"{name}[{row}, {column}] is {array[row, column]:.6g}, must be at most {LARGEST_SAMPLE:g} "
            "in size: its fourth power would overflow"
        )
    # Column by column: NumPy adds up few long columns in a tenth of the time that many short rows take.
    return read_only(np.asfortranarray(array)) if array.shape[1] <= NARROW else array


def moments_of(x: Float[Array, "n d"], diagonal: bool = False) -> Moments:
    """Return the moments of samples that `sample_array` has returned: they need not be looked through again."""
    if len(x) == 0:
        return Moments.empty(x.shape[1], diagonal)
    mean = x.mean(axis=0)
    mean = mean + (x - mean).mean(axis=0)  # removes its rounding, so that constant columns stay exact
    y = x - mean
    square = y * y
    third, fourth = (square * y).sum(axis=0), (square * square).sum(axis=0)
    if diagonal:
        return Moments(len(x), mean, square.sum(axis=0), third, fourth)
    norm = square.sum(axis=1)
    return Moments(len(x), mean, y.T @ y, third, fourth, norm @ y, float(norm @ norm))


def _diagonal(scatter: Float[Array, "d d"] | Float[Array, "d"]) -> Float[Array, "d"]:
    return np.diagonal(scatter) if scatter.ndim == 2 else scatter


def _ratio(top: Float[Array, "d"], bottom: Float[Array, "d"], otherwise: float) -> Float[Array, "d"]:
    filled = np.full(top.shape, otherwise)
    np.divide(top, bottom, out=filled, where=bottom > 0)
    return filled
