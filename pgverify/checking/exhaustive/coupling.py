"""Whether the trajectories of a batch affect each other: found by calling on single ones and on lists of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Integer

from pgverify.checking.calling.calls import Calls
from pgverify.checking.calling.pace import Pace
from pgverify.checking.calling.significant_bits import OF_DOUBLE
from pgverify.checking.exhaustive.conditioning import Conditioning
from pgverify.trajectories import Trajectories
from pgverify.validation import Array

COUPLING_TOLERANCE = 1e-6
"""Relative to the largest row: what single precision may differ by when a row is computed in other company."""

IN_DOUBLE, UNITS = 1e-12, 64.0 * 2.0**-OF_DOUBLE
"""The same where a function is seen to compute in double throughout, and relative to Σ_t |w_t|: beside rewards of 1e6 a
coupling as large as the gradient itself is a millionth of the estimates."""

OPERATIONS = 4.0
"""Units of rounding that a row may differ by, relative to Σ_t |w_t|: right implementations stay below one."""

TRIED_SIZES = (2, 2, 3, 3, 4, 5, 6, 7, 8, 9, 16, 33, 64, 128, 300, 1021, 5005)
"""Sizes of random batches on which coupling is looked for: even and odd, small and large, no multiple of 256, and one
above the usual rollouts of 2,048 and 4,096 steps, which is a multiple of 5, 7, 11 and 13."""


def company_tolerance(calls: Calls) -> float:
    """Return by how much an estimate may differ in other company or another order, relative to the largest."""
    return IN_DOUBLE if calls.finely else COUPLING_TOLERANCE


@dataclass(frozen=True)
class SeenCoupling:
    """What batches have shown.

    Attributes
    ----------
    smallest : int
        Size of the smallest batch tried whose estimate is not the mean of its members' own; 0 if all are.
    largest : int
        Size of the largest that was tried.
    """

    smallest: int
    largest: int


def look_for_coupling(
    calls: Calls,
    batch: Trajectories,
    rows: Float[Array, "n d"],
    together: Float[Array, "d"],
    tried: Sequence[int],
    known: Conditioning,
    amplitude: float,
    natural: float = 0.0,
) -> SeenCoupling:
    """Return the smallest batch tried whose estimate is not the mean of its members' own, and how large those were.

    Batches on which a call is not expected to return in time are left out: their size is none that anybody asked for.

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
    highest = sizes.max()
    each = (UNITS if calls.finely else OPERATIONS * calls.rounding) * max(amplitude, 1.0) * known.each

    def limit(members: Integer[Array, "k"]) -> float:
        """Return what rounding of the members' own rows explains: a rare huge one elsewhere hides nothing."""
        plain = max(company_tolerance(calls) * sizes[members].max(), 1e-13 * max(highest, natural))
        return float(max(plain, each[members].max()))

    tries = [np.full(k, i) for k in (2, 3) for i in {0, count - 1}] + [np.arange(count)[::-1]]
    for size in tried:
        members = rng.integers(count, size=size)
        tries += [members, members[::-1]] if size <= 3 else [members]
    pace, largest = Pace(), 0
    for members in sorted(tries, key=len):
        if calls.too_slow(pace, batch, len(members)):
            break
        # A long sum in single precision loses in proportion to its length.
        chosen = batch.select(members)
        value = pace.of(calls.estimate, chosen)
        largest = len(members)
        mean = np.add.reduce(rows[members], axis=0) / len(members)
        if np.abs(value - mean).max() > limit(members) * (1.0 + len(members) / 16.0):
            for _ in range(3):
                calls.same_again(chosen, value, COUPLING_TOLERANCE)
            return SeenCoupling(len(members), largest)
    off = np.abs(together - rows.mean(axis=0)).max() > limit(np.arange(count))
    return SeenCoupling(count if off else 0, max(largest, count))
