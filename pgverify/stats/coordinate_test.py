"""Is some coordinate of the mean off its target? One t test a coordinate, the error rate a total."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float
from numpy.typing import ArrayLike

from pgverify.errors import InvalidData
from pgverify.kinds import accepts, known_arguments
from pgverify.stats.directions import (
    beyond,
    jump_array,
    quiet,
    rounding_noise,
    target_array,
    variance_array,
)
from pgverify.stats.holm import adjusted_by_holm
from pgverify.stats.moments import MOMENTS, Moments
from pgverify.stats.power import f_noncentrality, f_power, nonnegative, open_unit, smallest_count
from pgverify.validation import Array, require_integer, settle


@known_arguments
@dataclass(frozen=True, eq=False)
class CoordinateResult:
    """What a `CoordinateTest` found.

    Parameters
    ----------
    statistic : number
        Largest |t|; infinite when a deterministic coordinate is off.
    p_value : number
        Of the hypothesis that no coordinate is off: min(1, d min_j p_j).
    rejected : bool
        p_value ≤ alpha.
    bias : [d]
        Mean minus target, in the unit of the samples.
    p_values : [d]
        One a coordinate, adjusted by Holm: those at most alpha are off, with all false alarms together
        limited by alpha.
    coordinates : [d] of bool
        Those found to be off.
    deterministic : [d] of bool
        Those whose sample variance is zero up to rounding.
    rests_on_deterministic : bool
        The rejection would not stand without the deterministic coordinates.
    """

    statistic: float
    p_value: float
    rejected: bool
    bias: Float[Array, "d"]
    p_values: Float[Array, "d"]
    coordinates: Bool[Array, "d"]
    deterministic: Bool[Array, "d"]
    rests_on_deterministic: bool


@known_arguments
@dataclass(frozen=True)
class CoordinateTest:
    """Test that the mean equals its target in every coordinate.

    t_j = (|bias_j| − noise)₊ / √(variance_j / n),  p = min(1, d min_j P(|t_{n−1}| > t_j))

    The false-alarm probability over all coordinates is at most alpha for normal samples, and approaches that
    for any others as n grows. `noise` = rounding × the largest root mean square of a coordinate: what
    arithmetic explains is never called bias. A coordinate that did not vary in the sample is decisive (p = 0)
    when it is off by more than that — which takes it to be deterministic. If instead it may move, but rarely
    (an action of probability 1e-6), give `jump`: a coordinate equal to c in every sample has P(x ≠ c) ≥
    |bias| / jump, so p_j = (1 − |bias_j| / jump_j)^(n−1), for every distribution.

    Parameters
    ----------
    alpha : number in (0, 1)
        Total false-alarm probability of one call.
    power : number in (0, 1)
        What `detectable_bias` and `samples_needed` promise.
    rounding : number of at least 0
        Relative rounding of the samples: 1e-9 for float64 code, about 1e-5 for float32 code.

    Raises
    ------
    InvalidData
        Naming the argument, the value and what is allowed.

    References
    ----------
    Holm, "A simple sequentially rejective multiple test procedure", Scandinavian J. of Statistics 6, 1979.
    """

    alpha: float
    power: float = 0.9
    rounding: float = 1e-9

    def __post_init__(self) -> None:
        settle(self, alpha=open_unit("alpha", self.alpha))
        settle(self, power=open_unit("power", self.power))
        settle(self, rounding=nonnegative("rounding", self.rounding))

    @accepts(moments=MOMENTS)
    def run(self, moments: Moments, target: ArrayLike, jump: ArrayLike | float | None = None) -> CoordinateResult:
        """Test `moments` against `target` [d]; `jump` (number or [d]) bounds |x_j − x'_j|."""
        from scipy.special import stdtr

        bias = moments.mean - target_array("target", target, moments.dimension)
        bound = jump_array(jump, moments.dimension)
        variance = moments.variance
        noise = rounding_noise(moments.mean, variance, self.rounding)
        still = quiet(variance, noise)
        off = beyond(bias, noise)
        error = np.where(still, 1.0, np.sqrt(variance / moments.count))
        statistics = np.where(still, np.where(off > 0, np.inf, 0.0), off / error)
        freedom = moments.count - 1
        varying = np.where(still, 1.0, 2 * stdtr(freedom, -np.where(still, 0.0, statistics)))
        p = np.where(still, _still_p_value(off, bound, freedom), varying)
        d = moments.dimension
        adjusted = adjusted_by_holm(p)
        total = float(min(1.0, d * p.min()))
        return CoordinateResult(
            statistic=float(statistics.max()),
            p_value=total,
            rejected=total <= self.alpha,
            bias=bias,
            p_values=adjusted,
            coordinates=adjusted <= self.alpha,
            deterministic=still,
            rests_on_deterministic=bool(total <= self.alpha < d * varying.min()),
        )

    def detectable_bias(self, covariance: Moments | ArrayLike, n: int, direction: ArrayLike | None = None) -> float:
        """Return the length of the smallest bias found from n samples with probability `power`.

        In the least favourable direction (bias_j ∝ √variance_j) by default: any longer bias, in whatever
        direction, is found with at least this probability. Or along `direction` [d], of any length. Exact for
        normal samples up to the help of the other coordinates, which is not counted.

        Parameters
        ----------
        covariance : Moments, [d, d], or the variances [d]
        n : int
            At least 2.
        direction : [d], optional
        """
        variance = variance_array(covariance)
        n = require_integer("n", n, 2, InvalidData)
        noise = self._noise(covariance, variance)
        still = quiet(variance, noise)
        needed = f_noncentrality(1, n - 1, self.alpha / variance.size, self.power) ** 0.5
        size = np.where(still, 0.0, needed * np.sqrt(variance / n)) + noise
        if direction is None:
            return float(np.linalg.norm(size))
        along = np.abs(unit("direction", direction, variance.size))
        return float(np.min(np.divide(size, along, out=np.full(size.shape, np.inf), where=along > 0)))

    def samples_needed(self, covariance: Moments | ArrayLike, bias: ArrayLike) -> int | None:
        """Return the smallest n at which `bias` [d] is found with probability `power`.

        None when no number up to 2^50 suffices, as for a bias within rounding.
        """
        variance = variance_array(covariance)
        noise = self._noise(covariance, variance)
        off = beyond(target_array("bias", bias, variance.size), noise)
        still = quiet(variance, noise)
        if (off[still] > 0).any():
            return 2
        strength = float(np.max(off[~still] ** 2 / variance[~still], initial=0.0))
        if strength == 0.0:
            return None
        level = self.alpha / variance.size
        return smallest_count(lambda n: f_power(1, n - 1, level, n * strength), self.power, minimum=2)

    def _noise(self, covariance: Moments | ArrayLike, variance: Float[Array, "d"]) -> float:
        mean = covariance.mean if isinstance(covariance, Moments) else np.zeros(variance.size)
        return rounding_noise(mean, variance, self.rounding)


def unit(name: str, vector: ArrayLike, dimension: int) -> Float[Array, "d"]:
    """Return `vector` [d] at length one, refusing zero."""
    array = target_array(name, vector, dimension)
    largest = float(np.abs(array).max())
    if largest == 0.0:
        raise InvalidData(f"{name} is zero in every entry, must have a length")
    scaled = array / largest  # first, so that the squares neither overflow nor underflow
    return scaled / float(np.linalg.norm(scaled))


def _still_p_value(off: Float[Array, "d"], bound: Float[Array, "d"] | None, others: int) -> Float[Array, "d"]:
    """Return how likely all other samples equal the first, were the mean `off` away; 0 without a bound."""
    if bound is None:
        return np.where(off > 0, 0.0, 1.0)
    moves = np.divide(off, bound, out=np.where(off > 0, 1.0, 0.0), where=bound > 0)
    stays: Float[Array, "d"] = 1.0 - np.minimum(moves, 1.0)
    p: Float[Array, "d"] = stays**others
    return p
