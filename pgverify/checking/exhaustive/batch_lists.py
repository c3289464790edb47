"""Which batches can be listed, within the number of calls that a check may take: their sizes and orders."""

from __future__ import annotations

from collections.abc import Iterator
from math import comb

import numpy as np
from jaxtyping import Float, Integer

from pgverify.exact.batches import every_multiset, every_sequence
from pgverify.validation import Array

FEW = 64
"""Ordered batches of one size that are listed in any case: all pairs and triples of the smallest problems."""

MOST_ORDERED, MOST_VARIED, MOST_OF_TWO = 100, 1_024, 512
"""The same where the order matters; more where episodes differ in length, as what packs or sorts them needs, and where
there are but two trajectories, of which batches of nine show a remainder of eight."""

MOST_PAIRS = 256
"""Ordered pairs that are listed in any case: where trajectories are rare, samples tell little."""

MOST_UNORDERED = 171
"""Unordered batches of any size, which stand for all their orders where the order has no effect."""

BATCH_SIZES = (2, 3, 4, 5, 6, 9, 17, 65)
"""Batch sizes that are tried: one by one while that is cheap, then one beyond the usual sizes of minibatches, so that a
remainder shows."""

Batches = list[tuple[list[int], float]]
"""Rows of the list of trajectories, and the probability that an i.i.d. batch is that."""


def ordered_batches(probability: Float[Array, "n"], size: int, varied: bool = True) -> Batches | None:
    """Return every i.i.d. batch of a size with its probability; None where they are too many.

    Parameters
    ----------
    probability : [n]
        Of each trajectory.
    size : int
    varied : bool
        Whether the trajectories differ in length.
    """
    most = MOST_VARIED if varied else MOST_OF_TWO if len(probability) == 2 else MOST_ORDERED
    if len(probability) ** size > (max(most, MOST_PAIRS) if size == 2 else most):
        return None
    return list(every_sequence(probability, size))


def unordered_batches(probability: Float[Array, "n"], size: int) -> Batches | None:
    """Return every multiset of a size with its multinomial probability; None where they are too many."""
    count = len(probability)
    if comb(count + size - 1, size) > MOST_UNORDERED:
        return None
    return list(every_multiset(probability, size))


def ways_to_list(
    probability: Float[Array, "n"], lengths: Integer[Array, "n"], size: int
) -> Iterator[tuple[bool, Batches]]:
    """Yield the batches once, with False, and in every order, with True: what can be listed, the fewer calls first.

    Unordered batches take two calls each, the second to see that the order has no effect.
    """
    unordered = unordered_batches(probability, size)
    ordered = ordered_batches(probability, size, bool(np.ptp(lengths)))
    fewer = ordered is None or len(ordered) > max(FEW, 2 * len(unordered or ()))
    if unordered is not None and fewer:
        yield False, unordered
    if ordered is not None:
        yield True, ordered


def another_order(rows: list[int], rng: np.random.Generator) -> list[int] | None:
    """Return the same batch in another order; None where it has only one."""
    if len(set(rows)) == 1:
        return None
    other = rows
    while other == rows:
        other = [int(row) for row in rng.permutation(rows)]
    return other
