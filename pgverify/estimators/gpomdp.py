"""GPOMDP: reward-to-go under a discount of the estimator's own, whatever that of the problem is."""

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
from pgverify.validation import Array, require_number, settle


@known_arguments
@dataclass(frozen=True)
class GPOMDP:
    """g = Σ_t ψ_t (Y_t − b_t(s_t)), with Y_t = Σ_{k≥t} β^{k−t} r_k: in a trace, every score decays by β a step.

    Expectation: Σ_t Σ_s d_t Σ_a π ψ Q_t^β for any baseline of state and time, with Q^β the action values under the
    discount β (`exact.decayed_gradient`): in general the gradient of no function, with a smaller variance than at
    β = 1. Under the average reward r is r − ρ and g is divided by T; the expectation is off ∇J by O(1 − β), and by the
    edge of the window, O(1/T). Where another policy acted, weights are per decision.

    Parameters
    ----------
    decay : float
        β in [0, 1].
    baseline : Baseline
        Default: none. In units of reward, as seen from time t. `RewardBaseline` takes a number off every reward.

    Raises
    ------
    InvalidEstimator
        When β is outside [0, 1].

    References
    ----------
    Baxter & Bartlett, Infinite-horizon policy-gradient estimation, 2001.
    """

    facts: ClassVar[Facts] = Facts(
        name="gpomdp",
        expectation="Σ_t Σ_s d_t Σ_a π ψ Q_t^β",
        assumptions="any baseline of state and time",
        source="Baxter & Bartlett 2001",
        example=lambda _: GPOMDP(0.5),
        unbiased=False,
    )

    decay: float
    baseline: Baseline = field(default_factory=NoBaseline)

    def __post_init__(self) -> None:
        BASELINE.require("baseline", self.baseline)
        settle(self, decay=require_number("decay", self.decay, 0.0, 1.0, InvalidEstimator))

    @accepts(batch=BATCH)
    def weights(self, batch: Trajectories) -> Float[Array, "n T"]:
        """Return Y_t − b_t(s_t) for every step [n, T]."""
        ratios = decision_ratios(batch)
        to_go = discounted_sum(batch.relative_rewards, self.decay, ratios)
        return batch.step_scale * decided(to_go - self.baseline.evaluate(batch)[:, :-1], ratios)

    @accepts(rollout=ROLLOUT)
    def recursion(self, rollout: Rollout) -> Recursion:
        """Return u = r, κ = β, c = 1."""
        return with_baseline(StepRecursion(self.decay, 1.0, np.zeros(len(rollout.start))), self.baseline, rollout)

    @accepts(batch=BATCH)
    def __call__(self, batch: Trajectories) -> Float[Array, "n d"]:
        """Return one contribution a trajectory [n, d]."""
        return batch.score_weighted(self.weights(batch))
