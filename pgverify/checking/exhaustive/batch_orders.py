"""The expectation over all batches of one size, and whether the order of the trajectories in a batch matters."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from pgverify.checking.calling.calls import Calls
from pgverify.checking.exhaustive.batch_lists import Batches, another_order
from pgverify.checking.exhaustive.coupling import COUPLING_TOLERANCE, company_tolerance
from pgverify.exact.expectation import Expectation, expectation
from pgverify.trajectories import Trajectories
from pgverify.validation import Array

REPEATED = 16
"""Batches that are called twice where two orders differ: what is random does not depend on the order."""

SUMMED = 16.0
"""Units of rounding, relative to the largest estimate, by which a sum in another order differs."""


def expectation_in_order(calls: Calls, batch: Trajectories, batches: Batches, known: bool) -> tuple[Expectation, bool]:
    """Return the expectation over batches that are listed in every order, and whether two orders of one differ.

    Where two orders differ, some batches are called again as they were, or `Changed` is raised: it may be chance, not
    the order.

    Parameters
    ----------
    calls : Calls
    batch : every trajectory
    batches : rows of each batch, with its probability
    known : bool
        Whether the order is known to matter: then fewer are called again.
    """
    found = expectation(lambda rows: calls.estimate(batch.select(rows)), batches)
    first: dict[tuple[int, ...], Float[Array, "d"]] = {}
    pairs = zip(batches, found.estimates, strict=True)
    others = np.stack([first.setdefault(tuple(sorted(rows)), value) for (rows, _), value in pairs])
    orders = [rows for rows, _ in batches]
    return found, _differ(calls, batch, orders, found.estimates, others, np.random.default_rng(1), known)


def expectation_once(calls: Calls, batch: Trajectories, batches: Batches, known: bool) -> tuple[Expectation, bool]:
    """Return the expectation over batches that stand for all their orders, and whether two orders of one differ.

    Each is called in two orders, both random: a pattern of the list is in neither. See `expectation_in_order`.
    """
    rng = np.random.default_rng(1)
    orders, others = [], []
    for rows, _ in batches:
        orders.append(rng.permutation(rows).tolist())
        others.append(another_order(orders[-1], rng))
    shuffled = [(order, chance) for order, (_, chance) in zip(orders, batches, strict=True)]
    found = expectation(lambda rows: calls.estimate(batch.select(rows)), shuffled)
    again = [
        value if other is None else calls.estimate(batch.select(other))
        for value, other in zip(found.estimates, others, strict=True)
    ]
    return found, _differ(calls, batch, orders, found.estimates, np.stack(again), rng, known)


def _differ(
    calls: Calls,
    batch: Trajectories,
    orders: list[list[int]],
    found: Float[Array, "m d"],
    others: Float[Array, "m d"],
    rng: np.random.Generator,
    known: bool,
) -> bool:
    tolerance = max(company_tolerance(calls), SUMMED * calls.rounding)
    if np.abs(found - others).max() <= tolerance * np.abs(found).max():
        return False
    for i in rng.choice(len(orders), size=1 if known else REPEATED):
        calls.same_again(batch.select(orders[i]), found[i], COUPLING_TOLERANCE)
    return True
