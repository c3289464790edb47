"""Whether the trajectories of a batch affect each other: found by calling on single ones and on lists of them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float, Integer

from pgverify.checking.calling.calls import Calls
from pgverify.checking.exhaustive.conditioning import Conditioning
from pgverify.trajectories import Trajectories
from pgverify.validation import Array

COUPLING_TOLERANCE = 1e-6
"""Relative to the largest row: what single precision may differ by when a row is computed in other company."""

OPERATIONS = 4.0
"""Units of rounding that a row may differ by, relative to Σ_t |w_t|: right implementations stay below one."""

TRIED_SIZES = (2, 2, 3, 3, 4, 5, 6, 7, 8, 9, 16, 33, 64, 128, 300, 1021, 5003)
"""Sizes of random batches on which coupling is looked for: even and odd, small and large, no multiple of 256, and one
above the usual rollouts of 2,048 and 4,096 steps."""


def smallest_coupled(
    calls: Calls,
    batch: Trajectories,
    rows: Float[Array, "n d"],
    together: Float[Array, "d"],
    tried: Sequence[int],
    known: Conditioning,
    amplitude: float,
    natural: float = 0.0,
) -> int:
    """Return the size of the smallest batch tried whose estimate is not the mean of its members' own; 0 if all are.

    Parameters
    ----------
    calls : Calls
    batch : every trajectory
    rows : [n, d]
        The estimate of each on its own.
    together : [d]
        The estimate of all at once.
    tried : sequence of int
        Sizes of random batches.
    known : Conditioning
        Of the problem: what rounding in the precision of the values so far is relative to.
    amplitude : float
        How many times as large as those of reward-to-go the estimates are.
    natural : float
        Size of an estimate of ∇J on the problem: where all of the function's vanish but for rounding, nothing shows.
    """
    count, rng = len(rows), np.random.default_rng(0)
    sizes = np.abs(rows).max(axis=1)
    largest = sizes.max()
    each = OPERATIONS * calls.rounding * max(amplitude, 1.0) * known.each

    def limit(members: Integer[Array, "k"]) -> float:
        """Return what rounding of the members' own rows explains: a rare huge one elsewhere hides nothing."""
        plain = max(COUPLING_TOLERANCE * sizes[members].max(), 1e-13 * max(largest, natural))
        return float(max(plain, each[members].max()))

    tries = [np.full(k, i) for k in (2, 3) for i in {0, count - 1}] + [np.arange(count)[::-1]]
    for size in tried:
        members = rng.integers(count, size=size)
        tries += [members, members[::-1]] if size <= 3 else [members]
    for members in sorted(tries, key=len):
        # A long sum in single precision loses in proportion to its length.
        chosen = batch.select(members)
        value = calls.estimate(chosen)
        mean = np.add.reduce(rows[members], axis=0) / len(members)
        if np.abs(value - mean).max() > limit(members) * (1.0 + len(members) / 16.0):
            for _ in range(3):
                calls.same_again(chosen, value, COUPLING_TOLERANCE)
            return len(members)
    return count if np.abs(together - rows.mean(axis=0)).max() > limit(np.arange(count)) else 0
