"""Choosing by cumulative sums: for rows that are used once, where a table would not pay."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, Int64

from pgverify.validation import Array


def choose_by_inversion(probabilities: Float[Array, "n M"], uniform: Float[Array, "n"]) -> Int64[Array, "n"]:
    """Return a cell [n] of each row, chosen by uniform numbers [n] in [0, 1).

        min( #{i : c_i ≤ u}, last ),  c_i = c_{i−1} + p_i from the left, in double precision,  last = max{i : p_i > 0}

    A cell of probability zero is never chosen: c_i = c_{i−1}, so it is passed together with the one before it, and
    `last` takes what rounding left out. Where u is a multiple of 2^−53, the probability of a cell is off by at most
    (M + 2) 2^−53 + |Σ p − 1|: the last sums are off by (M − 1) 2^−53, a difference of two by one rounding and one
    spacing of u. The rows are taken as given: not negative, and at least one entry positive.

    Parameters
    ----------
    probabilities : [n, M]
    uniform : [n]
    """
    cells = probabilities.shape[1]
    passed = (np.cumsum(probabilities, axis=1) <= uniform[:, None]).sum(axis=1)
    last = cells - 1 - np.argmax(probabilities[:, ::-1] > 0, axis=1)
    return np.minimum(passed, last)
