"""Trajectories: the batch that every estimator reads, whether it was sampled or listed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Inexact, Integer

from pgverify.arrays import refuse_non_finite, weights_as_given
from pgverify.batch_arrays import ARRAYS as ARRAYS
from pgverify.batch_arrays import OPTIONAL_ARRAYS as OPTIONAL_ARRAYS
from pgverify.batch_arrays import fitting_arrays, powers, row_index, times, where_taken
from pgverify.errors import InvalidEstimator, InvalidSampling
from pgverify.flat_steps import Autoreset, FlatSteps, flat_steps
from pgverify.kinds import SuggestsNames, instance_of, known_arguments
from pgverify.policies.protocol import Policy
from pgverify.policies.steps import log_prob, score_sum_of_kept
from pgverify.problem import Problem
from pgverify.rollout import Rollout
from pgverify.validation import Array, require_shape, settle, shown


@known_arguments
@dataclass(frozen=True, eq=False, repr=False)
class Trajectories(SuggestsNames):
    """n trajectories of a problem, padded to a common number of steps T, and the law they come from.

    Time runs t = 0..T-1; `rewards[:, t]` is the reward that follows (s_t, a_t), a bonus of the objective included.
    After an episode has ended the state stays where it is, actions and rewards are 0, and `mask` is False.

    Attributes
    ----------
    rollout : Rollout
        How they came about: the problem, who acted, when they ended.
    states : [n, T+1]
        s_0..s_T.
    actions : [n, T]
        Their numbers; of a continuous MDP real ones, [n, T, D].
    rewards : [n, T]
    lengths : [n]
        Number of steps taken in each episode, 0..T.
    terminated : [n] of bool
        True where the episode ended (a terminal state, a horizon, a random horizon); False where it was cut.
    log_probs : [n, T]
        log μ(a_t|s_t) of the policy that acted, 0 on padding.
    group : [n] of int, optional
        Which trajectories belong together, by start state; None where all are independent.
    critic : [n, T+1], optional
        Values of somebody's critic, in place of the exact ones.
    nodes : [n, T], optional
        Which node of the quadrature each real action is; None where they were drawn from the real law.
    """

    rollout: Rollout
    states: Integer[Array, "n T_plus_1"]
    actions: Integer[Array, "n T"] | Float[Array, "n T D"]
    rewards: Float[Array, "n T"]
    lengths: Integer[Array, "n"]
    terminated: Bool[Array, "n"]
    log_probs: Float[Array, "n T"]
    group: Integer[Array, "n"] | None = None
    critic: Float[Array, "n T_plus_1"] | None = None
    nodes: Integer[Array, "n T"] | None = None

    def __post_init__(self) -> None:
        ROLLOUT.require("rollout", self.rollout)
        given = {name: getattr(self, name) for name in (*ARRAYS, *OPTIONAL_ARRAYS)}
        settle(self, **fitting_arrays(given, self.rollout.problem.mdp))

    @property
    def problem(self) -> Problem:
        """The problem they were drawn from."""
        return self.rollout.problem

    @property
    def policy(self) -> Policy:
        """π_θ, whose parameters the gradient is taken of."""
        return self.rollout.problem.policy

    @property
    def acting(self) -> Policy:
        """μ, the policy that acted: π_θ itself unless the data are off-policy."""
        return self.rollout.acting

    @property
    def action_numbers(self) -> Integer[Array, "n T"]:
        """Numbers of the actions in tables [S, A]: of real actions, of the nodes that they are.

        Raises
        ------
        InvalidEstimator
            When real actions were drawn from the real law: then they are none of the nodes.
        """
        if self.actions.ndim == 2:
            return self.actions
        if self.nodes is None:
            raise InvalidEstimator(
                "actions are real numbers drawn from their density, must be nodes of a quadrature for tables [S, A]; "
                "pgv.exact.enumerate_trajectories(problem) lists these"
            )
        return self.nodes

    @property
    def discount(self) -> float:
        """γ as the estimators must use it (1 for the random-horizon form of the discounted objective)."""
        return self.rollout.discount

    @property
    def step_scale(self) -> float:
        """Factor on every step: 1, or 1/T for the average reward."""
        return self.rollout.step_scale

    @property
    def gain(self) -> float:
        """Average reward ρ, taken off every reward in the differential return; 0 for the other objectives."""
        return self.rollout.gain

    @property
    def values(self) -> Float[Array, "n T_plus_1"]:
        """V(s_t) of π_θ, 0 once the episode has terminated, as a perfect critic says; or those of `critic`."""
        if self.critic is not None:
            return self.critic
        table = self.rollout.values
        # Padding may reach beyond the last time of the table: nobody is under way there.
        last = np.minimum(np.arange(self.num_steps + 1), len(table) - 1)
        visited = table[self.states] if table.ndim == 1 else table[last, self.states]
        return np.where(self.ongoing, visited, 0.0)

    @property
    def importance(self) -> Float[Array, "n T"]:
        """Return ρ_t = π_θ(a_t|s_t)/μ(a_t|s_t), 1 on padding: exactly 1 where the policy itself acted."""
        if self.rollout.on_policy:
            return np.ones(self.rewards.shape)
        return np.exp(log_prob(self.policy, self) - self.log_probs)

    @property
    def mask(self) -> Bool[Array, "n T"]:
        """True on the steps that were taken."""
        return times(self.actions.shape[1]) < self.lengths[:, None]

    @property
    def truncated(self) -> Bool[Array, "n"]:
        """True where the episode was cut before it ended."""
        return ~self.terminated

    @property
    def relative_rewards(self) -> Float[Array, "n T"]:
        """Return r_t − ρ on the steps that were taken, 0 on padding; ρ = 0 but for the average reward."""
        gain = self.gain
        return where_taken(self.mask, self.rewards - gain if gain else self.rewards)

    @property
    def ongoing(self) -> Bool[Array, "n T_plus_1"]:
        """True where the state s_t still has a future: before the end, and at a cut."""
        ends = np.where(self.terminated, self.lengths, self.lengths + 1)
        return times(self.num_steps + 1) < ends[:, None]

    @property
    def num_steps(self) -> int:
        """T, the padded number of steps."""
        return self.actions.shape[1]

    @property
    def discount_powers(self) -> Float[Array, "T"]:
        """γ^t, with 0^0 = 1."""
        return powers(self.discount, self.num_steps).copy()

    def __len__(self) -> int:
        return len(self.actions)

    def select(self, rows: Any) -> Trajectories:
        """Return the trajectories at the given rows (an index, indices, a mask or a slice)."""
        try:
            if isinstance(rows, slice) or (index := row_index(rows)).dtype == np.bool_:
                return self._with_each(lambda array: array[rows])
            return self._with_each(lambda array: array.take(index, 0))
        except Exception:  # whatever NumPy, or what was handed over, has to say
            raise InvalidSampling(
                f"rows is {shown(rows)}, must be an index in 0..{len(self) - 1}, a list of them, a slice, or one truth "
                f"value for each of the {len(self)} trajectories"
            ) from None

    def steps(self, cut: int | None = None, autoreset: Autoreset = "same-step") -> FlatSteps:
        """Return the steps one after another, as vectorised libraries store them.

        Every episode is cut into pieces of at most `cut` steps. All are kept, so that whoever bootstraps V at the cuts,
        and nowhere else, still has the expectation of whole episodes: E[r_t + … + γ^{k−t} V(s_k)|s_t, a_t] = Q_t. They
        are stored in an order in which nothing that follows a piece has anything to do with it.

            steps = batch.steps(cut=2)
            weights = ...                                    # [N]
            batch.score_weighted(steps.padded(weights))      # [n, d]

        Parameters
        ----------
        cut : int, optional
            Steps of a piece, at least 1; by default episodes stay whole.
        autoreset : "same-step" or "next-step"
            What is stored at an end: the state after the reset at once, or s_{t+1} and then a step that only resets.

        Raises
        ------
        InvalidSampling
            When `cut` is below 1.
        UnknownName
            On another convention.
        """
        return flat_steps(self, cut, autoreset)

    def copy(self) -> Trajectories:
        """Return the same trajectories in arrays of their own."""
        return self._with_each(np.ndarray.copy)

    def _arrays(self) -> list[tuple[str, Array]]:
        """Return all that has one row a trajectory."""
        own = vars(self)
        return [(name, own[name]) for name in (*ARRAYS, *OPTIONAL_ARRAYS) if own[name] is not None]

    def _with_each(self, change: Callable[[Array], Array]) -> Trajectories:
        """Return the same with all that has one row a trajectory changed: a check does so thousands of times."""
        other = object.__new__(type(self))
        own, arrays = vars(self), vars(other)
        arrays.update(own)
        for name in ARRAYS:
            arrays[name] = change(own[name])
        for name in OPTIONAL_ARRAYS:
            if own[name] is not None:
                arrays[name] = change(own[name])
        return other

    def with_arrays(self, arrays: dict[str, Array]) -> Trajectories:
        """Return the same with other arrays for some, by name, which are taken as they are: they must fit."""
        # Shapes that were right stay right, and a check of a function selects and copies thousands of times.
        other = object.__new__(type(self))
        vars(other).update(vars(self))
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
        given = weights_as_given("weights", weights, InvalidEstimator)
        require_shape("weights", given, self.rewards.shape, "[n, T]", InvalidEstimator)
        if given.dtype.kind == "c":
            raise InvalidEstimator("weights holds complex numbers, must hold real ones; .real takes their real parts")
        kept = where_taken(self.mask, given)  # on padding anything may stand
        refuse_non_finite("weights", kept, InvalidEstimator)
        return score_sum_of_kept(self.policy, self, kept)

    def __repr__(self) -> str:
        return (
            f"Trajectories(n={len(self)}, steps={self.num_steps}, mean length={self.lengths.mean():.4g}, "
            f"terminated={int(self.terminated.sum())})"
        )


BATCH = instance_of(Trajectories, expected="a batch of trajectories", advice="pgv.sample(problem, n) draws one")
ROLLOUT = instance_of(Rollout, expected="the law of a rollout", advice="pgv.exact.rollout(problem) gives it")


def concatenate(batches: Sequence[Trajectories]) -> Trajectories:
    """Return several batches of one problem as one, padded to the longest; equal numbers in `group` are one group."""
    if not batches:
        raise InvalidSampling("batches is empty, must hold at least one batch")
    for name in OPTIONAL_ARRAYS:
        held = [getattr(batch, name) is not None for batch in batches]
        if any(held) and not all(held):
            raise InvalidSampling(
                f"{name} is None in batches[{held.index(False)}] but not in batches[{held.index(True)}], must be given "
                "in all batches that are joined or in none"
            )
    steps = max(batch.num_steps for batch in batches)
    padded = [_pad(batch, steps) for batch in batches]
    joined: dict[str, Any] = {
        name: np.concatenate([getattr(batch, name) for batch in padded]) for name, _ in padded[0]._arrays()
    }
    return replace(padded[0], **joined)


def _pad(batch: Trajectories, steps: int) -> Trajectories:
    extra = steps - batch.num_steps
    if extra == 0:
        return batch
    wide = ((0, 0), (0, extra))
    return replace(
        batch,
        states=np.pad(batch.states, wide, mode="edge"),
        actions=np.pad(batch.actions, (*wide, *((0, 0),) * (batch.actions.ndim - 2))),
        rewards=np.pad(batch.rewards, wide),
        log_probs=np.pad(batch.log_probs, wide),
        critic=None if batch.critic is None else np.pad(batch.critic, wide, mode="edge"),
        nodes=None if batch.nodes is None else np.pad(batch.nodes, wide),
    )
