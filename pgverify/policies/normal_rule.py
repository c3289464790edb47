"""Quadrature for the standard normal in D dimensions: Gauss–Hermite with few nodes, the trapezoidal rule with many."""

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

MOST_HERMITE = 40
"""Nodes a dimension beyond which the trapezoidal rule is more accurate, unless the integrand is entire."""

REACH = 9.5
"""Where the trapezoidal rule ends, in standard deviations: the density is 1e-20 there."""

USUAL = 12
"""Nodes a dimension where nobody has said how many, and they fit."""


@dataclass(frozen=True, eq=False)
class NormalRule:
    """E f(x) ≈ Σ_k w_k f(x_k) for x ~ N(0, I), with E x = 0 and E xxᵀ = I to rounding.

    Up to 40 nodes a dimension it is Gauss–Hermite, exact for polynomials of degree up to 2n − 1 in every coordinate.
    Beyond it is the trapezoidal rule, whose error falls as e^{−2πw/h} for functions analytic in a strip of half-width
    w: h shrinks as 1/n, while the spacing of Gauss–Hermite nodes only does as 1/√n.

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
def normal_rule(count: int, dimensions: int) -> NormalRule:
    """Return the product rule with `count` nodes in each of `dimensions` dimensions.

    Raises
    ------
    TooLarge
        When it has more than 4,096 nodes.

    References
    ----------
    Abramowitz and Stegun, Handbook of mathematical functions, 25.4.46; Trefethen and Weideman, The exponentially
    convergent trapezoidal rule, 2014.
    """
    if count**dimensions > LARGEST_RULE:
        raise TooLarge(
            f"a quadrature of {count} nodes in each of {dimensions} dimensions has {count**dimensions:,} nodes, must "
            f"have at most {LARGEST_RULE:,}; take fewer nodes"
        )
    points, weights = _hermite(count) if count <= MOST_HERMITE else _trapezoidal(count)
    grid = np.stack(np.meshgrid(*[points] * dimensions, indexing="ij"), axis=-1).reshape(-1, dimensions)
    mass = np.ones(1)
    for _ in range(dimensions):
        mass = (mass[:, None] * weights[None, :]).ravel()
    kept = mass >= NEGLIGIBLE
    return NormalRule(count, read_only(grid[kept]), read_only(mass[kept] / mass[kept].sum()))


def usual_count(dimensions: int) -> int:
    """Return the nodes a dimension of a policy that belongs to no problem: 12, or as many as fit."""
    return max(2, min(USUAL, int(LARGEST_RULE ** (1.0 / dimensions) + 1e-9)))


def _hermite(count: int) -> tuple[Float[Array, "n"], Float[Array, "n"]]:
    points, weights = np.polynomial.hermite_e.hermegauss(count)
    return points, weights / weights.sum()


def _trapezoidal(count: int) -> tuple[Float[Array, "n"], Float[Array, "n"]]:
    points = np.linspace(-REACH, REACH, count)
    weights = np.exp(-0.5 * points**2)
    return points, weights / weights.sum()
