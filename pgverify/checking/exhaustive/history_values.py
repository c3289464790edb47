"""Values of histories, of the trajectories that are listed: what a perfect critic says of a policy that remembers."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from pgverify.trajectories import Trajectories
from pgverify.validation import Array


def values_of_histories(batch: Trajectories, probability: Float[Array, "n"]) -> Float[Array, "n T_plus_1"]:
    """Return V(h_t) = E_π[Σ_{k≥t} γ^{k−t} r_k | s_0, a_0, …, s_t] for every trajectory, 0 once it has ended.

    Parameters
    ----------
    batch : Trajectories
        All there are, none of them cut.
    probability : [n]
        As they were drawn; somebody else's are weighted.
    """
    chance = probability * batch.importance.prod(axis=1)
    to_go = np.zeros(len(batch))
    values = np.zeros(batch.states.shape)
    for t in reversed(range(batch.num_steps)):
        to_go = batch.rewards[:, t] + batch.discount * to_go
        past = np.concatenate([batch.states[:, : t + 1], batch.actions[:, :t]], axis=1)
        _, same = np.unique(past, axis=0, return_inverse=True)
        same = same.ravel()
        total = np.bincount(same, chance)
        mean = np.bincount(same, chance * to_go) / np.where(total > 0.0, total, 1.0)
        values[:, t] = np.where(batch.mask[:, t], mean[same], 0.0)
    return values
