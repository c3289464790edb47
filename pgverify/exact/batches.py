"""Every i.i.d. batch of trajectories of one size, with its probability: in every order, or once for all orders."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations_with_replacement, groupby, product
from math import factorial, prod

from jaxtyping import Float

from pgverify.validation import Array


def every_sequence(probability: Float[Array, "n"], size: int) -> Iterator[tuple[list[int], float]]:
    """Yield the rows of every batch in every order, n^size of them, with P = Π p_i.

    Parameters
    ----------
    probability : [n]
        Of each trajectory.
    size : int
    """
    chances = [float(p) for p in probability]
    for rows in product(range(len(chances)), repeat=size):
        yield list(rows), prod(chances[i] for i in rows)


def every_multiset(probability: Float[Array, "n"], size: int) -> Iterator[tuple[list[int], float]]:
    """Yield the rows of every batch once, ascending, with the probability of all its orders, size!/Π k_i! Π p_i^{k_i}.

    Parameters
    ----------
    probability : [n]
        Of each trajectory.
    size : int
    """
    chances = [float(p) for p in probability]
    for rows in combinations_with_replacement(range(len(chances)), size):
        orders = factorial(size) // prod(factorial(len(list(same))) for _, same in groupby(rows))
        yield list(rows), orders * prod(chances[i] for i in rows)
