"""The real actions and log-densities of trajectories that are listed by the numbers of nodes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Integer

from pgverify.continuous.node_mdp import NodeMDP
from pgverify.errors import InvalidPolicy
from pgverify.policies.protocol import Policy, kind_of
from pgverify.policies.real_actions import RealPolicy, is_real
from pgverify.validation import Array


@dataclass(frozen=True, eq=False)
class NodeActions:
    """What a batch of listed trajectories holds of its actions.

    Attributes
    ----------
    actions : [n, T, D]
        The real actions; 0 on padding.
    nodes : [n, T]
        Their numbers.
    log_probs : [n, T]
        log μ(a_t|s_t) of the acting density, 0 on padding.
    """

    actions: Float[Array, "n T D"]
    nodes: Integer[Array, "n T"]
    log_probs: Float[Array, "n T"]


def node_actions(
    mdp: NodeMDP,
    policy: RealPolicy,
    acting: Policy,
    states: Integer[Array, "n T"],
    nodes: Integer[Array, "n T"],
    mask: Bool[Array, "n T"],
) -> NodeActions:
    """Return the actions of listed steps.

    Where somebody else acts, log μ is log π at the node plus the logarithm of their ratio *on the nodes*: importance
    weights of the listing are then exactly the ratios of the probabilities it was listed with.

    Parameters
    ----------
    mdp : NodeMDP
    policy, acting : policies
        π_θ and μ, on the nodes of the MDP.
    states, nodes, mask : [n, T]
        s_t, the number of the node of a_t, and whether the step was taken.
    """
    logs = policy.log_densities().real
    if acting is not policy:
        with np.errstate(divide="ignore"):
            logs = logs + np.log(acting.probabilities().real) - np.log(policy.probabilities().real)
    actions = np.where(mask[:, :, None], mdp.nodes[states, nodes], 0.0)
    return NodeActions(actions, nodes, np.where(mask, logs[states, nodes], 0.0))


def on_the_same_nodes(other: Policy, policy: Policy, name: str = "acting") -> Policy:
    """Return another policy on the nodes of a policy, where that one has real actions.

    Raises
    ------
    InvalidPolicy
        When its actions are no real numbers, or it has another number of states or dimensions.
    """
    if not is_real(policy):
        return other
    if not is_real(other):
        raise InvalidPolicy(f"{name} is {kind_of(other)}, must be a policy of real actions as the problem's")
    shapes = [(len(each.nodes), each.nodes.shape[2]) for each in (other, policy)]
    if shapes[0] != shapes[1]:
        raise InvalidPolicy(
            f"{name} has {shapes[0][0]} states and actions of {shapes[0][1]} dimensions, must have {shapes[1][0]} and "
            f"{shapes[1][1]} as the problem's policy"
        )
    moved: RealPolicy = other.on_nodes_of(policy)
    return moved
