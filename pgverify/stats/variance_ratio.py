"""Which of two estimators is noisier, and by what factor: compared on the same trajectories."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Float
from numpy.typing import ArrayLike

from pgverify.errors import InvalidData
from pgverify.kinds import known_arguments
from pgverify.stats.directions import UNDERFLOW, target_array
from pgverify.stats.moments import Moments, sample_array
from pgverify.stats.power import (
    f_noncentrality,
    f_power,
    nonnegative,
    open_unit,
    smallest_count,
    t_critical,
)
from pgverify.validation import Array, require_integer, require_number, settle

FEWEST = 4
ROUNDING = 1e-12
"""A root mean square deviation below this part of the samples' size is rounding: nothing varies."""


@known_arguments
@dataclass(frozen=True)
class VarianceRatioResult:
    """What a `VarianceRatio` found.

    Parameters
    ----------
    ratio, low, high : number
        tr Cov(first) / tr Cov(second) and its interval. See `zero` for 0 and infinity.
    spread : number
        Standard deviation of q_i / q̄ − w_i / w̄, what `detectable_ratio` and `samples_needed` take.
    count : int
    differs : bool
        The interval excludes 1.
    zero : "", "first", "second" or "both"
        Which of the two does not vary. The ratio is then 0 with [0, 0], infinite with [inf, inf], or, when
        neither varies, 1 with [0, inf], which claims nothing.
    """

    ratio: float
    low: float
    high: float
    spread: float
    count: int
    differs: bool
    zero: Literal["", "first", "second", "both"]


@known_arguments
@dataclass(frozen=True)
class VarianceRatio:
    """Compare the traces of the covariances of two estimators, sample by sample.

    ratio = q̄ / w̄,  q_i = |x_i − mean_x|²,  w_i = |y_i − mean_y|²,
    interval: ratio × exp(± t_{n−1, α/2} se),  se = sd(q_i/q̄ − w_i/w̄) / √n

    The delta method on the logarithm: pairing removes what both estimators share. Coverage approaches
    `confidence` as n grows when fourth moments exist; no normality is assumed.

    Parameters
    ----------
    confidence : number in (0, 1)
        Of the interval; 1 − confidence is the false-alarm probability of `differs`.
    power : number in (0, 1)
        What `detectable_ratio` and `samples_needed` promise.

    Raises
    ------
    InvalidData
        Naming the argument, the value and what is allowed.
    """

    confidence: float
    power: float = 0.9

    def __post_init__(self) -> None:
        settle(self, confidence=open_unit("confidence", self.confidence))
        settle(self, power=open_unit("power", self.power))

    def run(
        self,
        first: ArrayLike,
        second: ArrayLike,
        mean_first: ArrayLike | None = None,
        mean_second: ArrayLike | None = None,
    ) -> VarianceRatioResult:
        """Compare two estimators evaluated on the same n trajectories.

        Parameters
        ----------
        first, second : [n, d] and [n, k]
            Row i of both comes from trajectory i; at least four rows.
        mean_first, mean_second : [d] and [k], optional
            The expectations where known; estimated otherwise.
        """
        x, y = sample_array("first", first), sample_array("second", second)
        n = require_integer("the number of rows of first", len(x), FEWEST, InvalidData)
        if len(y) != n:
            raise InvalidData(f"second has {len(y)} rows, must have those of first, {n}: the two are paired")
        q, first_zero = _squared_distances("mean_first", x, mean_first)
        w, second_zero = _squared_distances("mean_second", y, mean_second)
        if first_zero or second_zero:
            return _degenerate(first_zero, second_zero, n)
        top, bottom = float(q.mean()), float(w.mean())
        spread = float(np.std(q / top - w / bottom, ddof=1))
        log_ratio = math.log(top) - math.log(bottom)
        reach = t_critical(n - 1, 1 - self.confidence) * spread / math.sqrt(n)
        low, high = _exp(log_ratio - reach), _exp(log_ratio + reach)
        differs = abs(log_ratio) > reach
        return VarianceRatioResult(_exp(log_ratio), low, high, spread, n, differs, "")

    def detectable_ratio(self, spread: float, n: int) -> float:
        """Return the smallest ratio above 1 that n pairs tell from 1 with probability `power`.

        Its inverse is the largest below 1. log ratio = spread √(noncentrality / n), for normal log ratios.

        Parameters
        ----------
        spread : number
            As in the result of a pilot run.
        n : int
            At least four pairs.
        """
        spread = nonnegative("spread", spread)
        n = require_integer("n", n, FEWEST, InvalidData)
        noncentrality = f_noncentrality(1, n - 1, 1 - self.confidence, self.power)
        return _exp(spread * math.sqrt(noncentrality / n))

    def samples_needed(self, spread: float, ratio: float) -> int | None:
        """Return the smallest number of pairs that tells `ratio` from 1 with probability `power`.

        None when no number up to 2^50 suffices, as for a ratio of 1.
        """
        spread = nonnegative("spread", spread)
        ratio = require_number("ratio", ratio, 5e-324, 1.7e308, InvalidData, "a finite number above 0")
        if ratio == 1.0:
            return None
        if spread == 0.0:
            return FEWEST
        strength = (math.log(ratio) / spread) ** 2
        alpha = 1 - self.confidence
        return smallest_count(lambda n: f_power(1, n - 1, alpha, n * strength), self.power, FEWEST)


def _squared_distances(
    name: str, samples: Float[Array, "n d"], centre: ArrayLike | None
) -> tuple[Float[Array, "n"], bool]:
    """Return |x_i − centre|², made unbiased for an estimated centre, and whether they are only rounding."""
    n, d = samples.shape
    if centre is None:
        mean, unbiased = Moments.of(samples, diagonal=True).mean, n / (n - 1)
    else:
        mean, unbiased = target_array(name, centre, d), 1.0
    squares = ((samples - mean) ** 2).sum(axis=1) * unbiased
    scale = max(float(np.abs(samples).max()), float(np.abs(mean).max()))
    return squares, bool(math.sqrt(float(squares.mean())) <= ROUNDING * scale + UNDERFLOW)


def _degenerate(first_zero: bool, second_zero: bool, n: int) -> VarianceRatioResult:
    if first_zero and second_zero:
        return VarianceRatioResult(1.0, 0.0, math.inf, 0.0, n, False, "both")
    if first_zero:
        return VarianceRatioResult(0.0, 0.0, 0.0, 0.0, n, True, "first")
    return VarianceRatioResult(math.inf, math.inf, math.inf, 0.0, n, True, "second")


def _exp(x: float) -> float:
    return math.exp(x) if x < 700 else math.inf
