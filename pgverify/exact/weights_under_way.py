"""How long weights that change from step to step are followed: until nothing that counts of them is under way."""

from __future__ import annotations

from typing import Any

import numpy as np
from jaxtyping import Float

from pgverify.validation import Array

LARGEST_SQUARE = 1e100
MOST_STEPS = 100_000
"""Where the squares of weights have grown so far, or have not died out after so many steps, their sum is taken to be
infinite."""

NEGLIGIBLE_SURVIVAL = 1e-22
"""A random horizon is followed until what is still under way is below this: moments grow like T^4 at most, so what is
left out is far below rounding."""


def weights_under_way(start: Float[Array, "S"], onward: Any) -> tuple[int, float]:
    """Return after how many steps max_s (W^t 1)(s) is negligible, and what it is then: more than that if it never is.

    W = `onward` holds the mean weight from state to state of episodes that go on, so (W^t 1)(s) is the mean product of
    t weights from s; states that no episode comes to do not count.

    Parameters
    ----------
    start : [S]
        Probabilities of the first states.
    onward : matrix [S, S]
        Dense or sparse, nonnegative.
    """
    reached, before = start > 0, -1
    while reached.sum() != before:
        before, reached = reached.sum(), reached | (np.asarray(reached @ onward) > 0)
    ahead, steps, left = reached.astype(np.float64), 0, 1.0
    while steps < MOST_STEPS and NEGLIGIBLE_SURVIVAL <= left <= LARGEST_SQUARE:
        ahead, steps = np.where(reached, onward @ ahead, 0.0), steps + 1
        left = float(ahead.max())
    return steps, left
