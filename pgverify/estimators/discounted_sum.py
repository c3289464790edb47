"""The backward sum that every reward-to-go and every advantage is made of."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from pgverify.validation import Array


def discounted_sum(steps: Float[Array, "n T"], factor: float) -> Float[Array, "n T"]:
    """Return Y_t = x_t + κ Y_{t+1} along the last axis, with Y_T = 0.

    Parameters
    ----------
    steps : [n, T]
        x_t, 0 on padding.
    factor : float
        κ.
    """
    sums = np.zeros_like(steps)
    following = np.zeros(len(steps))
    for t in reversed(range(steps.shape[1])):
        following = steps[:, t] + factor * following
        sums[:, t] = following
    return sums
