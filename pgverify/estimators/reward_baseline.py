"""The baseline of Weaver and Tao: one number, taken off every reward before anything is summed."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import ClassVar

import numpy as np
from jaxtyping import Float

from pgverify.arrays import LARGEST
from pgverify.declarations import TableRecursion, as_table, ratio_table
from pgverify.errors import InvalidEstimator
from pgverify.estimators.capped_ratios import sum_over_steps
from pgverify.estimators.facts import Facts
from pgverify.estimators.gpomdp import GPOMDP
from pgverify.estimators.protocol import STEP_WEIGHTED, StepWeighted
from pgverify.kinds import accepts, known_arguments
from pgverify.rollout import Rollout
from pgverify.trajectories import BATCH, ROLLOUT, Trajectories
from pgverify.validation import Array, require_number, settle


@known_arguments
@dataclass(frozen=True)
class RewardBaseline:
    """Another estimator with r_t − c in place of every reward r_t.

    Expectation: that of the base where all episodes are equally long, for then c moves every return by what does not
    depend on the actions; where actions decide the length, off by c times the gradient of the discounted length.
    With GPOMDP the c of least variance (`exact.best_reward_baseline`) tends to the average reward ρ as β → 1 and
    T → ∞; under the average reward objective estimators take ρ off as they are, and c takes its place.

    Parameters
    ----------
    value : float
        c, in units of reward.
    base : StepWeighted
        Default: GPOMDP at β = 1.

    Raises
    ------
    InvalidEstimator
        When c is not finite.

    References
    ----------
    Weaver & Tao, The optimal reward baseline for gradient-based reinforcement learning, 2001.
    """

    facts: ClassVar[Facts] = Facts(
        name="reward_baseline",
        expectation="that of its base",
        assumptions="all episodes equally long",
        source="Weaver & Tao 2001",
        example=lambda _: RewardBaseline(0.5),
        unbiased=False,
    )

    value: float
    base: StepWeighted = field(default_factory=lambda: GPOMDP(1.0))

    def __post_init__(self) -> None:
        STEP_WEIGHTED.require("base", self.base)
        allowed = f"a finite number of at most {LARGEST:g} in size"
        settle(self, value=require_number("value", self.value, -LARGEST, LARGEST, InvalidEstimator, allowed))

    @accepts(batch=BATCH)
    def weights(self, batch: Trajectories) -> Float[Array, "n T"]:
        """Return the weights of the base [n, T], with r − c for r."""
        paid = np.where(batch.mask, batch.rewards - (self.value - batch.gain), 0.0)
        return self.base.weights(replace(batch, rewards=paid))

    @accepts(rollout=ROLLOUT)
    def declaration(self, rollout: Rollout) -> TableRecursion:
        """Return the base's sum, of rewards r − c."""
        return as_table(sum_over_steps(self.base, rollout), ratio_table(rollout), self.value - rollout.gain)

    @accepts(batch=BATCH)
    def __call__(self, batch: Trajectories) -> Float[Array, "n d"]:
        """Return one contribution a trajectory [n, d]."""
        return batch.score_weighted(self.weights(batch))
