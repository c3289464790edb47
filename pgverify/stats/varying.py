"""The part of a bias that lies in what varies: the rest is no evidence, unless somebody vouches for it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float
from numpy.typing import ArrayLike

from pgverify.stats.directions import (
    Directions,
    covariance_array,
    quiet,
    rounding_noise,
    variance_array,
    varying_directions,
)
from pgverify.stats.moments import Moments
from pgverify.validation import Array


@dataclass(frozen=True, eq=False)
class Varying:
    """What varies of samples with a covariance.

    Attributes
    ----------
    still : [d]
        Which coordinates do not.
    axes : Directions or None
        None where only the variances are known.
    """

    still: Bool[Array, "d"]
    axes: Directions | None

    @classmethod
    def of(cls, covariance: Moments | ArrayLike, rounding: float) -> Varying:
        """Return it by moments, a covariance [d, d] or the variances [d]."""
        variance = variance_array(covariance)
        mean = covariance.mean if isinstance(covariance, Moments) else np.zeros(variance.size)
        noise = rounding_noise(mean, variance, rounding)
        axes = None if is_diagonal(covariance) else varying_directions(covariance_array(covariance), noise)
        return cls(quiet(variance, noise), axes)

    @property
    def dimension(self) -> int:
        """Coordinates, d."""
        return self.still.size

    @property
    def every_coordinate(self) -> bool:
        """Whether each coordinate varies."""
        return not bool(self.still.any())

    @property
    def every_direction(self) -> bool:
        """Whether each direction varies, where that is known."""
        return self.axes is not None and self.axes.rank == self.dimension

    def coordinates(self, vector: Float[Array, "d"]) -> Float[Array, "d"]:
        """Return the vector, 0 in the coordinates that do not vary."""
        return np.where(self.still, 0.0, vector)

    def directions(self, vector: Float[Array, "d"]) -> Float[Array, "d"] | None:
        """Return its part in the directions that vary, None where they are not known."""
        if self.axes is None:
            return None
        part: Float[Array, "d"] = self.axes.basis @ (self.axes.basis.T @ vector)
        return part


def is_diagonal(covariance: Moments | ArrayLike) -> bool:
    """Return whether it is moments that keep the variances alone."""
    return isinstance(covariance, Moments) and covariance.diagonal
