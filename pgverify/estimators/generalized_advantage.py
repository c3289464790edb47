"""Generalized advantage estimation with any critic; λ = 0 is the one-step actor-critic."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np
from jaxtyping import Float

from pgverify.baselines import BASELINE, Baseline, StateValue, table_of
from pgverify.errors import InvalidEstimator
from pgverify.estimators.discounted_sum import decided, decision_ratios, discounted_sum
from pgverify.estimators.facts import Facts
from pgverify.kinds import accepts, known_arguments
from pgverify.recursion import StepRecursion
from pgverify.rollout import Rollout
from pgverify.trajectories import BATCH, ROLLOUT, Trajectories
from pgverify.validation import Array, require_flag, require_number, settle


@known_arguments
@dataclass(frozen=True)
class GeneralizedAdvantage:
    """g = Σ_t γ^t ψ_t A_t, with A_t = Σ_{k≥t} (γλ)^{k−t} δ_k and δ_t = r_t + γ V(s_{t+1}) − V(s_t).

    V is 0 in a state where the episode has terminated, and bootstrapped from where it was cut. Expectation: exactly
    ∇J at λ = 1 for any critic (episodes that terminate), and at any λ for the true value function; otherwise biased
    by the critic's error. With `discount_weighting=False` the factor γ^t is dropped. Under the average reward r is
    r − ρ, V the differential value, and g is divided by T. Where another policy acted, the errors are weighted per
    decision.

    Parameters
    ----------
    trace_decay : float
        λ in [0, 1].
    critic : Baseline
        Default: the state value of the policy itself. In units of reward.
    discount_weighting : bool
        Whether step t carries the factor γ^t.

    Raises
    ------
    InvalidEstimator
        When λ is outside [0, 1].

    References
    ----------
    Schulman et al., High-dimensional continuous control using generalized advantage estimation, 2016.
    """

    facts: ClassVar[Facts] = Facts(
        name="generalized_advantage",
        expectation="∇J",
        assumptions="the true value function, or λ = 1; λ = 0 is the one-step actor-critic",
        source="Schulman et al. 2016",
        example=lambda _: GeneralizedAdvantage(0.5),
    )

    trace_decay: float
    critic: Baseline = field(default_factory=StateValue)
    discount_weighting: bool = True

    def __post_init__(self) -> None:
        decay = require_number("trace_decay", self.trace_decay, 0.0, 1.0, InvalidEstimator)
        BASELINE.require("critic", self.critic)
        settle(
            self,
            trace_decay=decay,
            discount_weighting=require_flag("discount_weighting", self.discount_weighting, InvalidEstimator),
        )

    @accepts(batch=BATCH)
    def weights(self, batch: Trajectories) -> Float[Array, "n T"]:
        """Return γ^t A_t for every step [n, T]."""
        values = self.critic.evaluate(batch)
        errors = batch.relative_rewards + batch.discount * values[:, 1:] - values[:, :-1]
        errors = np.where(batch.mask, errors, 0.0)
        ratios = decision_ratios(batch)
        advantage = discounted_sum(errors, batch.discount * self.trace_decay, ratios)
        powers = batch.discount_powers if self.discount_weighting else np.ones(batch.num_steps)
        return batch.step_scale * powers * decided(advantage, ratios)

    @accepts(rollout=ROLLOUT)
    def recursion(self, rollout: Rollout) -> StepRecursion:
        """Return u = δ, κ = γλ, c = γ^t or 1, no baseline."""
        return StepRecursion(
            rollout.discount * self.trace_decay,
            rollout.discount if self.discount_weighting else 1.0,
            baseline=np.zeros(len(rollout.start)),
            critic=table_of(self.critic, rollout),
        )

    @accepts(batch=BATCH)
    def __call__(self, batch: Trajectories) -> Float[Array, "n d"]:
        """Return one contribution a trajectory [n, d]."""
        return batch.score_weighted(self.weights(batch))
