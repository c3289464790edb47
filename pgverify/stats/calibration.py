"""Z-scores beside the standard normal, which they follow when the error bars are right."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from numpy.typing import ArrayLike

from pgverify.errors import InvalidData
from pgverify.kinds import accepts, known_arguments
from pgverify.stats.binomial import clopper_pearson
from pgverify.stats.power import open_unit
from pgverify.validation import Array, real_array

BOUND = 1.96
"""P(|Z| > 1.96) = 0.0500: the customary 95 % error bar."""


@known_arguments
@dataclass(frozen=True, eq=False)
class Calibration:
    """Z-scores beside the standard normal distribution.

    D = sup_x |F_k(x) − Φ(x)|, with the exact distribution of D for k independent scores

    Parameters
    ----------
    count : int
    statistic, p_value : number
        Kolmogorov–Smirnov.
    outside, outside_low, outside_high : number
        Fraction with |z| > 1.96, and its Clopper–Pearson interval; `outside_expected` is 0.0500.
    theoretical, observed : [k]
        Quantile pairs for a QQ plot: Φ⁻¹((i − ½)/k) and the sorted scores.
    """

    count: int
    statistic: float
    p_value: float
    outside: float
    outside_low: float
    outside_high: float
    outside_expected: float
    theoretical: Float[Array, "k"]
    observed: Float[Array, "k"]

    @classmethod
    def of(cls, scores: ArrayLike, confidence: float = 0.95) -> Calibration:
        """Compare independent `scores` [k] with the standard normal.

        Parameters
        ----------
        scores : [k]
            (estimate − truth) / standard error, each from its own samples.
        confidence : number in (0, 1)
            Of the interval for the fraction outside ±1.96.

        Raises
        ------
        InvalidData
            For scores that are not [k], empty or non-finite, naming the index.
        """
        from scipy.special import ndtr
        from scipy.stats import kstwo

        confidence = open_unit("confidence", confidence)
        theoretical, observed = quantile_pairs(scores)
        k = observed.size
        below = ndtr(observed)
        steps = np.arange(k + 1) / k
        statistic = float(max((steps[1:] - below).max(), (below - steps[:-1]).max()))
        beyond = int((np.abs(observed) > BOUND).sum())
        low, high = clopper_pearson(beyond, k, confidence)
        return cls(
            count=k,
            statistic=statistic,
            p_value=float(kstwo.sf(statistic, k)),
            outside=beyond / k,
            outside_low=low,
            outside_high=high,
            outside_expected=float(2 * ndtr(-BOUND)),
            theoretical=theoretical,
            observed=observed,
        )


@accepts()
def quantile_pairs(scores: ArrayLike) -> tuple[Float[Array, "k"], Float[Array, "k"]]:
    """Return the normal quantiles Φ⁻¹((i − ½)/k) and the sorted scores, both [k]; Hazen's positions."""
    from scipy.special import ndtri

    array = real_array("scores", scores, InvalidData)
    if array.ndim != 1 or array.size == 0:
        raise InvalidData(f"scores has shape {array.shape}, must be [k] with k at least 1")
    return ndtri((np.arange(array.size) + 0.5) / array.size), np.sort(array)
