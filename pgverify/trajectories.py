"""Trajectories: the batch that every estimator reads, whether it was sampled or listed."""

from __future__ import annotations

from collections.abc import Sequence
from copy import copy
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Inexact, Integer

from pgverify.errors import InvalidEstimator, InvalidSampling
from pgverify.policies.protocol import Policy
from pgverify.problem import Problem
from pgverify.validation import Array, require_shape

ARRAYS = ("states", "actions", "rewards", "lengths", "terminated", "values")
"""The fields that hold one row a trajectory."""


@dataclass(frozen=True, eq=False, repr=False)
class Trajectories:
    """n trajectories of a problem, padded to a common number of steps T.

    Time runs t = 0..T-1; `rewards[:, t]` is the reward that follows (s_t, a_t). After an episode has ended the
    state stays where it is, actions and rewards are 0, and `mask` is False.

    Attributes
    ----------
    problem : Problem
        The problem they were drawn from.
    states : [n, T+1]
        s_0..s_T.
    actions : [n, T]
    rewards : [n, T]
    lengths : [n]
        Number of steps taken in each episode, 0..T.
    terminated : [n] of bool
        True where the episode ended (a terminal state, a horizon, a random horizon); False where it was cut.
    values : [n, T+1]
        State values V(s_t) of the problem itself, 0 once the episode has terminated; what a perfect critic says.
    discount : float
        γ as the estimators must use it (1 for the random-horizon form of the discounted objective).
    step_scale : float
        Factor on every step: 1, or 1/T for the average reward.
    gain : float
        Average reward ρ, taken off every reward in the differential return; 0 for the other objectives.
    """

    problem: Problem
    states: Integer[Array, "n T_plus_1"]
    actions: Integer[Array, "n T"]
    rewards: Float[Array, "n T"]
    lengths: Integer[Array, "n"]
    terminated: Bool[Array, "n"]
    values: Float[Array, "n T_plus_1"]
    discount: float
    step_scale: float = 1.0
    gain: float = 0.0

    def __post_init__(self) -> None:
        count, steps = self.actions.shape
        for name, shape, meaning in (
            ("states", (count, steps + 1), "[n, T+1]"),
            ("rewards", (count, steps), "[n, T]"),
            ("lengths", (count,), "[n]"),
            ("terminated", (count,), "[n]"),
            ("values", (count, steps + 1), "[n, T+1]"),
        ):
            require_shape(name, getattr(self, name), shape, meaning, InvalidSampling)

    @property
    def policy(self) -> Policy:
        """The policy that acted."""
        return self.problem.policy

    @property
    def mask(self) -> Bool[Array, "n T"]:
        """True on the steps that were taken."""
        return np.arange(self.num_steps) < self.lengths[:, None]

    @property
    def truncated(self) -> Bool[Array, "n"]:
        """True where the episode was cut before it ended."""
        return ~self.terminated

    @property
    def log_probs(self) -> Float[Array, "n T"]:
        """Return log π(a_t|s_t), and 0 on padding."""
        chosen = self.policy.probabilities()[self.states[:, :-1], self.actions]
        return np.log(np.where(self.mask, chosen, 1.0))

    @property
    def relative_rewards(self) -> Float[Array, "n T"]:
        """Return r_t − ρ on the steps that were taken, 0 on padding; ρ = 0 but for the average reward."""
        return np.where(self.mask, self.rewards - self.gain, 0.0)

    @property
    def ongoing(self) -> Bool[Array, "n T_plus_1"]:
        """True where the state s_t still has a future: before the end, and at a cut."""
        times = np.arange(self.num_steps + 1)
        ends = np.where(self.terminated, self.lengths, self.lengths + 1)
        return times < ends[:, None]

    @property
    def num_steps(self) -> int:
        """T, the padded number of steps."""
        return self.actions.shape[1]

    @property
    def discount_powers(self) -> Float[Array, "T"]:
        """γ^t, with 0^0 = 1."""
        return np.power(self.discount, np.arange(self.num_steps))

    def __len__(self) -> int:
        return len(self.actions)

    def select(self, rows: Any) -> Trajectories:
        """Return the trajectories at the given rows (an index, indices, a mask or a slice)."""
        index = rows
        if not isinstance(rows, slice):
            index = np.atleast_1d(rows)
            index = index if index.size else index.astype(np.int64)  # an empty list is one of floats to NumPy
        return self._with({name: getattr(self, name)[index] for name in ARRAYS})

    def copy(self) -> Trajectories:
        """Return the same trajectories in arrays of their own."""
        return self._with({name: getattr(self, name).copy() for name in ARRAYS})

    def _with(self, arrays: dict[str, Array]) -> Trajectories:
        # Shapes that were right stay right, and a check of a function selects and copies thousands of times.
        other = copy(self)
        vars(other).update(arrays)
        return other

    def score_weighted(self, weights: Float[Array, "n T"]) -> Inexact[Array, "n d"]:
        """Return Σ_t w_t ∇ log π(a_t|s_t) for every trajectory; padded steps do not count.

        Parameters
        ----------
        weights : [n, T]
            w_t, one number a step.

        Raises
        ------
        InvalidEstimator
            When the weights are not [n, T].
        """
        require_shape("weights", weights, self.actions.shape, "[n, T]", InvalidEstimator)
        count, _ = self.actions.shape
        mdp = self.problem.mdp
        kept = np.where(self.mask, weights, 0.0)
        cells = self.states[:, :-1] * mdp.num_actions + self.actions
        size = mdp.num_states * mdp.num_actions
        # One histogram over (trajectory, state, action): visits to the same pair add up.
        flat = (np.arange(count)[:, None] * size + cells).ravel()
        visited = np.bincount(flat, weights=kept.ravel(), minlength=count * size).astype(np.float64)
        return self.policy.score_vjp(visited.reshape(count, mdp.num_states, mdp.num_actions))

    def __repr__(self) -> str:
        return (
            f"Trajectories(n={len(self)}, steps={self.num_steps}, mean length={self.lengths.mean():.4g}, "
            f"terminated={int(self.terminated.sum())})"
        )


def concatenate(batches: Sequence[Trajectories]) -> Trajectories:
    """Return several batches of one problem as one, padded to the longest."""
    if not batches:
        raise InvalidSampling("batches is empty, must hold at least one batch")
    steps = max(batch.num_steps for batch in batches)
    padded = [_pad(batch, steps) for batch in batches]
    first = padded[0]
    joined: dict[str, Any] = {name: np.concatenate([getattr(batch, name) for batch in padded]) for name in ARRAYS}
    return replace(first, **joined)


def _pad(batch: Trajectories, steps: int) -> Trajectories:
    extra = steps - batch.num_steps
    if extra == 0:
        return batch
    wide = ((0, 0), (0, extra))
    return replace(
        batch,
        states=np.pad(batch.states, wide, mode="edge"),
        actions=np.pad(batch.actions, wide),
        rewards=np.pad(batch.rewards, wide),
        values=np.pad(batch.values, wide, mode="edge"),
    )
