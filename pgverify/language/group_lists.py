"""All groups that a prompt can have, as multisets of completions, with their probabilities."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations_with_replacement, product
from math import comb, lgamma

import numpy as np
from jaxtyping import Float, Integer

from pgverify.validation import Array


@dataclass(frozen=True, eq=False)
class GroupList:
    """The groups of one prompt.

    Attributes
    ----------
    rows : [M, G]
        Of the row table.
    chances : [M]
        They sum to 1.
    """

    rows: Integer[Array, "M G"]
    chances: Float[Array, "M"]


def number_of_groups(completions: int, group_size: int, ordered: bool) -> int:
    """Return how many groups a prompt has."""
    return completions**group_size if ordered else comb(completions + group_size - 1, group_size)


def group_list(chances: Float[Array, "K"], group_size: int, first_row: int, ordered: bool = False) -> GroupList:
    """Return the groups of one prompt: p(multiset) = G!/Π n_k! Π p_k^{n_k}, or every order by itself.

    Parameters
    ----------
    chances : [K]
        Of the prompt's completions, under the sampler.
    group_size : int
        G.
    first_row : int
        Row of the prompt's first completion.
    ordered : bool
        Whether each order of a group is listed.
    """
    names = range(len(chances))
    ways = product(names, repeat=group_size) if ordered else combinations_with_replacement(names, group_size)
    chosen = np.array(list(ways), dtype=np.int64).reshape(-1, group_size)
    logs = np.log(chances)[chosen].sum(axis=1)
    if not ordered:
        counts = (chosen[:, :, None] == np.arange(len(chances))).sum(axis=1)
        orders = lgamma(group_size + 1) - np.vectorize(lgamma)(counts + 1.0).sum(axis=1)
        logs = logs + orders
    return GroupList(chosen + first_row, np.exp(logs))
