"""A continuous MDP as a policy sees it through its nodes: a finite one, whose actions stand for real numbers."""

from __future__ import annotations

from typing import Any

import numpy as np
from jaxtyping import Float

from pgverify.continuous.continuous_mdp import ContinuousMDP
from pgverify.continuous.node_count import enough_nodes
from pgverify.errors import InvalidMDP, InvalidPolicy
from pgverify.mdp import TabularMDP
from pgverify.policies.protocol import Policy, kind_of
from pgverify.policies.real_actions import RealPolicy, is_real
from pgverify.validation import Array


class NodeMDP(TabularMDP):
    """The tables P(s'|s,a_k), r(s,a_k,s') of a continuous MDP at K actions of each state.

    Attributes
    ----------
    continuous : ContinuousMDP or None
        What it was made of, from which samples are drawn; None where the tables were changed since, so that the nodes
        are all that is known.
    nodes : [S, K, D]
        a_k(s).
    count : int
        Nodes a dimension.
    apart : float
        Relative difference to the next smaller rule; NaN where the number of nodes was given.
    """

    continuous: ContinuousMDP | None
    nodes: Array
    count: int
    apart: float

    @classmethod
    def of(cls, mdp: ContinuousMDP, nodes: Float[Array, "S K D"], count: int, apart: float = np.nan) -> NodeMDP:
        """Return the tables of a continuous MDP at some nodes, of which there are so many a dimension."""
        found = [mdp.at(state, nodes[state]) for state in range(mdp.num_states)]
        transition, reward = (np.stack(tables) for tables in zip(*found, strict=True))
        made = cls(mdp.start, transition, reward, mdp.terminal)
        made._settle(mdp, nodes, count, apart)
        return made

    def _settle(self, continuous: ContinuousMDP | None, nodes: Float[Array, "S K D"], count: int, apart: float) -> None:
        for name, value in (("continuous", continuous), ("nodes", nodes), ("count", count), ("apart", apart)):
            object.__setattr__(self, name, value)

    def with_rewards(self, paid: Float[Array, "S A K"], noise: Float[Array, "S A K"] | None = None) -> NodeMDP:
        """Return the same dynamics with other rewards on the nodes, from which alone it is then drawn."""
        plain = super().with_rewards(paid, noise)
        made = NodeMDP(plain.start, plain.transition, plain.reward, plain.terminal, plain.reward_noise)
        same = noise is None and np.array_equal(np.asarray(paid), self.paid)
        made._settle(self.continuous if same else None, self.nodes, self.count, self.apart)
        return made

    def __reduce__(self) -> tuple[Any, ...]:
        return _restored, (super().__reduce__()[1], self.continuous, self.nodes, self.count, self.apart)

    def __repr__(self) -> str:
        states, count, dimensions = self.nodes.shape
        apart = "" if np.isnan(self.apart) else f", rules apart by {self.apart:.1g}"
        return f"NodeMDP(states={states}, action_dim={dimensions}, nodes={count}{apart})"


def _restored(
    tables: tuple[Any, ...], continuous: ContinuousMDP | None, nodes: Array, count: int, apart: float
) -> NodeMDP:
    made = NodeMDP(*tables)
    made._settle(continuous, nodes, count, apart)
    return made


def on_nodes(mdp: ContinuousMDP | NodeMDP, policy: Policy) -> tuple[NodeMDP, RealPolicy]:
    """Return the finite MDP and the policy on it that stand for a continuous MDP under a policy.

    Parameters
    ----------
    mdp : ContinuousMDP or NodeMDP
        A finite one that the policy's nodes still fit is kept.
    policy : Policy
        Of real actions.

    Raises
    ------
    InvalidPolicy
        When the policy's actions are no real numbers, or it has another number of states or dimensions.
    """
    if not is_real(policy):
        raise InvalidPolicy(
            f"policy is {kind_of(policy)}, must be one of real actions for a ContinuousMDP, such as "
            "GaussianPolicy(features, mean_weights, log_std)"
        )
    if isinstance(mdp, NodeMDP):
        if np.array_equal(policy.nodes, mdp.nodes):
            return mdp, policy
        if mdp.continuous is None:
            raise InvalidMDP(
                f"mdp is {mdp!r}, whose rewards are known on its nodes alone, must be a ContinuousMDP for a policy "
                "with other nodes"
            )
        mdp = mdp.continuous
    states, _, dimensions = policy.nodes.shape
    if (states, dimensions) != (mdp.num_states, mdp.action_dim):
        raise InvalidPolicy(
            f"policy has {states} states and actions of {dimensions} dimensions, must have {mdp.num_states} and "
            f"{mdp.action_dim} as the ContinuousMDP"
        )
    count, apart = enough_nodes(mdp, policy)
    settled = policy.on_nodes(count)
    return NodeMDP.of(mdp, settled.nodes, count, apart), settled
