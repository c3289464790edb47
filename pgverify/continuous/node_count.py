"""How many nodes a quadrature takes: as many as it takes for two rules to agree."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from pgverify.continuous.continuous_mdp import ContinuousMDP
from pgverify.policies.normal_rule import LARGEST_RULE, normal_rule
from pgverify.policies.real_actions import RealPolicy
from pgverify.validation import Array

LADDER = (2, 3, 5, 8, 12, 18, 27, 40, 60, 90, 135, 200, 300)
"""Nodes a dimension: each rule half as large again, so that two neighbours have no node in common but the middle."""

LEAST = 12
"""Where the ladder is entered, if that many fit."""

AGREEMENT = 1e-12
"""Relative difference between two rules below which both are at rounding."""


def enough_nodes(mdp: ContinuousMDP, policy: RealPolicy) -> tuple[int, float]:
    """Return how many nodes a dimension are used, and the relative difference to the next smaller rule.

    In every state E π f, and with it E ψ f in units of σ, are compared, for f = P(s'|s,a), r(s,a) and r(s,a)².

    Parameters
    ----------
    mdp : ContinuousMDP
    policy : RealPolicy
    """
    if mdp.nodes is not None:
        return mdp.nodes, np.nan
    fitting = [count for count in LADDER if count**mdp.action_dim <= LARGEST_RULE]
    first = max(0, next((i for i, count in enumerate(fitting) if count >= LEAST), len(fitting)) - 1)
    first = min(first, len(fitting) - 2) if len(fitting) > 1 else 0
    before = projections(mdp, policy, fitting[first])
    apart = np.inf
    for count in fitting[first + 1 :]:
        now = projections(mdp, policy, count)
        scale = np.maximum(np.abs(now).max(axis=(0, 2), keepdims=True), 1e-300)
        apart = float((np.abs(now - before) / scale).max())
        if apart <= AGREEMENT:
            return count, apart
        before = now
    return fitting[-1], apart


def other_counts(count: int, dimensions: int) -> tuple[int, ...]:
    """Return numbers of nodes to compare with: half as many again where they fit, two thirds, and three quarters.

    Several, because at a kink the error jumps up and down with the place of the nodes around it.
    """
    near = {count + max(1, count // 2), (2 * count) // 3, (3 * count) // 4} - {count}
    return tuple(sorted(other for other in near if other >= 1 and other**dimensions <= LARGEST_RULE))


def projections(mdp: ContinuousMDP, policy: RealPolicy, count: int) -> Float[Array, "S f p"]:
    """Return Σ_k w_k f(a_k) h(x_k) for f = P(s'|s,a), r, r² and h = 1, x_j, x_j² − 1, in every state.

    Parameters
    ----------
    mdp : ContinuousMDP
    policy : RealPolicy
    count : int
        Nodes a dimension.
    """
    rule = normal_rule(count, mdp.action_dim)
    shape = np.concatenate([np.ones((len(rule.points), 1)), rule.points, rule.points**2 - 1.0], axis=1)
    weighted = rule.weights[:, None] * shape
    nodes = policy.on_nodes(count).nodes
    rows = []
    for state in range(mdp.num_states):
        transition, reward = mdp.at(state, nodes[state])
        mean = (transition * reward).sum(axis=1)
        functions = np.column_stack([transition, mean, (transition * reward**2).sum(axis=1)])
        rows.append(functions.T @ weighted)
    return np.stack(rows)
