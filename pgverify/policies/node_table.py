"""Nodes that stay where they are while θ moves, and log-probabilities of actions given by the numbers of nodes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Inexact

from pgverify.policies.protocol import Policy
from pgverify.policies.real_actions import RealPolicy
from pgverify.policies.steps import Steps
from pgverify.validation import Array


@dataclass(frozen=True, eq=False)
class FixedNodes:
    """K actions a state, and the measure on them that makes a density a policy: π(k|s) ∝ exp(base) π(a_k|s).

    Attributes
    ----------
    nodes : [S, K, D]
        a_k.
    base : [S, K]
        log w_k − log π_0(a_k|s), for the weights w_k of a rule for the density π_0.
    """

    nodes: Float[Array, "S K D"]
    base: Float[Array, "S K"]

    @classmethod
    def of(cls, policy: RealPolicy) -> FixedNodes:
        """Return the nodes of a policy, so that others can be put on them."""
        return cls(policy.nodes, np.log(policy.probabilities().real) - policy.log_densities().real)

    def normalised(self, log_densities: Inexact[Array, "S K"]) -> Inexact[Array, "S K"]:
        """Return π(k|s) of a density whose logarithm at the nodes is given.

        No table [K, K] of differences as `softmax_algebra` has: there may be thousands of nodes, and none is likely.
        """
        logits = self.base + log_densities
        powers = np.exp(logits - logits.real.max(axis=1, keepdims=True))
        return powers / powers.sum(axis=1, keepdims=True)


def table_log_prob(policy: Policy, steps: Steps) -> Float[Array, "n T"]:
    """Return log π(k_t|s_t) for actions that are the numbers of nodes; 0 on padding."""
    chosen = policy.probabilities()[steps.states[:, :-1], steps.actions].real
    with np.errstate(divide="ignore"):
        return np.log(np.where(steps.mask, chosen, 1.0))
