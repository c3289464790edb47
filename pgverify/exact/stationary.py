"""The stationary distribution of a unichain, aperiodic chain, and the refusal of any other."""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Float, Inexact

from pgverify.errors import NotUnichain
from pgverify.exact.chain import Chain
from pgverify.validation import Array

LARGEST_CONDITION = 1e8
"""Beyond this the differential values keep fewer than eight of their sixteen digits: refused, not rounded."""


def stationary_distribution(chain: Chain) -> Inexact[Array, "S"]:
    """Return d with d^T P_π = d^T and Σ d = 1, the share of time spent in each state.

    By state reduction: states are censored one after another, and no two numbers are ever subtracted, so that even
    shares of 1e-30 are accurate to rounding.

    Raises
    ------
    NotUnichain
        When the chain has several recurrent classes, is periodic, or is numerically close to having several.

    References
    ----------
    Grassmann, Taksar & Heyman, Regenerative analysis and steady state distributions for Markov chains, 1985.
    """
    transition = chain.dense_transition()
    anchor = _require_unichain(transition.real)
    size = len(chain.start)
    # A recurrent state comes first and is never censored: every other state leads to it.
    order = np.roll(np.arange(size), -anchor)
    flow = np.array(transition[np.ix_(order, order)])
    for last in range(size - 1, 0, -1):
        flow[:last, last] /= flow[last, :last].sum()
        flow[:last, :last] += np.outer(flow[:last, last], flow[last, :last])
    share = np.ones(size, dtype=flow.dtype)
    for state in range(1, size):
        share[state] = share[:state] @ flow[:state, state]
    stationary = np.empty_like(share)
    stationary[order] = share / share.sum()
    return stationary


def deviation_matrix(chain: Chain) -> Inexact[Array, "S S"]:
    """Return I − P_π + 1 1^T, regular exactly when the chain is unichain.

    With d the stationary distribution, d^T (I − P + 1 1^T) = 1^T, and h = (I − P + 1 1^T)^{-1} (r − ρ 1) solves
    the Poisson equation h = r − ρ + P h.
    """
    size = len(chain.start)
    matrix = np.eye(size) - chain.dense_transition() + 1.0
    condition = np.linalg.cond(matrix.real)
    if not condition < LARGEST_CONDITION:
        raise NotUnichain(
            f"policy makes the chain nearly multichain: I − P + 11ᵀ has condition number {condition:.3g}, must be "
            f"below {LARGEST_CONDITION:.0e} for the average reward to be computed; use less extreme probabilities"
        )
    return matrix


def _require_unichain(transition: Float[Array, "S S"]) -> int:
    """Refuse a multichain or periodic chain; return a recurrent state of any other."""
    support = transition > 0
    recurrent = _recurrent_classes(support)
    if len(recurrent) > 1:
        first, second = (int(members[0]) for members in recurrent[:2])
        raise NotUnichain(
            f"transition under this policy has {len(recurrent)} recurrent classes (states {first} and {second} "
            "never meet), must have 1 for AverageReward(); use Discounted or FiniteHorizon"
        )
    period = _period(support, recurrent[0])
    if period > 1:
        raise NotUnichain(
            f"transition under this policy is periodic with period {period} (through state "
            f"{int(recurrent[0][0])}), must be aperiodic for AverageReward(); use Discounted or FiniteHorizon"
        )
    return int(recurrent[0][0])


def _recurrent_classes(support: Bool[Array, "S S"]) -> list[np.ndarray]:
    # scipy.sparse is imported late: it would double the time that `import pgverify` takes.
    from scipy.sparse import csr_array
    from scipy.sparse.csgraph import connected_components

    count, label = connected_components(csr_array(support), directed=True, connection="strong")
    leaves = [bool(support[label == c][:, label != c].any()) for c in range(count)]
    return [np.flatnonzero(label == c) for c in range(count) if not leaves[c]]


def _period(support: Bool[Array, "S S"], members: np.ndarray) -> int:
    """Return the greatest common divisor of all cycle lengths in one recurrent class."""
    from scipy.sparse import csr_array
    from scipy.sparse.csgraph import breadth_first_order

    inner = csr_array(support[np.ix_(members, members)])
    order, parent = breadth_first_order(inner, 0, directed=True, return_predecessors=True)
    depth = np.zeros(len(members), dtype=np.int64)
    for node in order[1:]:
        depth[node] = depth[parent[node]] + 1
    source, target = inner.nonzero()
    return int(np.gcd.reduce(depth[source] + 1 - depth[target]))
