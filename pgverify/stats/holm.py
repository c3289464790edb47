"""Many tests at one total error rate: Holm's step-down procedure, which needs no independence."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from pgverify.validation import Array


def adjusted_by_holm(p: Float[Array, "d"]) -> Float[Array, "d"]:
    """Adjust p-values: the k-th smallest times (d − k + 1), made rising, at most one.

    Rejecting those that are at most α rejects a true hypothesis with probability at most α in all, however the tests
    depend on each other, as long as each p-value by itself is valid.

    References
    ----------
    Holm, "A simple sequentially rejective multiple test procedure", Scandinavian J. of Statistics 6, 1979.
    """
    order = np.argsort(p, kind="stable")
    stepped = np.maximum.accumulate(p[order] * np.arange(p.size, 0, -1))
    adjusted = np.empty(p.size)
    adjusted[order] = np.minimum(stepped, 1.0)
    return adjusted
