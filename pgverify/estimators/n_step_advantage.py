"""The n-step actor-critic: n rewards, then the critic; n = 1 is the one-step actor-critic."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np
from jaxtyping import Float

from pgverify.baselines import BASELINE, Baseline, StateValue, table_of
from pgverify.errors import InvalidEstimator
from pgverify.estimators.discounted_sum import decided, decision_ratios
from pgverify.estimators.facts import Facts
from pgverify.kinds import accepts, known_arguments
from pgverify.recursion import StepRecursion
from pgverify.rollout import Rollout
from pgverify.trajectories import BATCH, ROLLOUT, Trajectories
from pgverify.validation import Array, require_flag, require_integer, settle


@known_arguments
@dataclass(frozen=True)
class NStepAdvantage:
    """g = Σ_t γ^t ψ_t A_t, with A_t = Σ_{k<n} γ^k r_{t+k} + γ^n V(s_{t+n}) − V(s_t).

    Rewards after the end are 0, and so is V in a state where the episode has terminated; where it was cut, V of the
    last state stands in. Expectation: exactly ∇J for the true value function, or when n reaches the end of every
    episode that terminates; otherwise biased by the critic's error. With `discount_weighting=False` the factor γ^t
    is dropped. Under the average reward r is r − ρ, V the differential value, and g is divided by T. Where another
    policy acted, the terms are weighted per decision.

    Parameters
    ----------
    steps : int
        n ≥ 1.
    critic : Baseline
        Default: the state value of the policy itself. In units of reward.
    discount_weighting : bool
        Whether step t carries the factor γ^t.

    Raises
    ------
    InvalidEstimator
        When n is below 1.

    References
    ----------
    Sutton & Barto, Reinforcement Learning (2nd ed.), sections 7.1 and 13.5; Mnih et al., 2016.
    """

    facts: ClassVar[Facts] = Facts(
        name="n_step_advantage",
        expectation="∇J",
        assumptions="the true value function, or n that reaches the end; n = 1 is the one-step actor-critic",
        source="Sutton & Barto 2018, sections 7.1 and 13.5; Mnih et al. 2016",
        example=lambda _: NStepAdvantage(2),
    )

    steps: int
    critic: Baseline = field(default_factory=StateValue)
    discount_weighting: bool = True

    def __post_init__(self) -> None:
        steps = require_integer("steps", self.steps, 1, InvalidEstimator)
        BASELINE.require("critic", self.critic)
        settle(
            self,
            steps=steps,
            discount_weighting=require_flag("discount_weighting", self.discount_weighting, InvalidEstimator),
        )

    @accepts(batch=BATCH)
    def weights(self, batch: Trajectories) -> Float[Array, "n T"]:
        """Return γ^t A_t for every step [n, T]."""
        steps = batch.num_steps
        values = self.critic.evaluate(batch)
        ratios = decision_ratios(batch)
        if ratios is not None:
            return self._per_decision(batch, values, ratios)
        rewards = batch.relative_rewards
        advantage = -values[:, :-1]
        for k in range(min(self.steps, steps)):
            advantage[:, : steps - k] += batch.discount**k * rewards[:, k:]
        # The step bootstrapped from: n steps on, or the end of the episode if that comes first. Values are 0 where
        # the episode has terminated, so only a cut leaves something to bootstrap from at the end.
        times = np.arange(steps)
        target = np.minimum(times + self.steps, np.maximum(batch.lengths, 1)[:, None])
        power = np.power(batch.discount, np.clip(target - times, 0, None))
        advantage += power * np.take_along_axis(values, target, axis=1)
        powers = batch.discount_powers if self.discount_weighting else np.ones(steps)
        return batch.step_scale * powers * np.where(batch.mask, advantage, 0.0)

    def _per_decision(
        self, batch: Trajectories, values: Float[Array, "n T_plus_1"], ratios: Float[Array, "n T"]
    ) -> Float[Array, "n T"]:
        """Return the weights as Σ_{k<n} γ^k ρ_{t+1}…ρ_{t+k} δ_{t+k}: without ratios the values in between cancel."""
        errors = np.where(batch.mask, batch.relative_rewards + batch.discount * values[:, 1:] - values[:, :-1], 0.0)
        advantage = np.zeros_like(errors)
        for _ in range(min(self.steps, batch.num_steps)):  # Y^(n) = δ + γ ρ' Y'^(n−1)
            following = np.zeros_like(advantage)
            following[:, :-1] = (ratios * advantage)[:, 1:]
            advantage = errors + batch.discount * following
        powers = batch.discount_powers if self.discount_weighting else np.ones(batch.num_steps)
        return batch.step_scale * powers * decided(advantage, ratios)

    @accepts(rollout=ROLLOUT)
    def recursion(self, rollout: Rollout) -> StepRecursion:
        """Return u = δ, κ = γ, n terms: the critic's values telescope between the first and the last."""
        return StepRecursion(
            rollout.discount,
            rollout.discount if self.discount_weighting else 1.0,
            baseline=np.zeros(len(rollout.start)),
            critic=table_of(self.critic, rollout),
            lookahead=self.steps,
        )

    @accepts(batch=BATCH)
    def __call__(self, batch: Trajectories) -> Float[Array, "n d"]:
        """Return one contribution a trajectory [n, d]."""
        return batch.score_weighted(self.weights(batch))
