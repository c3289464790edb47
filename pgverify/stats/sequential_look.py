"""One look at the data: how strongly it speaks against the target, and how large a bias could still hide."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from pgverify.stats.directions import beyond, quiet, varying_directions
from pgverify.stats.mean_region import MeanEllipsoid
from pgverify.stats.power import t_critical
from pgverify.stats.sequential_rare import RareEvents
from pgverify.stats.sequential_tails import Tails
from pgverify.validation import Array


@dataclass(frozen=True)
class EvidenceOfBias:
    """Of one look against the target: the p value, and what it would be without deterministic directions."""

    p_value: float
    varying_p_value: float


def evidence_of_bias(
    tails: Tails, target: Float[Array, "d"], log_odds: float, jump: Float[Array, "d"] | RareEvents | None
) -> EvidenceOfBias:
    """Return the p value of the mean being `target`: Hotelling's test and each coordinate's t test.

    p = min(1, 2 min(p_Hotelling, d min_j p_j)), or p_Hotelling when d = 1

    both with the guarded covariance in place of the sample's, so each is skipped where its tails are not
    trusted. A bias across the directions that vary has p = 0; with `jump` every direction varies.
    """
    from scipy.special import fdtrc, stdtr

    n, d, noise = tails.moments.count, tails.moments.dimension, tails.noise
    bias = tails.moments.mean - target
    parts = 1 if d == 1 else 2
    p, varying = [1.0], [1.0]
    covariance = tails.guarded_covariance(log_odds, jump)
    if covariance is not None:
        axes = varying_directions(covariance, noise)
        r = axes.rank
        if r and n >= r + 2:
            squared = float(n * np.sum(beyond(axes.basis.T @ bias, noise) ** 2 / axes.variances))
            varying.append(parts * float(fdtrc(r, n - r, squared * (n - r) / (r * (n - 1)))))
        if axes.across(bias) > axes.hidden:
            p.append(0.0)
    if parts == 2:
        variance, off = tails.guarded_variance(log_odds, jump), beyond(bias, noise)
        still = quiet(variance, noise)
        t = np.where(still, 0.0, off / np.sqrt(np.where(still, 1.0, variance) / n))
        varying.append(2 * d * float((2 * stdtr(n - 1, -t)).min()))
        if (still & (off > 0)).any():
            p.append(0.0)
    without = min(varying)
    return EvidenceOfBias(min(min(p), without), without)


def hidden_bias(
    tails: Tails,
    target: Float[Array, "d"],
    rate: float,
    log_odds: float,
    jump: Float[Array, "d"] | RareEvents | None,
) -> float:
    """Return a length that the bias exceeds with probability at most `rate`.

    max over unit u of  u·bias + t_{n−1, rate} √(u·C u / n),  C the guarded covariance; bounded from above by
    `MeanEllipsoid.farthest`

    One-sided and without a factor for the number of directions: whatever the true bias, of length ℓ along u,
    the bound can fall below ℓ only when u·bias does so by t standard errors — an event along one fixed
    direction (intersection–union). Infinite where the tails are not trusted.

    References
    ----------
    Berger, "Multiparameter hypothesis testing and acceptance sampling", Technometrics 24, 1982.
    """
    n = tails.moments.count
    covariance = tails.guarded_covariance(log_odds, jump)
    if covariance is None:
        return math.inf
    axes = varying_directions(covariance, tails.noise)
    radius = t_critical(n - 1, 2 * rate) / math.sqrt(n)
    region = MeanEllipsoid(tails.moments.mean, axes, radius, axes.hidden, tails.noise)
    return region.farthest(target)
