"""Reward-to-go: every step weighted by the rewards that follow it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np
from jaxtyping import Float

from pgverify.baselines import BASELINE, Baseline, NoBaseline, with_baseline
from pgverify.errors import InvalidEstimator
from pgverify.estimators.discounted_sum import decided, decision_ratios, discounted_sum
from pgverify.estimators.facts import Facts
from pgverify.kinds import accepts, known_arguments
from pgverify.recursion import Recursion, StepRecursion
from pgverify.rollout import Rollout
from pgverify.trajectories import BATCH, ROLLOUT, Trajectories
from pgverify.validation import Array, require_flag, settle


@known_arguments
@dataclass(frozen=True)
class RewardToGo:
    """g = Σ_t γ^t ψ_t (G_t − b_t(s_t)), with G_t = Σ_{k≥t} γ^{k−t} r_k.

    Expectation: exactly ∇J, for any baseline that depends on state and time alone. With
    `discount_weighting=False` the factor γ^t is dropped: g = Σ_t ψ_t (G_t − b), whose expectation is *not* ∇J when
    γ < 1 and is in general the gradient of no function. Episodes that were cut are not bootstrapped: the
    expectation is the gradient of the truncated return. Under the average reward r is r − ρ and g is divided by T;
    the expectation is then ∇J up to O(1/T). Where another policy μ acted, weights are per decision: r_k counts
    Π_{j≤k} π(a_j|s_j)/μ(a_j|s_j) times, and the expectation under μ is the same.

    Parameters
    ----------
    baseline : Baseline
        Default: none. In units of reward, as seen from time t.
    discount_weighting : bool
        Whether step t carries the factor γ^t.

    References
    ----------
    Sutton & Barto, Reinforcement Learning (2nd ed.), section 13.3; Nota & Thomas, Is the policy gradient a gradient?,
    2020, for the dropped factor.
    """

    facts: ClassVar[Facts] = Facts(
        name="reward_to_go",
        expectation="∇J; without γ^t Σ_t Σ_s d_t Σ_a π ψ Q_t",
        assumptions="any baseline of state and time; episodes that are not cut; where μ acted, weights per decision",
        source="Sutton & Barto 2018, section 13.3; Precup, Sutton & Singh 2000",
        example=lambda _: RewardToGo(),
    )

    baseline: Baseline = field(default_factory=NoBaseline)
    discount_weighting: bool = True

    def __post_init__(self) -> None:
        BASELINE.require("baseline", self.baseline)
        settle(self, discount_weighting=require_flag("discount_weighting", self.discount_weighting, InvalidEstimator))

    @accepts(batch=BATCH)
    def weights(self, batch: Trajectories) -> Float[Array, "n T"]:
        """Return γ^t (G_t − b_t(s_t)) for every step [n, T]."""
        ratios = decision_ratios(batch)
        to_go = discounted_sum(batch.relative_rewards, batch.discount, ratios)
        powers = batch.discount_powers if self.discount_weighting else np.ones(batch.num_steps)
        return batch.step_scale * powers * decided(to_go - self.baseline.evaluate(batch)[:, :-1], ratios)

    @accepts(rollout=ROLLOUT)
    def recursion(self, rollout: Rollout) -> Recursion:
        """Return u = r, κ = γ, c = γ^t or 1."""
        weighting = rollout.discount if self.discount_weighting else 1.0
        base = StepRecursion(rollout.discount, weighting, np.zeros(len(rollout.start)))
        return with_baseline(base, self.baseline, rollout)

    @accepts(batch=BATCH)
    def __call__(self, batch: Trajectories) -> Float[Array, "n d"]:
        """Return one contribution a trajectory [n, d]."""
        return batch.score_weighted(self.weights(batch))
