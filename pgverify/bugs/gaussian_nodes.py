"""The settings of faults with real actions: a Gaussian policy on nodes that stay where they are when θ moves.

The actions of these problems are the numbers of the nodes, so that somebody else's θ' has a ratio at every one of them.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from pgverify.errors import InvalidPolicy
from pgverify.mdp import TabularMDP
from pgverify.policies import GaussianPolicy
from pgverify.problem import FiniteHorizon, Problem
from pgverify.trajectories import Trajectories
from pgverify.validation import Array


def gaussian_policy(
    means: Float[Array, "S D"], log_std: Float[Array, "D"], nodes: int, learns_std: bool
) -> GaussianPolicy:
    """Return the policy with one mean a state (φ = identity) and K fixed nodes a dimension, K^D actions."""
    policy = GaussianPolicy(np.eye(len(means)), means, log_std, learns_std).on_nodes(nodes)
    return policy.on_nodes_of(policy)


def of_batch(batch: Trajectories) -> GaussianPolicy:
    """Return the batch's policy, refusing one whose actions are no points on a line."""
    policy = batch.policy
    if not isinstance(policy, GaussianPolicy):
        raise InvalidPolicy(
            f"policy is {type(policy).__name__}, must be the Gaussian of this entry's own setting: call its `setting()`"
        )
    return policy


def visited(batch: Trajectories, weights: Float[Array, "n T"]) -> Float[Array, "n S A"]:
    """Return Σ_t w_t 1{s_t = s, a_t = a} [n, S, A], padding left out."""
    mdp = batch.problem.mdp
    table = np.zeros((len(batch), mdp.num_states, mdp.num_actions))
    index = np.arange(len(batch))
    for t in range(batch.num_steps):
        table[index, batch.states[:, t], batch.actions[:, t]] += np.where(batch.mask[:, t], weights[:, t], 0.0)
    return table


def line_problem(effect: Float[Array, "S A"], policy: GaussianPolicy) -> Problem:
    """Return a two-state, two-step problem in which an action acts through a number `effect` [S, A].

    Reward −(u − 1)² in state 0 and u/2 − u²/4 in state 1; the larger u, the likelier state 1. γ = 0.9.
    """
    push = 1.0 / (1.0 + np.exp(-effect))
    transition = np.stack([1.0 - push, push], axis=2)
    reward = np.stack([-((effect[0] - 1.0) ** 2), effect[1] / 2.0 - effect[1] ** 2 / 4.0])
    return Problem(TabularMDP([0.7, 0.3], transition, reward), policy, FiniteHorizon(2, 0.9))


def one_dimension(learns_std: bool = False) -> GaussianPolicy:
    """Return the policy of the settings: means 0.3 and −0.4, σ = 0.8, five nodes."""
    return gaussian_policy(np.array([[0.3], [-0.4]]), np.log([0.8]), 5, learns_std)
