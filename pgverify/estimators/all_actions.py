"""The all-action actor-critic: in every state visited, the gradient of all actions' probabilities."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from jaxtyping import Float
from numpy.typing import ArrayLike

from pgverify.declarations import TableRecursion, ratio_table
from pgverify.errors import InvalidEstimator
from pgverify.estimators.action_tables import action_table, decisions_before, expected_scores, fitting_table
from pgverify.estimators.facts import Facts
from pgverify.kinds import accepts, known_arguments
from pgverify.rollout import Rollout
from pgverify.trajectories import BATCH, ROLLOUT, Trajectories
from pgverify.validation import Array, require_flag, settle


@known_arguments
@dataclass(frozen=True, eq=False)
class AllActions:
    """g = Σ_t γ^t Σ_a ∇π(a|s_t) Q̂_t(s_t,a): the action taken does not matter, but for where it led.

    Expectation: exactly ∇J for the true action values, whatever is added to them by a function of the state; otherwise
    off by Σ_t γ^t Σ_s d_t Σ_a ∇π (Q̂_t − Q_t). Where episodes are cut these are the first terms of ∇J, each with its
    whole future. With `discount_weighting=False` the factor γ^t is dropped; under the average reward g is divided by
    T. Where another policy acted, a state counts Π_{k<t} π/μ times: the decisions that led to it.

    Parameters
    ----------
    critic : [S, A] or [T, S, A], optional
        Q̂, in units of reward. Default: the action values of the policy itself.
    discount_weighting : bool
        Whether step t carries the factor γ^t.

    Raises
    ------
    InvalidEstimator
        When the critic is no such table.

    References
    ----------
    Sutton et al., Policy gradient methods for reinforcement learning with function approximation, 1999, theorem 1;
    Sutton & Barto, Reinforcement Learning (2nd ed.), section 13.3.
    """

    facts: ClassVar[Facts] = Facts(
        name="all_actions",
        expectation="∇J",
        assumptions="true action values up to a function of the state; finitely many actions",
        source="Sutton et al. 1999; Sutton & Barto 2018, section 13.3",
        example=lambda _: AllActions(),
    )

    critic: ArrayLike | None = None
    discount_weighting: bool = True

    def __post_init__(self) -> None:
        settle(
            self,
            critic=None if self.critic is None else action_table("critic", self.critic),
            discount_weighting=require_flag("discount_weighting", self.discount_weighting, InvalidEstimator),
        )

    @accepts(rollout=ROLLOUT)
    def declaration(self, rollout: Rollout) -> TableRecursion:
        """Return e = π Q̂, f = ρ, and nothing besides."""
        probabilities = rollout.problem.policy.probabilities()
        nothing = np.zeros(probabilities.shape)
        weighting = rollout.discount if self.discount_weighting else 1.0
        expected = probabilities * self._values(rollout, rollout.horizon)
        return TableRecursion(
            weighting,
            earned=nothing,
            carried=nothing,
            credited=nothing,
            credited_ahead=nothing,
            passed=ratio_table(rollout),
            expected=expected,
        )

    @accepts(batch=BATCH)
    def __call__(self, batch: Trajectories) -> Float[Array, "n d"]:
        """Return one contribution a trajectory [n, d]."""
        powers = batch.discount_powers if self.discount_weighting else np.ones(batch.num_steps)
        table = batch.policy.probabilities() * self._values(batch.rollout, batch.num_steps)
        return expected_scores(batch, batch.step_scale * powers * decisions_before(batch), table, self)

    def _values(self, rollout: Rollout, steps: int | None) -> Float[Array, "*time S A"]:
        shape = rollout.problem.policy.probabilities().shape
        # By Σ_a π ψ = 0 the advantage serves as Q does, and has more digits where rewards are far from 0.
        table = np.asarray(rollout.advantages if self.critic is None else self.critic)
        return fitting_table("critic", table, shape, steps)
