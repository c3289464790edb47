"""Where the mean may lie: intervals for its coordinates cut with an ellipsoid; the equivalence claim."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from numpy.typing import ArrayLike

from pgverify.errors import InvalidData
from pgverify.kinds import accepts, known_arguments
from pgverify.stats.bias_test import BiasTest
from pgverify.stats.directions import (
    Directions,
    beyond,
    jump_array,
    quiet,
    rounding_noise,
    target_array,
)
from pgverify.stats.hotelling_test import log_choices
from pgverify.stats.moments import MOMENTS, Moments
from pgverify.stats.power import f_critical, nonnegative, t_critical
from pgverify.validation import Array, require_number

LEAST = 2.0**-53
"""A smaller confidence taken from one leaves one."""


@known_arguments
@dataclass(frozen=True, eq=False)
class MeanEllipsoid:
    """Hotelling's ellipsoid, flat where the sample is deterministic.

    Σ_k (|u_k·(v − centre)| − noise)₊² / λ_k ≤ radius²,  |part of v − centre across all u_k| ≤ thickness

    Parameters
    ----------
    centre : [d]
    directions : Directions
        The eigenvectors u_k and the variances λ_k.
    radius : number
        In standard deviations of one sample.
    thickness, noise : number
        In the unit of the samples.
    """

    centre: Float[Array, "d"]
    directions: Directions
    radius: float
    thickness: float
    noise: float

    def contains(self, vector: ArrayLike) -> bool:
        """Return whether `vector` [d] lies inside."""
        step = target_array("vector", vector, self.centre.size) - self.centre
        off = beyond(self.directions.basis.T @ step, self.noise)
        distance = float(np.sum(off**2 / self.directions.variances))
        return distance <= self.radius**2 and self.directions.across(step) <= self.thickness

    def farthest(self, point: ArrayLike) -> float:
        """Return an upper bound on the distance from `point` [d] to any vector of the region.

        max |b + z|² subject to Σ z_k²/λ_k ≤ ρ²  ≤  μ + Σ b_k² μ / (μ − ρ² λ_k)  for every μ > ρ² λ_max

        (weak duality, coordinate by coordinate), taken at μ = L (L + |b|) with L² = ρ² λ_max, which gives
        (L + |b|)² when all λ_k are equal, and less when they are not.
        """
        step = self.centre - target_array("point", point, self.centre.size)
        along = self.directions.basis.T @ step
        across = self.directions.across(step) + self.thickness
        rank = self.directions.rank
        if rank == 0:
            return across
        within = float(np.linalg.norm(along))
        reach = self.radius * math.sqrt(self.directions.variances[-1])
        if within <= 1e-12 * reach:  # μ would be ρ² λ_max up to rounding
            inside = reach + within
        else:
            mu = reach * (reach + within)
            left = mu - self.radius**2 * self.directions.variances
            inside = math.sqrt(mu + float(np.sum(along**2 * mu / left)))
        return math.hypot(inside + self.noise * math.sqrt(rank), across)


@known_arguments
@dataclass(frozen=True, eq=False)
class MeanRegion:
    """A confidence region for the mean: a box of simultaneous intervals cut with Hotelling's ellipsoid.

    [mean_j ± (t_{n−1, α/4d} √(variance_j / n) + noise)],  α = 1 − confidence, the ellipsoid at α/2

    It contains exactly the targets for which the `p_value` of `BiasTest` is above 1 − confidence: coverage is at least
    `confidence` for normal samples, and approaches that for any others as n grows. A coordinate that did not
    vary has an interval of ± noise, or ± jump (1 − (α/2d)^{1/(n−1)}) more when `jump` is given.

    Parameters
    ----------
    confidence : number
    mean, low, high : [d]
        The box, in the unit of the samples.
    ellipsoid : MeanEllipsoid or None
        None when the samples are too few or only variances are kept; `note` says which.
    note : str
    """

    confidence: float
    mean: Float[Array, "d"]
    low: Float[Array, "d"]
    high: Float[Array, "d"]
    ellipsoid: MeanEllipsoid | None
    note: str

    @classmethod
    @accepts(moments=MOMENTS)
    def of(
        cls,
        moments: Moments,
        confidence: float,
        *,
        rounding: float = 1e-9,
        jump: ArrayLike | float | None = None,
    ) -> MeanRegion:
        """Return the region for the mean that `moments` estimate.

        Parameters
        ----------
        moments : Moments
            Of at least two samples.
        confidence : number in (0, 1)
        rounding, jump
            As in `CoordinateTest`.

        Raises
        ------
        InvalidData
            Naming the argument, the value and what is allowed.
        """
        confidence = require_number("confidence", confidence, LEAST, 1.0 - LEAST, InvalidData, "a number in (0, 1)")
        rounding = nonnegative("rounding", rounding)
        test = BiasTest(1 - confidence, rounding=rounding)
        variance = moments.variance
        noise = rounding_noise(moments.mean, variance, rounding)
        bound = jump_array(jump, moments.dimension)
        level = test.coordinate.alpha / moments.dimension
        freedom = moments.count - 1
        still = quiet(variance, noise)
        rare = 0.0 if bound is None else bound * -math.expm1(math.log(level) / freedom)
        width = t_critical(freedom, level) * np.sqrt(variance / moments.count)
        half = np.where(still, rare, width) + noise
        ellipsoid = _ellipsoid(moments, test, noise, bound) if test.hotelling.applicable(moments) else None
        note = "" if ellipsoid else test.run(moments, moments.mean).note
        return cls(confidence, moments.mean, moments.mean - half, moments.mean + half, ellipsoid, note)

    def contains(self, vector: ArrayLike) -> bool:
        """Return whether `vector` [d] lies in the box and in the ellipsoid."""
        point = target_array("vector", vector, self.mean.size)
        boxed = bool(((self.low <= point) & (point <= self.high)).all())
        return boxed and (self.ellipsoid is None or self.ellipsoid.contains(point))

    def largest_bias(self, target: ArrayLike) -> float:
        """Return a length that no bias in the region exceeds: the smaller bound of box and ellipsoid."""
        point = target_array("target", target, self.mean.size)
        corner = float(np.linalg.norm(np.maximum(np.abs(self.low - point), np.abs(self.high - point))))
        return corner if self.ellipsoid is None else min(corner, self.ellipsoid.farthest(point))

    def inside(self, target: ArrayLike, tolerance: float) -> bool:
        """Return whether every mean in the region lies within `tolerance` (Euclidean) of `target` [d].

        True is an equivalence claim: wrong with probability at most 1 − confidence. False claims nothing.
        """
        tolerance = nonnegative("tolerance", tolerance)
        return self.largest_bias(target) <= tolerance


def _ellipsoid(moments: Moments, test: BiasTest, noise: float, bound: Float[Array, "d"] | None) -> MeanEllipsoid:
    axes, n = test.hotelling.directions(moments), moments.count
    r, alpha, thickness = axes.rank, test.hotelling.alpha, axes.hidden
    if bound is not None:
        # The inverse of the p value in HotellingTest, its half of the error rate going to the subspace.
        alpha /= 2
        exponent = (math.log(alpha) - log_choices(n, r, moments.dimension)) / (n - r - 1)
        thickness += float(np.linalg.norm(bound)) * -math.expm1(exponent)
    squared = f_critical(r, n - r, alpha) * r * (n - 1) / (n * (n - r)) if r else 0.0
    return MeanEllipsoid(moments.mean, axes, math.sqrt(squared), thickness, noise)
