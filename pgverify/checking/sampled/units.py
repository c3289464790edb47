"""What a batch is made of: independent units of one law, trajectories or whole groups, listed with probabilities."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from math import comb, prod

from pgverify.checking.sampled.batch_law import BatchLaw, GroupedLaw, IndependentLaw
from pgverify.exact.batches import every_multiset

Units = list[tuple[list[int], float]]
"""Rows of what is drawn independently, a trajectory or a group, and its probability."""


def units_of(law: BatchLaw, ordered: bool, most: int) -> Units | None:
    """Return every unit of which batches are made, in every order of its rows or once; None where there are too many.

    A trajectory has P(τ); a group of G from the start state s has P(s) Π_i P(τ_i | s), times the number of orders where
    it stands for all of them.

    Parameters
    ----------
    law : BatchLaw
    ordered : bool
        Whether groups that differ in the order of their rows are told apart.
    most : int
        Units that are listed.
    """
    match law:
        case IndependentLaw(probability=probability):
            trajectories = [([row], float(chance)) for row, chance in enumerate(probability)]
            return trajectories if len(trajectories) <= most else None
        case GroupedLaw():
            return list(_groups(law, ordered)) if _number(law, ordered) <= most else None


def _number(law: GroupedLaw, ordered: bool) -> int:
    counts = [len(rows) for rows, _, _ in law.by_start()]
    return sum(n**law.size if ordered else comb(n + law.size - 1, law.size) for n in counts)


def _groups(law: GroupedLaw, ordered: bool) -> Iterator[tuple[list[int], float]]:
    for rows, start, chance in law.by_start():
        if ordered:
            orders = product(range(len(rows)), repeat=law.size)
            listed = ((list(chosen), prod(float(chance[i]) for i in chosen)) for chosen in orders)
        else:
            listed = every_multiset(chance, law.size)  # type: ignore[assignment]
        for chosen, weight in listed:
            yield [int(rows[i]) for i in chosen], start * weight
