"""Exact moments of self-normalised importance sampling in batches of any size.

ĝ = Σ_i W_i g_i / Σ_j W_j. With 1/x = ∫ e^{−ux} du and 1/x² = ∫ u e^{−ux} du, u from 0 to ∞, sums of weights become
powers of φ(u) = E e^{−uW}, and with M(w) = E[g; W = w], Q(w) = E[g gᵀ; W = w], m(u) = Σ_w w e^{−uw} M(w),

    E ĝ     = n ∫ φ^{n−1} m du
    E ĝ ĝᵀ  = n ∫ u φ^{n−1} Σ_w w² e^{−uw} Q(w) du + n(n−1) ∫ u φ^{n−2} m mᵀ du.

The integrands are analytic and decay at both ends; u = s exp(t − e^{−t}) makes them decay doubly exponentially in t,
where the trapezoidal rule has as many digits as the numbers (Takahasi & Mori, 1974).
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from pgverify.declarations import TrajectoryWeights
from pgverify.exact.step_law import StepLaw
from pgverify.exact.weighted_totals import weighted_totals
from pgverify.validation import Array

STEP = 1.0 / 32.0
"""Distance of the nodes in t: at twice the distance results agree to rounding."""

LOWEST = -3.8
"""Of t: there u is e^−48 of its scale."""

NEGLIGIBLE = 50.0
"""−log of what is left of an integrand where the nodes end."""

LEAST = 1e-300
"""What stands for a φ that is 0 to double precision."""


def self_normalised_sums(
    law: StepLaw, declared: TrajectoryWeights, batch_size: int, step: float = STEP
) -> tuple[Float[Array, "d"], Float[Array, "d d"]]:
    """Return E ĝ and E ĝ ĝᵀ of the estimate from n trajectories, before the factor of each step.

    Parameters
    ----------
    law : StepLaw
        With a horizon.
    declared : TrajectoryWeights
    batch_size : int
        n.
    step : float
        Distance of the nodes.
    """
    found = weighted_totals(law, declared.base)
    n, size = batch_size, found.mean.shape[1]
    used = found.weight > 0  # a trajectory of weight 0 adds nothing, but is one of n
    weight, chance = np.minimum(found.weight, declared.cap), found.probability
    if not used.any():
        return np.zeros(size), np.zeros((size, size))
    node, part = _nodes(weight[used], float(chance @ weight), n, step)
    decay = np.exp(-np.outer(node, weight))
    below = np.expm1(-np.outer(node, weight)) @ chance  # φ − 1: in φ itself digits would be lost where it is nearly 1
    power = np.where(below > -0.5, np.log1p(np.maximum(below, -0.5)), np.log(np.maximum(decay @ chance, LEAST)))
    score = (decay * weight) @ found.mean
    second = (decay * weight**2) @ found.second.reshape(len(weight), -1)
    others = part * np.exp((n - 1) * power)
    mean = n * others @ score
    square = n * ((node * others) @ second).reshape(size, size)
    if n > 1:
        pairs = node * part * np.exp((n - 2) * power)
        square = square + n * (n - 1) * np.einsum("u,ud,ue->de", pairs, score, score)
    return mean, (square + square.T) / 2.0


def _nodes(weight: Float[Array, "m"], mean: float, n: int, step: float) -> tuple[Float[Array, "k"], Float[Array, "k"]]:
    """Return nodes u and weights du of the integral, on the scale on which φ^n decays."""
    scale = 1.0 / (n * mean)
    last = np.log(NEGLIGIBLE / (scale * float(weight.min())))
    t = np.arange(LOWEST, max(last, 1.0) + step, step)
    u = scale * np.exp(t - np.exp(-t))
    return u, step * u * (1.0 + np.exp(-t))
