"""Exact moments of self-normalised importance sampling in batches of any size.

ĝ = Σ_i W_i g_i / Σ_j W_j. Given its own weight, a trajectory meets the others through the sum of their weights alone:
with M(w) = E[g; W = w], Q(w) = E[g gᵀ; W = w] and S_m the sum of m independent weights,

    E ĝ     = n Σ_w w M(w) E[1/(w + S_{n−1})]
    E ĝ ĝᵀ  = n Σ_w w² Q(w) E[1/(w + S_{n−1})²] + n(n−1) Σ_{v,w} v w M(v) M(w)ᵀ E[1/(v + w + S_{n−2})²].
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from pgverify.declarations import TrajectoryWeights
from pgverify.errors import TooLarge
from pgverify.exact.step_law import StepLaw
from pgverify.exact.weighted_totals import SAME_WEIGHT, weighted_totals
from pgverify.validation import Array

MOST_SUMS = 4_000_000
"""Pairs of a sum of weights and one more that are looked at together: 32 MB."""


def self_normalised_sums(
    law: StepLaw, declared: TrajectoryWeights, batch_size: int
) -> tuple[Float[Array, "d"], Float[Array, "d d"]]:
    """Return E ĝ and E ĝ ĝᵀ of the estimate from n trajectories, before the factor of each step.

    Parameters
    ----------
    law : StepLaw
        With a horizon.
    declared : TrajectoryWeights
    batch_size : int
        n.

    Raises
    ------
    TooLarge
        When sums of weights take too many values.
    """
    found = weighted_totals(law, declared.base)
    weight, n = np.minimum(found.weight, declared.cap), batch_size
    others, chance = _sums(weight, found.probability, n - 1)
    mean = n * np.einsum("w,wd->d", weight * _mean_power(weight, others, chance, 1), found.mean)
    square = weight**2 * _mean_power(weight, others, chance, 2)
    second = n * np.einsum("w,wde->de", square, found.second)
    if n > 1:
        others, chance = _sums(weight, found.probability, n - 2)
        rows = weight[:, None] * found.mean
        for v, row in zip(weight, rows, strict=True):
            partner = np.einsum("w,wd->d", _mean_power(v + weight, others, chance, 2), rows)
            second += n * (n - 1) * np.outer(row, partner)
    return mean, (second + second.T) / 2.0


def _mean_power(
    weight: Float[Array, "m"], others: Float[Array, "k"], chance: Float[Array, "k"], power: int
) -> Float[Array, "m"]:
    """Return E[(w + S)^−power] for every w; where all weights are 0 the estimate is 0, and so is this."""
    total = weight[:, None] + others[None, :]
    inverse = np.divide(1.0, total, out=np.zeros_like(total), where=total > 0)
    return np.asarray(inverse**power @ chance)


def _sums(weight: Float[Array, "m"], chance: Float[Array, "m"], count: int) -> tuple[Array, Array]:
    """Return the values of a sum of independent weights, and their probabilities."""
    total, likely = np.zeros(1), np.ones(1)
    for _ in range(count):
        if len(total) * len(weight) > MOST_SUMS:
            raise TooLarge(
                f"batch_size is {count + 1}, must be smaller where weights take {len(weight):,} values: their sums "
                f"take more than {MOST_SUMS:,}; sample instead"
            )
        sums = (total[:, None] + weight[None, :]).ravel()
        joint = (likely[:, None] * chance[None, :]).ravel()
        order = np.argsort(sums, kind="stable")
        steps = np.diff(sums[order]) > SAME_WEIGHT * sums[order][1:]
        group = np.concatenate([[0], np.cumsum(steps)])
        likely = np.bincount(group, joint[order]).astype(np.float64)
        total = sums[order][np.concatenate([[True], steps])]
    return total, likely
