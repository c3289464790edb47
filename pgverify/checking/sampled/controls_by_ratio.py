"""Controls made of what others were paid by the importance ratios of their trajectories, where another policy acted."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, Integer

from pgverify.checking.sampled.controls import Controls
from pgverify.validation import Array


def controls_by_ratio(controls: Controls, rows: Integer[Array, "m n"]) -> Float[Array, "m k d"]:
    """Return controls of mean zero: the mean of b_i ρ_i ψ_i, b_i made of all trajectories of the batch but i.

    b_i = Σ_j w_j R_j / Σ_j w_j over j ≠ i for w = ρ, ρ² and min(ρ, 1), 0 where all those are; and the mean of ρ_j R_j
    and of ρ_j, for baselines that are not divided by their weights.

    Parameters
    ----------
    controls : Controls
    rows : [m, n]
        Of m batches, two trajectories or more in each.
    """
    returns, ratios = controls.totals[0][rows], controls.ratios[rows]

    def others(values: Float[Array, "m n"]) -> Float[Array, "m n"]:
        return np.asarray(values.sum(axis=1, keepdims=True) - values)

    baselines = [others(ratios * returns), others(ratios)]
    for weight in (ratios, ratios**2, np.minimum(ratios, 1.0)):
        total = others(weight)
        some = total > 1e-12 * weight.max(initial=0.0)
        baselines.append(np.where(some, others(weight * returns) / np.where(some, total, 1.0), 0.0))
    scale = max(rows.shape[1] - 1, 1)
    means = [each / scale for each in baselines[:2]]
    return np.stack(controls.each_weighted(rows, (*means, *baselines[2:])), axis=1)
