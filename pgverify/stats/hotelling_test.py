"""Is the mean off its target in some direction? Hotelling's test, on the directions that vary."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from numpy.typing import ArrayLike

from pgverify.errors import InvalidData
from pgverify.kinds import accepts, known_arguments
from pgverify.stats.coordinate_test import unit
from pgverify.stats.directions import (
    Directions,
    beyond,
    covariance_array,
    jump_array,
    rounding_noise,
    target_array,
    varying_directions,
)
from pgverify.stats.moments import MOMENTS, Moments
from pgverify.stats.power import f_noncentrality, f_power, nonnegative, open_unit, smallest_count
from pgverify.validation import Array, require_integer, settle


@known_arguments
@dataclass(frozen=True, eq=False)
class HotellingResult:
    """What a `HotellingTest` found.

    Parameters
    ----------
    statistic : number
        T² over the directions that vary; infinite when a deterministic direction is decisive (p = 0).
    p_value : number
    rejected : bool
        p_value ≤ alpha.
    bias : [d]
        Mean minus target, in the unit of the samples.
    rank : int
        r, the number of directions that vary.
    deterministic_bias : number
        Length of the bias in the deterministic directions beyond what rounding explains.
    rests_on_deterministic : bool
        The rejection would not stand without the deterministic directions.
    """

    statistic: float
    p_value: float
    rejected: bool
    bias: Float[Array, "d"]
    rank: int
    deterministic_bias: float
    rests_on_deterministic: bool


@known_arguments
@dataclass(frozen=True)
class HotellingTest:
    """Test that the mean vector equals its target, in every direction at once.

    T² = n Σ_k (|u_k·bias| − noise)₊² / λ_k,  T² (n − r) / (r (n − 1)) ~ F(r, n − r)

    over the r eigenvectors u_k of the sample covariance with λ_k > 0 up to rounding (`varying_directions`):
    the covariance may be singular, as it is for a softmax gradient, which sums to zero over actions. The
    false-alarm probability is at most alpha for normal samples, and approaches that for any others as n
    grows. A bias across the directions that vary is decisive (p = 0) when beyond rounding — which takes them
    to be deterministic. If instead the samples may leave their subspace, but rarely, give `jump`: the
    probability that n samples lie in the span of r + 1 of them, at distance δ from their mean, is at most
    C(n, r+1) (1 − δ/|jump|)^(n−r−1); that times d (for r is seen, not known) and the p value of T² are then
    combined by Bonferroni.

    Needs n ≥ r + 2: with fewer, the subspace is that of the sample, not of the distribution.

    Parameters
    ----------
    alpha, power, rounding
        As in `CoordinateTest`.

    Raises
    ------
    InvalidData
        Naming the argument, the value and what is allowed.

    References
    ----------
    Hotelling, "The generalization of Student's ratio", Annals of Mathematical
    Statistics 2, 1931. The bound for subspaces: the compression argument of Littlestone & Warmuth, 1986.
    """

    alpha: float
    power: float = 0.9
    rounding: float = 1e-9

    def __post_init__(self) -> None:
        settle(self, alpha=open_unit("alpha", self.alpha))
        settle(self, power=open_unit("power", self.power))
        settle(self, rounding=nonnegative("rounding", self.rounding))

    @accepts(moments=MOMENTS)
    def applicable(self, moments: Moments) -> bool:
        """Return whether there are enough samples: full moments with n ≥ r + 2."""
        return not moments.diagonal and moments.count >= 2 and moments.count >= self.directions(moments).rank + 2

    @accepts(moments=MOMENTS)
    def run(self, moments: Moments, target: ArrayLike, jump: ArrayLike | float | None = None) -> HotellingResult:
        """Test `moments` against `target` [d]; `jump` (number or [d]) bounds |x_j − x'_j|."""
        from scipy.special import fdtrc

        n, d = moments.count, moments.dimension
        bias = moments.mean - target_array("target", target, d)
        bound = jump_array(jump, d)
        axes = self.directions(moments)
        r = axes.rank
        if n < r + 2:
            raise InvalidData(f"moments.count is {n}, must be at least {r + 2} for {r} directions that vary")
        off = beyond(axes.basis.T @ bias, self._noise(moments))
        statistic = float(n * np.sum(off**2 / axes.variances))
        varying = float(fdtrc(r, n - r, statistic * (n - r) / (r * (n - 1)))) if r else 1.0
        astray = max(axes.across(bias) - axes.hidden, 0.0)
        if bound is None:
            p = 0.0 if astray > 0 else varying
        else:
            varying = min(1.0, 2 * varying)
            p = min(varying, 2 * _subspace_p_value(astray, float(np.linalg.norm(bound)), n, r, d))
        return HotellingResult(
            statistic=math.inf if p == 0.0 and astray > 0 else statistic,
            p_value=p,
            rejected=p <= self.alpha,
            bias=bias,
            rank=r,
            deterministic_bias=astray,
            rests_on_deterministic=p <= self.alpha < varying,
        )

    def detectable_bias(self, covariance: Moments | ArrayLike, n: int, direction: ArrayLike | None = None) -> float:
        """Return the length of the smallest bias found from n samples with probability `power`.

        Along the direction of largest variance by default, the least favourable one: any longer bias is found
        with at least this probability. Or along `direction` [d], of any length. Exact for normal samples, up
        to the rounding. Infinite when n < r + 2.

        Parameters
        ----------
        covariance : Moments or [d, d]
        n : int
            At least 2.
        direction : [d], optional
        """
        axes, noise = self._axes(covariance)
        n = require_integer("n", n, 2, InvalidData)
        r, d = axes.rank, axes.basis.shape[0]
        if n < r + 2:
            return math.inf
        if r == 0:
            return axes.hidden
        length = math.sqrt(f_noncentrality(r, n - r, self.alpha, self.power) / n)
        if direction is None:
            worst = length * math.sqrt(axes.variances[-1]) + noise * math.sqrt(r)
            return worst if r == d else math.hypot(worst, axes.hidden)
        along = unit("direction", direction, d)
        across = axes.across(along)
        # A part across the basis below 1e-8 is rounding of the basis itself.
        decisive = axes.hidden / across if across > 1e-8 else math.inf
        weight = math.sqrt(float(np.sum((axes.basis.T @ along) ** 2 / axes.variances)))
        seen = length / weight + noise * math.sqrt(r) if weight > 0 else math.inf
        return min(seen, decisive)

    def samples_needed(self, covariance: Moments | ArrayLike, bias: ArrayLike) -> int | None:
        """Return the smallest n at which `bias` [d] is found with probability `power`.

        None when no number up to 2^50 suffices, as for a bias within rounding.
        """
        axes, noise = self._axes(covariance)
        vector = target_array("bias", bias, axes.basis.shape[0])
        r = axes.rank
        if axes.across(vector) > axes.hidden:
            return r + 2
        strength = float(np.sum(beyond(axes.basis.T @ vector, noise) ** 2 / axes.variances))
        if strength == 0.0:
            return None
        return smallest_count(lambda n: f_power(r, n - r, self.alpha, n * strength), self.power, r + 2)

    @accepts(moments=MOMENTS)
    def directions(self, moments: Moments) -> Directions:
        """Return the directions that vary in the sample."""
        return varying_directions(moments.covariance, self._noise(moments))

    def _noise(self, moments: Moments) -> float:
        return rounding_noise(moments.mean, moments.variance, self.rounding)

    def _axes(self, covariance: Moments | ArrayLike) -> tuple[Directions, float]:
        if isinstance(covariance, Moments):
            return self.directions(covariance), self._noise(covariance)
        matrix = covariance_array(covariance)
        noise = rounding_noise(np.zeros(len(matrix)), np.diagonal(matrix), self.rounding)
        return varying_directions(matrix, noise), noise


def log_choices(n: int, rank: int, dimension: int) -> float:
    """Return log(d C(n, r + 1)): the ranks there may be, and the choices of r + 1 samples of n."""
    chosen = math.lgamma(n + 1) - math.lgamma(rank + 2) - math.lgamma(n - rank)
    return math.log(dimension) + chosen


def _subspace_p_value(astray: float, jump: float, n: int, rank: int, dimension: int) -> float:
    if astray == 0.0:
        return 1.0
    if astray >= jump:
        return 0.0
    exponent = log_choices(n, rank, dimension) + (n - rank - 1) * math.log1p(-astray / jump)
    return math.exp(min(exponent, 0.0))
