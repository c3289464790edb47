"""Gauss–Hermite rules for the standard normal in D dimensions: nodes and weights that integrate polynomials exactly."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from jaxtyping import Float

from pgverify.errors import TooLarge
from pgverify.validation import Array, read_only

LARGEST_RULE = 4096
"""Nodes of a rule; tables [S, K, S] of a few states stay within megabytes."""

NEGLIGIBLE = 1e-30
"""Weight below which a node is left out: times a polynomial of degree eight it is still below rounding."""

USUAL = 12
"""Nodes a dimension where nobody has said how many, and they fit."""


@dataclass(frozen=True, eq=False)
class HermiteRule:
    """E f(x) ≈ Σ_k w_k f(x_k) for x ~ N(0, I): exact for polynomials of degree up to 2n − 1 in every coordinate.

    Attributes
    ----------
    count : int
        n, nodes a dimension.
    points : [K, D]
        x_k, with K = n^D less what is negligible.
    weights : [K]
        w_k, which sum to one.
    """

    count: int
    points: Float[Array, "K D"]
    weights: Float[Array, "K"]


@lru_cache(maxsize=64)
def hermite_rule(count: int, dimensions: int) -> HermiteRule:
    """Return the product rule with `count` nodes in each of `dimensions` dimensions.

    Raises
    ------
    TooLarge
        When it has more than 4,096 nodes.

    References
    ----------
    Abramowitz and Stegun, Handbook of mathematical functions, 25.4.46.
    """
    if count**dimensions > LARGEST_RULE:
        raise TooLarge(
            f"a quadrature of {count} nodes in each of {dimensions} dimensions has {count**dimensions:,} nodes, must "
            f"have at most {LARGEST_RULE:,}; take fewer nodes"
        )
    points, weights = np.polynomial.hermite_e.hermegauss(count)
    grid = np.stack(np.meshgrid(*[points] * dimensions, indexing="ij"), axis=-1).reshape(-1, dimensions)
    mass = np.ones(1)
    for _ in range(dimensions):
        mass = (mass[:, None] * (weights / weights.sum())[None, :]).ravel()
    kept = mass >= NEGLIGIBLE
    return HermiteRule(count, read_only(grid[kept]), read_only(mass[kept] / mass[kept].sum()))


def usual_count(dimensions: int) -> int:
    """Return the nodes a dimension of a policy that belongs to no problem: 12, or as many as fit."""
    return max(2, min(USUAL, int(LARGEST_RULE ** (1.0 / dimensions) + 1e-9)))
