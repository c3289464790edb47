"""The step door: what a policy is asked at the steps of trajectories, and the answer of tables where it has none.

A policy may offer any of these methods; networks, Gaussian policies and those that depend on the history do, and need
no table of all states. Whatever is missing is answered from `probabilities` and `score_vjp`:

    log_prob(steps) -> [n, T]                log π(a_t|s_t), 0 on padding
    score_sum(steps, weights) -> [n, d]      Σ_t w_t ∇ log π(a_t|s_t)
    next_probabilities(prefix) -> [n, A]     π(·|what has happened so far)

A policy whose actions depend on the history must offer `score_sum` too: no table knows its score. And, for adapters
that differentiate through them, an attribute `logits` [S, A].
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Bool, Float, Inexact, Integer

from pgverify.errors import InvalidPolicy, shown
from pgverify.policies.protocol import Policy
from pgverify.validation import Array

CELLS_AT_ONCE = 2**22
"""Cells of the histogram over (trajectory, state, action) that are built together: 32 MB."""


@runtime_checkable
class Steps(Protocol):
    """Steps of n trajectories: a batch, or the part of one that has happened so far."""

    @property
    def states(self) -> Integer[Array, "n T_plus_1"]:
        """s_0..s_T; for a prefix of t steps, s_0..s_t."""
        ...

    @property
    def actions(self) -> Integer[Array, "n T"] | Float[Array, "n T D"]:
        """a_0..a_{T−1}: their numbers, or real ones."""
        ...

    @property
    def mask(self) -> Bool[Array, "n T"]:
        """True on the steps that were taken."""
        ...


@dataclass(frozen=True, eq=False)
class Prefix:
    """The first t steps of n trajectories, as `Steps`."""

    states: Integer[Array, "n t_plus_1"]
    actions: Integer[Array, "n t"] | Float[Array, "n t D"]
    mask: Bool[Array, "n t"]


def log_prob(policy: Policy, steps: Steps) -> Float[Array, "n T"]:
    """Return log π(a_t|s_t), and 0 on padding; −∞ for an action that the policy never takes."""
    door = getattr(policy, "log_prob", None)
    if door is not None:
        return np.where(steps.mask, door(steps), 0.0)
    if remembers(policy):
        chosen = _chosen_after_prefixes(policy, steps)
    else:
        chosen = policy.probabilities()[steps.states[:, :-1], steps.actions]
    with np.errstate(divide="ignore"):  # somebody else may have taken what this policy never does
        return np.log(np.where(steps.mask, chosen, 1.0))


def _chosen_after_prefixes(policy: Policy, steps: Steps) -> Float[Array, "n T"]:
    rows = np.arange(len(steps.actions))
    chosen = np.ones(steps.actions.shape)
    for t in range(steps.actions.shape[1]):
        prefix = Prefix(steps.states[:, : t + 1], steps.actions[:, :t], steps.mask[:, :t])
        chosen[:, t] = next_probabilities(policy, prefix)[rows, steps.actions[:, t]]
    return chosen


def score_sum(policy: Policy, steps: Steps, weights: Float[Array, "n T"]) -> Inexact[Array, "n d"]:
    """Return Σ_t w_t ∇ log π(a_t|s_t) for every trajectory; padded steps do not count."""
    return score_sum_of_kept(policy, steps, np.where(steps.mask, weights, 0.0))


def score_sum_of_kept(policy: Policy, steps: Steps, kept: Float[Array, "n T"]) -> Inexact[Array, "n d"]:
    """Return the same for weights that are 0 on padding already."""
    door = getattr(policy, "score_sum", None)
    if door is None and remembers(policy):
        raise InvalidPolicy(
            f"policy is {shown(policy)}, whose actions depend on the history (it has next_probabilities), must have "
            "score_sum, too: no table knows its score"
        )
    return score_sum_by_table(policy, steps, kept) if door is None else door(steps, kept)


def score_sum_by_table(policy: Policy, steps: Steps, weights: Float[Array, "n T"]) -> Inexact[Array, "n d"]:
    """Return the same through tables of all states and actions, some trajectories at a time.

    Parameters
    ----------
    policy : Policy
    steps : Steps
    weights : [n, T]
        w_t, 0 on padding.
    """
    states, actions = policy.probabilities().shape
    size = states * actions
    group = max(1, CELLS_AT_ONCE // size)
    cells = steps.states[:, :-1] * actions + steps.actions
    parts = []
    for first in range(0, max(len(weights), 1), group):
        rows = slice(first, first + group)
        counted = histogram(cells[rows], weights[rows], size)
        parts.append(policy.score_vjp(counted.reshape(-1, states, actions)))
    return np.concatenate(parts) if len(parts) > 1 else parts[0]


def next_probabilities(policy: Policy, prefix: Steps) -> Float[Array, "n A"]:
    """Return π(·|s_0, a_0, …, s_t) for trajectories of t steps so far."""
    door = getattr(policy, "next_probabilities", None)
    if door is not None:
        return door(prefix)
    return policy.probabilities()[prefix.states[:, -1]]


def remembers(policy: Policy) -> bool:
    """Return whether a policy answers for prefixes itself: its actions may depend on more than the state."""
    return getattr(policy, "next_probabilities", None) is not None


def logits_of(policy: Policy) -> Any:
    """Return the logits z(s,a) [S, A] of a softmax policy; None where a policy has none."""
    return getattr(policy, "logits", None)


def histogram(cells: Integer[Array, "n T"], weights: Float[Array, "n T"], size: int) -> Float[Array, "n size"]:
    """Return Σ_t w_t 1{cell_t = c} for every trajectory and cell: visits to the same pair add up."""
    count = len(cells)
    flat = cells if count == 1 else np.arange(0, count * size, size)[:, None] + cells
    counted = np.bincount(flat.ravel(), weights=weights.ravel(), minlength=count * size)
    return counted.astype(np.float64, copy=False).reshape(count, size)
