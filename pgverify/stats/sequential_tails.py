"""How far the tails of a sample let its covariance be trusted: what it takes to keep far error rates honest."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from numpy.typing import ArrayLike

from pgverify.errors import InvalidData
from pgverify.kinds import known_arguments
from pgverify.stats.directions import Directions, rounding_noise, varying_directions
from pgverify.stats.moments import Moments, moments_of, sample_array
from pgverify.stats.power import nonnegative
from pgverify.stats.sequential_rare import RareEvents
from pgverify.validation import Array, require_integer

GATE = 0.75
"""Above this relative error of the variance a look does not count: n must be at least 3.6 kurtosis L."""
UNSEEN = 2.0
"""E[|y|²; unseen] ≤ 2 P(unseen) max |y|²: Pareto tails of index 4 exactly, lighter ones with room."""


@known_arguments
@dataclass(frozen=True, eq=False)
class Tails:
    """A streamed sample with bounds on its fourth moments and its reach, in every direction at once.

    z = Σ^{−1/2} (x − mean),  kurtosis = λ_max(Σ_i |z_i|² z_i z_iᵀ) / n,  radius² = max_i |z_i|²

    For normal samples in r directions kurtosis → r + 2; E(u·z)⁴ ≤ kurtosis for every unit u, and
    (u·z_i)² ≤ radius². Σ is the covariance so far: as it changes, old sums are carried over by the largest
    factor by which any direction changed, so both are upper bounds of what one pass over all samples gives,
    up to the (negligible) shift of the mean in the fourth moments.

    Parameters
    ----------
    moments : Moments
        With the full scatter.
    kurtosis : number
    squared_radius : number
    low, high : [d]
        Smallest and largest entry of each coordinate.
    rounding : number
        As in `CoordinateTest`.
    """

    moments: Moments
    kurtosis: float
    squared_radius: float
    low: Float[Array, "d"]
    high: Float[Array, "d"]
    rounding: float = 1e-9

    @classmethod
    def of(cls, samples: ArrayLike, rounding: float = 1e-9) -> Tails:
        """Return the tails of `samples` [n, d], n at least 2."""
        x = sample_array("samples", samples)
        require_integer("the number of samples", len(x), 2, InvalidData)
        rounding = nonnegative("rounding", rounding)
        moments = moments_of(x)
        kurtosis, radius = _whitened(x, moments, rounding)
        return cls(moments, kurtosis, radius, x.min(axis=0), x.max(axis=0), rounding)

    def extended(self, samples: ArrayLike) -> Tails:
        """Return the tails of these samples and `samples` [k, d] together."""
        x = sample_array("samples", samples)
        if len(x) == 0:
            return self
        moments = self.moments.merge(moments_of(x))
        kurtosis, radius = _whitened(x, moments, self.rounding)
        white = _whitening(directions(moments, self.rounding))
        before, n = self.moments, moments.count
        ratio, shift = 0.0, 0.0
        if white.shape[1]:
            ratio = float(np.linalg.eigvalsh(white.T @ before.covariance @ white)[-1])
            shift = float(np.linalg.norm((before.mean - moments.mean) @ white))
        carried = (math.sqrt(max(ratio, 0.0) * self.squared_radius) + shift) ** 2
        return Tails(
            moments,
            max(1.0, (before.count * ratio**2 * self.kurtosis + len(x) * kurtosis) / n),
            max(carried, radius),
            np.minimum(self.low, x.min(axis=0)),
            np.maximum(self.high, x.max(axis=0)),
            self.rounding,
        )

    @property
    def noise(self) -> float:
        """What rounding explains, in the unit of the samples."""
        return rounding_noise(self.moments.mean, self.moments.variance, self.rounding)

    def guarded_covariance(
        self, log_odds: float, jump: Float[Array, "d"] | RareEvents | None
    ) -> Float[Array, "d d"] | None:
        """Return the covariance to be used in place of the sample's; None when the tails allow none.

        (Σ + 2 Σ₊) / 3,  Σ₊ = Σ / (1 − s) + U,  s = √(2 kurtosis L / n),
        U = (L/n) 2 radius² Σ, or (L/n) d diag(jump²), or that of `RareEvents`

        See `guard_factor` for the reasons. L = log(1/probability that the guard fails).
        """
        n, covariance = self.moments.count, self.moments.covariance
        error = relative_error(self.kurtosis, n, log_odds)
        if error > GATE:
            return None
        if jump is None:
            return covariance * guard_factor(self.kurtosis, self.squared_radius, n, log_odds)
        if isinstance(jump, RareEvents):
            unseen = jump.covariance(n, log_odds)
        else:
            unseen = np.diag(jump.size * jump**2) * log_odds / n
        return covariance * guard_factor(self.kurtosis, 0.0, n, log_odds) + 2 * unseen / 3

    def guarded_variance(self, log_odds: float, jump: Float[Array, "d"] | RareEvents | None) -> Float[Array, "d"]:
        """Return the same, one coordinate at a time, each by its own tails; infinite where there is none."""
        n, variance = self.moments.count, self.moments.variance
        reach = np.maximum(self.high - self.moments.mean, self.moments.mean - self.low) ** 2
        if isinstance(jump, RareEvents):
            unseen = jump.variance(n, log_odds)
        else:
            unseen = (UNSEEN * reach if jump is None else jump**2) * log_odds / n
        found = np.full(variance.size, math.inf)
        for j, kurtosis in enumerate(self.moments.kurtosis):
            if relative_error(float(kurtosis), n, log_odds) <= GATE:
                found[j] = variance[j] * guard_factor(float(kurtosis), 0.0, n, log_odds) + 2 / 3 * unseen[j]
        return found


def guard_factor(kurtosis: float, squared_radius: float, n: int, log_odds: float) -> float:
    """Return the factor on the variance that keeps far tails of a studentised mean honest.

    (1 + 2 (1/(1 − s) + 2 radius² L/n)) / 3,  s = √(2 kurtosis L / n) ≤ 3/4; infinite beyond

    A t statistic errs far more often than its normal limit says when the sample has missed part of a long
    tail: its variance is then too small exactly when its mean is off. For every distribution of variance σ²,
    E exp(λ(x − μ) − λ²((x − μ)² + 2σ²)/6) ≤ 1, so a self-normalised mean obeys normal tails when a third of
    the variance is the sample's and two thirds a bound on the true one. That bound has two parts. The sum of
    n nonnegative variables (u·z)² falls short of its mean by a factor 1 − s with probability at most
    e^{−L} (for matrices, d e^{−L}). And events of total probability L/n are unseen with probability e^{−L}:
    they are granted twice the largest squared radius seen. To first order in n^{−1/2} the factor is at least
    the Cramér correction for skewness, exp(γ z³ / (3√n)), since γ² ≤ kurtosis − 1.

    References
    ----------
    Delyon, "Exponential inequalities for sums of weakly dependent variables", Electronic J. of Probability
    14, 2009; Tropp, "User-friendly tail bounds for sums of random matrices", Found. Comput. Math. 12, 2012;
    Jing, Shao & Wang, "Self-normalized Cramér-type large deviations", Annals of Probability 31, 2003.
    """
    error = relative_error(kurtosis, n, log_odds)
    if error > GATE:
        return math.inf
    return (1 + 2 * (1 / (1 - error) + UNSEEN * squared_radius * log_odds / n)) / 3


def relative_error(kurtosis: float, n: int, log_odds: float) -> float:
    """Return s, how far a variance estimated from n samples may fall short of the truth."""
    return math.sqrt(2 * kurtosis * log_odds / n)


def directions(moments: Moments, rounding: float) -> Directions:
    """Return the directions that vary in the sample."""
    return varying_directions(moments.covariance, rounding_noise(moments.mean, moments.variance, rounding))


def _whitening(axes: Directions) -> Float[Array, "d r"]:
    white: Float[Array, "d r"] = axes.basis / np.sqrt(axes.variances)
    return white


def _whitened(samples: Float[Array, "k d"], moments: Moments, rounding: float) -> tuple[float, float]:
    """Return kurtosis and squared radius of `samples` about the mean and covariance of `moments`."""
    z = _whitening(directions(moments, rounding)).T @ (samples - moments.mean).T  # [r, k]: long rows are added up fast
    if z.shape[0] == 0:
        return 1.0, 0.0
    squares = (z * z).sum(axis=0)
    fourth = (z * squares) @ z.T / len(squares)
    return max(1.0, float(np.linalg.eigvalsh(fourth)[-1])), float(squares.max())
