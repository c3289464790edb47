"""Logits at the steps visited, of any policy, and the way back from their gradient to that by θ.

Of a softmax policy they are its own. Of every other they are log π(·|s_t): the softmax of those is π, too, and so the
gradient of a loss that reads probabilities or log-probabilities is the right one.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from jaxtyping import Float, Integer

from pgverify.policies.protocol import Policy
from pgverify.policies.softmax_algebra import softmax
from pgverify.policies.steps import Prefix, logits_of, next_probabilities, remembers, score_sum
from pgverify.trajectories import Trajectories
from pgverify.validation import Array

NEVER = -1e30
"""Stands for log 0: finite, so that 0 · log 0 is 0 in an entropy, and in range of single precision."""


def visited_logits(batch: Trajectories) -> Float[Array, "n T A"]:
    """Return logits z(s_t, ·) at the states visited, as a network would put them out; padding has those of some state.

    Where actions depend on the history they are those after s_0, a_0, …, s_t.
    """
    policy = batch.policy
    if remembers(policy):
        return _logarithms(_after_prefixes(policy, batch))
    own = _own_logits(policy)
    table = _logarithms(policy.probabilities()) if own is None else own
    return table[batch.states[:, :-1]]


def parameter_gradient(batch: Trajectories, by_logit: Float[Array, "n T A"]) -> Float[Array, "d"]:
    """Return the gradient by θ from the one by the logits, in its precision: Σ_{i,t,a} g_{ita} ∂z(s_it, a)/∂θ."""
    policy: Any = batch.policy
    if not np.isfinite(by_logit).all():  # the loss's own, for whoever judges it to see
        return np.full(np.size(policy.parameters), np.nan, dtype=by_logit.dtype)
    if remembers(policy):
        return _by_history(policy, batch, np.asarray(by_logit, dtype=np.float64)).astype(by_logit.dtype)
    probabilities = policy.probabilities()
    table = np.zeros(probabilities.shape)
    np.add.at(table, batch.states[:, :-1], by_logit)
    if not np.isfinite(table).all():
        return np.full(np.size(policy.parameters), np.nan, dtype=by_logit.dtype)
    if _own_logits(policy) is not None:
        return np.asarray(policy.logit_vjp(table)).astype(by_logit.dtype)
    # z = log π, whose derivative is the score; what is never done has none.
    return np.asarray(policy.score_vjp(np.where(probabilities > 0.0, table, 0.0))).astype(by_logit.dtype)


def _own_logits(policy: Policy) -> Float[Array, "S A"] | None:
    """Return the logits of a policy that is their softmax, and can be differentiated through them; else None."""
    table = logits_of(policy)
    if table is None or not hasattr(policy, "logit_vjp"):
        return None
    same = np.allclose(softmax(np.asarray(table))[0], policy.probabilities(), rtol=1e-9, atol=1e-300)
    return np.where(np.isneginf(table), NEVER, table) if same else None  # −∞ times no weight, on padding, is NaN


def _logarithms(probabilities: Float[Array, "*rows A"]) -> Float[Array, "*rows A"]:
    with np.errstate(divide="ignore"):
        return np.maximum(np.log(probabilities), NEVER)


def _prefix(batch: Trajectories, t: int) -> Prefix:
    return Prefix(batch.states[:, : t + 1], batch.actions[:, :t], batch.mask[:, :t])


def _after_prefixes(policy: Policy, batch: Trajectories) -> Float[Array, "n T A"]:
    actions = batch.problem.mdp.num_actions
    steps = [next_probabilities(policy, _prefix(batch, t)) for t in range(batch.num_steps)]
    return np.stack(steps, axis=1) if steps else np.zeros((len(batch), 0, actions))


def _by_history(policy: Policy, batch: Trajectories, by_logit: Float[Array, "n T A"]) -> Float[Array, "d"]:
    """Return Σ g_{ita} ∇ log π(a|h_it): for every step and action a trajectory that takes it there, weighted there."""
    total = np.zeros(np.size(policy.parameters))
    chances = _after_prefixes(policy, batch)
    for t in range(batch.num_steps):
        here = batch.mask[:, t]
        for action in range(chances.shape[2]):
            weights = np.zeros((len(batch), t + 1))
            weights[:, t] = np.where(here & (chances[:, t, action] > 0.0), by_logit[:, t, action], 0.0)
            if weights.any():
                total += score_sum(policy, _with_action(batch, t, action), weights).sum(axis=0)
    return total


def _with_action(batch: Trajectories, t: int, action: int) -> Prefix:
    actions: Integer[Array, "n t"] = batch.actions[:, : t + 1].copy()
    actions[:, t] = action
    return Prefix(batch.states[:, : t + 2], actions, batch.mask[:, : t + 1])
