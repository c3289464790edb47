"""Controls made of the others that begin in the same state, and of all others where there are none or few of them."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, Integer

from pgverify.checking.sampled.controls import Controls
from pgverify.validation import Array

PRIOR = (1.0, 2.0, 4.0, 5.0, 8.0, 10.0)
"""As how many trajectories of the same state the mean of all others counts, where the two are mixed."""


def controls_by_start(controls: Controls, rows: Integer[Array, "m n"]) -> Float[Array, "m k d"]:
    """Return controls of mean zero: the mean of b_i ψ_i, b_i made of all trajectories of the batch but i.

    b_i is the mean of all others where no other begins as i does; of those that begin elsewhere, 0 where there are
    none; that of the same state, times their share of the batch; and mixed with that of all others by `PRIOR`.

    Parameters
    ----------
    controls : Controls
    rows : [m, n]
        Of m batches, two trajectories or more in each.
    """
    returns, starts = controls.totals[0][rows], controls.starts[rows]
    names, place = np.unique(starts, return_inverse=True)
    members = place.reshape(starts.shape)[:, :, None] == np.arange(len(names))  # [m, n, states]
    own = np.take_along_axis(members.sum(axis=1), place.reshape(starts.shape), axis=1) - 1.0
    sums = np.take_along_axis((members * returns[:, :, None]).sum(axis=1), place.reshape(starts.shape), axis=1)
    alike, count = sums - returns, rows.shape[1] - 1.0
    everyone = (returns.sum(axis=1, keepdims=True) - returns) / count
    others = count - own
    mean = alike / np.maximum(own, 1.0)
    elsewhere = np.where(others > 0.5, (count * everyone - alike) / np.maximum(others, 1.0), 0.0)
    mixed = ((alike + prior * everyone) / (own + prior) for prior in PRIOR)
    shrunk = (alike / (own + prior) for prior in PRIOR)
    baselines = (np.where(own < 0.5, everyone, 0.0), elsewhere, mean * own / count, *mixed, *shrunk)
    return np.stack(controls.each_weighted(rows, baselines), axis=1)
