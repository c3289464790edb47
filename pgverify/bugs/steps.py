"""The few sums over the steps of a batch that the entries are made of."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, Inexact

from pgverify.batch_arrays import all_true
from pgverify.estimators.discounted_sum import discounted_sum
from pgverify.trajectories import Trajectories
from pgverify.validation import Array


def to_go(batch: Trajectories) -> Float[Array, "n T"]:
    """Return G_t = Σ_{k≥t} γ^{k−t} r_k [n, T]."""
    return discounted_sum(batch.relative_rewards, batch.discount)


def undiscounted_to_go(batch: Trajectories) -> Float[Array, "n T"]:
    """Return Σ_{k≥t} r_k [n, T]."""
    return discounted_sum(batch.relative_rewards, 1.0)


def credit(batch: Trajectories) -> Float[Array, "n T"]:
    """Return γ^t G_t [n, T], the weights whose estimate is unbiased."""
    return batch.discount_powers * to_go(batch)


def returns(batch: Trajectories) -> Float[Array, "n"]:
    """Return R = Σ_t γ^t r_t [n]."""
    return batch.relative_rewards @ batch.discount_powers


def rows(batch: Trajectories, weights: Float[Array, "n T"]) -> Inexact[Array, "n d"]:
    """Return Σ_t w_t ψ_t for every trajectory [n, d]."""
    return batch.score_weighted(batch.step_scale * weights)


def rows_over_actions(batch: Trajectories, weights: Float[Array, "n T A"]) -> Inexact[Array, "n d"]:
    """Return Σ_t Σ_a w_t(a) ∇ log π(a|s_t) for every trajectory, padding left out [n, d]."""
    return _accumulated(batch, np.where(batch.mask[:, :, None], weights, 0.0))


def rows_with_padding(batch: Trajectories, weights: Float[Array, "n T"]) -> Inexact[Array, "n d"]:
    """Return Σ_t w_t ψ_t over *all* T columns, the padded ones too: nobody should want this [n, d]."""
    return _accumulated(batch, weights[:, :, None] * one_hot(batch))


def _accumulated(batch: Trajectories, weights: Float[Array, "n T A"]) -> Inexact[Array, "n d"]:
    count, mdp = len(batch), batch.problem.mdp
    table = np.zeros((count, mdp.num_states, mdp.num_actions))
    index = np.arange(count)
    for t in range(batch.num_steps):
        table[index, batch.states[:, t]] += weights[:, t]
    return batch.policy.score_vjp(batch.step_scale * table)


def one_hot(batch: Trajectories) -> Float[Array, "n T A"]:
    """Return 1{a = a_t} [n, T, A]."""
    return np.eye(batch.problem.mdp.num_actions)[batch.action_numbers]


def at_states(batch: Trajectories, table: Float[Array, "S A"]) -> Float[Array, "n T A"]:
    """Return f(s_t, ·) [n, T, A]."""
    return table[batch.states[:, :-1]]


def at_actions(batch: Trajectories, table: Float[Array, "S A"]) -> Float[Array, "n T"]:
    """Return f(s_t, a_t) [n, T], 0 on padding."""
    return np.where(batch.mask, table[batch.states[:, :-1], batch.action_numbers], 0.0)


def rough_critic(batch: Trajectories) -> Float[Array, "n T_plus_1"]:
    """Return V̂(s_t) = 1/2 + cos(s_t)/2 [n, T+1]: arbitrary on purpose, and not 0 in terminal states.

    Where an episode is cut it is V itself: whatever else is bootstrapped there is a bias of its own.
    """
    rough = np.cos(batch.states)
    rough *= 0.5
    rough += 0.5
    if all_true(batch.terminated):
        return rough
    at_the_cut = batch.truncated[:, None] & (np.arange(batch.num_steps + 1) == batch.lengths[:, None])
    return np.where(at_the_cut, batch.values, rough)


def by_step(weights: Float[Array, "n T"]) -> Float[Array, "n T 1"]:
    """Return weights [n, T] ready to multiply [n, T, A]."""
    return weights[:, :, None]
