"""What p values of a t statistic are worth where samples are skewed, as those with rare events are."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from pgverify.validation import Array

NORMAL = 3.0
"""Standard errors of a normal sample's skewness, √(6/n), that count as none: for normal samples t is exact."""


def notable_skewness(skewness: Float[Array, "k"], count: int) -> Float[Array, "k"]:
    """Return |γ| beyond what n normal samples show."""
    return np.maximum(np.abs(skewness) - NORMAL * np.sqrt(6.0 / count), 0.0)


def corrected_p_values(
    statistic: Float[Array, "k"], freedom: int, skewness: Float[Array, "k"]
) -> tuple[Float[Array, "k"], Float[Array, "k"]]:
    """Return P(|t| > z) of means whose samples are skewed against them, and the smallest it can ever be.

    p' = P(|t_{n−1}| > z) exp(γ z³ / (3 √n)),  z at most z* = √n / γ, where it is smallest

    The studentised mean of samples of skewness γ falls short by z standard errors more often than the normal limit
    says, by this factor to first order (Cramér): the sample then has missed part of its long tail, in its mean and in
    its variance. An event that n samples show k times has γ = √(n/k), so that 1/z*² is the number of events, and no p
    below about e^{−k/6} is to be had from k of them.

    Parameters
    ----------
    statistic : [k]
        z ≥ 0.
    freedom : int
        n − 1.
    skewness : [k]
        γ ≥ 0: of the tail that lies on the side of the target, 0 where none does.

    References
    ----------
    Jing, Shao & Wang, "Self-normalized Cramér-type large deviations", Annals of Probability 31, 2003.
    """
    from scipy.special import stdtr

    slope = skewness / np.sqrt(freedom + 1.0)
    furthest = np.divide(1.0, slope, out=np.full(slope.shape, np.inf), where=slope > 0)

    def p_value(z: Float[Array, "k"]) -> Float[Array, "k"]:
        exponent = np.where(slope > 0, slope * np.where(np.isfinite(z), z, 0.0) ** 3 / 3.0, 0.0)
        exponent = np.minimum(exponent, 700.0)  # beyond, at z*, the first factor is 0 by far
        return np.minimum(1.0, 2.0 * stdtr(freedom, -z) * np.exp(exponent))

    return p_value(np.minimum(statistic, furthest)), p_value(furthest)


def equivalent_statistic(squared: float, rank: int, count: int) -> float:
    """Return the |t_{n−1}| that is as improbable as Hotelling's T² in r directions."""
    from scipy.special import fdtrc, stdtrit

    p = float(fdtrc(rank, count - rank, squared * (count - rank) / (rank * (count - 1))))
    return -float(stdtrit(count - 1, max(p, 1e-300) / 2.0))
