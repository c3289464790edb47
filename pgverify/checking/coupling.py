"""What the trajectories of a batch do to each other: found by calling on single ones, on lists, and on other orders."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

from pgverify.checking.batches import Batches, another_order
from pgverify.checking.caller import Caller
from pgverify.trajectories import Trajectories
from pgverify.validation import Array

COUPLING_TOLERANCE = 1e-6
"""Relative to the largest row: what single precision may differ by when a row is computed in other company."""

REPEATED = 16
"""Batches that are called twice where two orders differ: what is random does not depend on the order."""

TRIED_SIZES = (2, 2, 3, 3, 4, 5, 6, 7, 8, 9, 16, 33, 64, 128, 300, 1021)
"""Sizes of random batches on which coupling is looked for: even and odd, small and large, no multiple of 256."""


def smallest_coupled(
    call: Caller,
    batch: Trajectories,
    rows: Float[Array, "n d"],
    together: Float[Array, "d"],
    tried: Sequence[int],
) -> int:
    """Return the size of the smallest batch tried whose estimate is not the mean of its members' own; 0 if all are.

    Parameters
    ----------
    call : Caller
    batch : every trajectory
    rows : [n, d]
        The estimate of each on its own.
    together : [d]
        The estimate of all at once.
    tried : sequence of int
        Sizes of random batches.
    """
    count, rng = len(rows), np.random.default_rng(0)
    largest = np.abs(rows).max()

    def limit(members: list[int]) -> float:
        """Return what rounding of the members' own rows explains: a rare huge one elsewhere hides nothing."""
        return float(max(COUPLING_TOLERANCE * np.abs(rows[members]).max(), 1e-13 * largest))

    tries = [[i] * k for k in (2, 3) for i in {0, count - 1}] + [[*range(count)][::-1]]
    for size in tried:
        members = rng.integers(count, size=size).tolist()
        tries += [members, members[::-1]] if size <= 3 else [members]
    for members in sorted(tries, key=len):
        # A long sum in single precision loses in proportion to its length.
        chosen = batch.select(members)
        value = call.estimate(chosen)
        if np.abs(value - rows[members].mean(axis=0)).max() > limit(members) * (1.0 + len(members) / 16.0):
            for _ in range(3):
                call.same_again(chosen, value, COUPLING_TOLERANCE)
            return len(members)
    return count if np.abs(together - rows.mean(axis=0)).max() > limit([*range(count)]) else 0


def batch_estimates(
    call: Caller, batch: Trajectories, batches: Batches, in_order: bool
) -> tuple[Float[Array, "m d"], bool]:
    """Return the estimate of every batch, and whether two orders of one batch have different estimates.

    Batches that are listed once are called in two orders, both random: a pattern of the list is in neither. Where two
    orders differ, some batches are called again as they were, or `Changed` is raised: it may be chance, not the order.

    Parameters
    ----------
    call : Caller
    batch : every trajectory
    batches : rows of each batch, with its probability
    in_order : bool
        Whether every order of each is among them.
    """
    rng = np.random.default_rng(1)
    values, others, orders = [], [], []
    known: dict[tuple[int, ...], Float[Array, "d"]] = {}
    for rows, _ in batches:
        order = rows if in_order else rng.permutation(rows).tolist()
        value = call.estimate(batch.select(order))
        values.append(value)
        orders.append(order)
        if in_order:
            others.append(known.setdefault(tuple(sorted(rows)), value))
        else:
            other = another_order(order, rng)
            others.append(value if other is None else call.estimate(batch.select(other)))
    found = np.stack(values)
    differ = bool(np.abs(found - np.stack(others)).max() > COUPLING_TOLERANCE * np.abs(found).max())
    if differ:
        for i in rng.choice(len(orders), size=1 if call.ordered else REPEATED):
            call.same_again(batch.select(orders[i]), found[i], COUPLING_TOLERANCE)
    return found, differ
