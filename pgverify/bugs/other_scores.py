"""Something else in the place of ∇ log π(a_t|s_t): π itself, a bounded logarithm, another action, another axis."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
from jaxtyping import Float, Inexact

from pgverify.bugs.changed_losses import (
    NO_THREAD,
    LossChange,
    StepValues,
    entry_of_change,
)
from pgverify.bugs.steps import by_step, one_hot, rows, rows_over_actions
from pgverify.trajectories import Trajectories
from pgverify.validation import Array

FLOORS = (1e-2, 1e-3, 1e-4, 1e-5, 1e-6, 1e-1, 1e-7, 1e-8)
"""What is added to a probability before the logarithm."""

LEAST = (*(float(np.exp(-size)) for size in (1.0, 2.0, 3.0, 5.0, 10.0, 20.0)), 0.2, 0.1, 0.05, 0.01, 0.001, 1e-6)
"""Probabilities below which the logarithm is clamped."""

MOST = (0.9, 0.95, 0.99, 0.999)
"""Probabilities above which it is."""

CLAMPS = (*((least, 1.0) for least in LEAST), *((0.0, most) for most in MOST), (0.001, 0.99), (0.01, 0.99))


def _probabilities(batch: Trajectories) -> StepValues:
    return np.where(batch.mask, np.exp(batch.log_probs), 0.0)


def _times_probability(batch: Trajectories, weights: StepValues) -> StepValues:
    """Return w π, for ∇π = π ψ."""
    return weights * _probabilities(batch)


def _clamped(least: float, most: float, batch: Trajectories, weights: StepValues) -> StepValues:
    """Return w where the logarithm is not at a bound, where its derivative is 0."""
    found = _probabilities(batch)
    return np.where((found >= least) & (found <= most), weights, 0.0)


def _floored(added: float, batch: Trajectories, weights: StepValues) -> StepValues:
    """Return w π/(π + ε), for ∇ log(π + ε) = π ψ/(π + ε)."""
    found = _probabilities(batch)
    return weights * found / (found + added)


def _averaged(batch: Trajectories, weights: StepValues) -> StepValues:
    """Return (1/L) Σ_k w_k at every step."""
    total = weights.sum(axis=1, keepdims=True) / np.maximum(batch.lengths, 1)[:, None]
    return np.where(batch.mask, total, 0.0)


def _of_the_greedy_action(batch: Trajectories, weights: StepValues) -> Inexact[Array, "n d"]:
    """Return Σ_t w_t ψ(s_t, argmax_a π(a|s_t))."""
    table = batch.policy.probabilities()
    best = np.eye(table.shape[1])[table.argmax(axis=1)]
    return rows_over_actions(batch, by_step(weights) * best[batch.states[:, :-1]])


def _logits(batch: Trajectories) -> Float[Array, "S A"]:
    """Return the logits of the policy, log π where it has none."""
    policy: Any = batch.policy
    table = policy.probabilities()
    own = getattr(policy, "logits", None)
    return np.log(np.maximum(table, 1e-300)) if own is None or not hasattr(policy, "logit_vjp") else np.asarray(own)


def _by_logit(batch: Trajectories, table: Float[Array, "n S A"]) -> Inexact[Array, "n d"]:
    policy: Any = batch.policy
    return np.asarray(policy.logit_vjp(table) if hasattr(policy, "logit_vjp") else policy.score_vjp(table))


def _share(values: Float[Array, "*axes"], axis: int) -> Float[Array, "*axes"]:
    powers = np.exp(values - values.max(axis=axis, keepdims=True))
    return np.asarray(powers / powers.sum(axis=axis, keepdims=True))


def _over_states(batch: Trajectories, weights: StepValues) -> Inexact[Array, "n d"]:
    """Return Σ_t w_t ∇ log q(s_t, a_t), q the softmax of the table z [S, A] over its states."""
    share = _share(_logits(batch), axis=0)
    count, index = len(batch), np.arange(len(batch))
    table = np.zeros((count, *share.shape))
    for t in range(batch.num_steps):
        actions = batch.action_numbers[:, t]
        table[index, batch.states[:, t], actions] += weights[:, t]
        table[index, :, actions] -= weights[:, t, None] * share[:, actions].T
    return _by_logit(batch, table)


def _over_axis(axis: int, batch: Trajectories, weights: StepValues) -> Inexact[Array, "n d"]:
    """Return Σ_t w_t ∇ log q(a_t), q the softmax of the logits [n, T, A] at the visited states over an axis of them.

    The estimate is a mean over the rows; what they have to do with each other is put down to the row that it enters.
    """
    if not batch.num_steps or not len(batch):
        return rows(batch, weights)
    visited = _logits(batch)[batch.states[:, :-1]]
    chosen = by_step(weights) * one_hot(batch)
    slopes = chosen - _share(visited, axis) * chosen.sum(axis=axis, keepdims=True)
    table = np.zeros((len(batch), *_logits(batch).shape))
    for t in range(batch.num_steps):
        table[np.arange(len(batch)), batch.states[:, t]] += slopes[:, t]
    return _by_logit(batch, table)


SCORE_CHANGES: tuple[LossChange, ...] = (
    LossChange("log-missing", "returns times π instead of log π", weights=_times_probability),
    *(
        LossChange(
            "log-prob-clamped",
            f"log π clamped where π is outside [{least:.3g}, {most:g}]",
            weights=partial(_clamped, least, most),
        )
        for least, most in CLAMPS
    ),
    *(
        LossChange("log-of-raised-probability", f"log(π + {added:g})", weights=partial(_floored, added))
        for added in FLOORS
    ),
    LossChange("log-probs-averaged-first", "the mean of log π times the sum of returns", weights=_averaged),
    LossChange("greedy-action-scored", "log π of the likeliest action", contributions=_of_the_greedy_action),
    LossChange("softmax-over-wrong-axis", "a softmax over the states", contributions=_over_states),
    LossChange("softmax-over-wrong-axis", "a softmax over the steps", contributions=partial(_over_axis, 1)),
    LossChange(
        "softmax-over-wrong-axis",
        "a softmax over the trajectories of the batch",
        contributions=partial(_over_axis, 0),
        coupled=True,
    ),
)
"""The plainest form of each slug comes first."""


_entry = partial(entry_of_change, SCORE_CHANGES)


LOG_MISSING = _entry(
    130,
    "log-missing",
    "The probability of the action is differentiated, not its logarithm: likely actions count for more.",
    "Weight ∇ log π, not ∇π: the action was drawn, and is counted as often as it is likely already.",
    NO_THREAD,
)

LOG_PROB_CLAMPED = _entry(
    131,
    "log-prob-clamped",
    "log π, or π before the logarithm, is clamped: where it is at a bound its derivative is 0, and rare actions, or "
    "nearly certain ones, are learnt nothing from.",
    "Compute log π by log_softmax, which needs no clamp.",
    ("DigiRL-agent/digirl#22", "SlopDotCash/asi#2738"),
    "The entry clamps log π at −1; other bounds are recognised as well.",
)

LOG_OF_RAISED_PROBABILITY = _entry(
    132,
    "log-of-raised-probability",
    "A small number is added to π before the logarithm: the score is multiplied by π/(π + ε), and rare actions count "
    "for less.",
    "Compute log π by log_softmax, which needs nothing added.",
    NO_THREAD,
    "The entry adds 0.01; other numbers are recognised as well.",
)

LOG_PROBS_AVERAGED_FIRST = _entry(
    133,
    "log-probs-averaged-first",
    "The mean of log π over an episode is multiplied by the sum of its returns: no action is credited with what "
    "followed it.",
    "Multiply each log π by its own return, then sum.",
    ("Farama-Foundation/Gymnasium#1336",),
)

GREEDY_ACTION_SCORED = _entry(
    134,
    "greedy-action-scored",
    "The log-probability is that of the likeliest action, not of the action that was taken.",
    "Score the action that was taken.",
    NO_THREAD,
)

SOFTMAX_OVER_WRONG_AXIS = _entry(
    135,
    "softmax-over-wrong-axis",
    "The softmax is taken over states, steps or trajectories instead of actions: what is scored is no policy.",
    "Take the softmax over the last axis, that of the actions.",
    ("DeepReinforcementLearning/DeepReinforcementLearningInAction#32", "ctallec/world-models#10"),
    "The entry has the table's states; the steps of an episode and the trajectories of a batch are recognised as well.",
)
