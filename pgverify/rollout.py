"""The law of a rollout: where it starts, who acts, when it stops, and which discount its estimators must use."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from pgverify.errors import InvalidEstimator
from pgverify.policies.protocol import Policy
from pgverify.problem import Problem
from pgverify.validation import Array


@dataclass(frozen=True, eq=False)
class Rollout:
    """How trajectories of a problem come about, read by the sampler, by listings and by the exact moments alike.

    Attributes
    ----------
    problem : Problem
        Whose policy π_θ is differentiated.
    acting : Policy
        μ, which chooses the actions; π_θ itself unless the data are off-policy.
    value_table : function () -> [T+1, S] or [S]
        Where the state values come from: they are computed when they are first read.
    start : [S]
        Distribution of the first state.
    horizon : int or None
        Largest number of steps; None when only `survival` and terminal states end an episode.
    horizon_terminates : bool
        Whether reaching the horizon ends the episode (finite horizon) or merely cuts it (truncation).
    discount : float
        γ for the estimators: 1 where the random horizon already plays the part of the discount.
    survival : float
        Probability that the episode goes on after a step: 1, or γ for the random horizon.
    step_scale : float
        Factor on every step's contribution: 1, or 1/T for the average reward, which is a mean over steps.
    gain : float
        Average reward ρ that is taken off every reward in the differential return; 0 for the other objectives.
    action_value_table : function () -> [T, S, A] or [S, A], optional
        Where the action values come from, likewise; None where nobody knows them.
    advantage_table : function () -> [T, S, A] or [S, A], optional
        Where the advantages come from; action values less those of their state by default.
    """

    problem: Problem
    acting: Policy
    value_table: Callable[[], Float[Array, "*time S"]]
    start: Float[Array, "S"]
    horizon: int | None
    horizon_terminates: bool
    discount: float
    survival: float = 1.0
    step_scale: float = 1.0
    gain: float = 0.0
    action_value_table: Callable[[], Float[Array, "*steps S A"]] | None = None
    advantage_table: Callable[[], Float[Array, "*steps S A"]] | None = None

    @property
    def on_policy(self) -> bool:
        """True where the policy that is differentiated acts itself."""
        return self.acting is self.problem.policy

    @property
    def values(self) -> Float[Array, "*time S"]:
        """State values V(s), [T+1, S] or [S] (differential values for the average reward); a perfect critic's."""
        return self.value_table()

    @property
    def action_values(self) -> Float[Array, "*steps S A"]:
        """Action values Q(s,a), [T, S, A] or [S, A]; those of a perfect critic.

        Raises
        ------
        InvalidEstimator
            Where nobody knows them.
        """
        if self.action_value_table is None:
            raise InvalidEstimator(
                "action values are not known of these trajectories, must be given: pass a table [S, A] to the estimator"
            )
        return self.action_value_table()

    @property
    def advantages(self) -> Float[Array, "*steps S A"]:
        """Advantages Q(s,a) − V(s), [T, S, A] or [S, A], with digits that a reward common to all leaves Q no room for.

        Raises
        ------
        InvalidEstimator
            As for `action_values`.
        """
        if self.advantage_table is not None:
            return self.advantage_table()
        mean = (self.problem.policy.probabilities() * self.action_values).sum(axis=-1, keepdims=True)
        return np.asarray(self.action_values - mean)
