"""How many trajectories of one's own a batch of somebody else's is worth."""

from __future__ import annotations

import numpy as np

from pgverify.estimators.capped_importance import trajectory_weights
from pgverify.estimators.capped_ratios import required_cap
from pgverify.kinds import accepts
from pgverify.trajectories import BATCH, Trajectories


@accepts(batch=BATCH)
def effective_sample_size(batch: Trajectories, cap: float | None = None) -> float:
    """Return (Σ_i W_i)²/Σ_i W_i², with W = Π_t π/μ the weight of a trajectory: n where all weights are equal.

    Divided by n it tends to `exact.effective_sample_share(problem)` as the batch grows (without a cap).

    Parameters
    ----------
    batch : Trajectories
    cap : float, optional
        At least 1: weights are min(W, cap). Default: no cap.

    Returns
    -------
    In [1, n]; 0 where all weights are 0.

    References
    ----------
    Kong, A note on importance sampling using standardized weights, 1992.
    """
    weight = np.minimum(trajectory_weights(batch), np.inf if cap is None else required_cap(cap))
    largest = weight.max(initial=0.0)
    if largest == 0.0:
        return 0.0
    share = weight / largest  # squares of large weights overflow
    return float(share.sum() ** 2 / (share**2).sum())
