"""The score-function estimator in its first form: every step weighted by the return of the whole trajectory."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np
from jaxtyping import Float

from pgverify.baselines import BASELINE, Baseline, NoBaseline, with_baseline
from pgverify.errors import InvalidEstimator
from pgverify.estimators.discounted_sum import decision_ratios
from pgverify.estimators.facts import Facts
from pgverify.kinds import accepts, known_arguments
from pgverify.recursion import Recursion, TotalRecursion
from pgverify.rollout import Rollout
from pgverify.trajectories import BATCH, ROLLOUT, Trajectories
from pgverify.validation import Array, require_flag, settle


@known_arguments
@dataclass(frozen=True)
class TotalReturn:
    """g = Σ_t ψ_t (R − b_t(s_t)), with R = Σ_t γ^t r_t.

    Expectation: exactly ∇J, for any baseline that depends on state and time alone. With
    `discount_weighting=False` the return is the undiscounted Σ_t r_t, and the expectation is the gradient of the
    undiscounted return of the same episodes. Under the average reward R = Σ_t (r_t − ρ) and g is divided by T; the
    expectation is then ∇J up to O(1/T). Where another policy μ acted, a trajectory is weighted by Π_t π/μ as a whole.

    Parameters
    ----------
    baseline : Baseline
        Default: none. In units of reward.
    discount_weighting : bool
        Whether rewards carry the factor γ^t.

    References
    ----------
    Williams, Simple statistical gradient-following algorithms for connectionist reinforcement learning, 1992;
    step 7 of the derivation of the policy gradient theorem.
    """

    facts: ClassVar[Facts] = Facts(
        name="total_return",
        expectation="∇J",
        assumptions="any baseline of state and time; episodes that are not cut",
        source="Williams 1992",
        example=lambda _: TotalReturn(),
    )

    baseline: Baseline = field(default_factory=NoBaseline)
    discount_weighting: bool = True

    def __post_init__(self) -> None:
        BASELINE.require("baseline", self.baseline)
        settle(self, discount_weighting=require_flag("discount_weighting", self.discount_weighting, InvalidEstimator))

    @accepts(batch=BATCH)
    def weights(self, batch: Trajectories) -> Float[Array, "n T"]:
        """Return R − b_t(s_t) for every step [n, T]."""
        powers = batch.discount_powers if self.discount_weighting else np.ones(batch.num_steps)
        returns = batch.relative_rewards @ powers
        weights = batch.step_scale * (returns[:, None] - self.baseline.evaluate(batch)[:, :-1])
        ratios = decision_ratios(batch)
        # A score stands beside rewards before and after it: all decisions count.
        return weights if ratios is None else weights * ratios.prod(axis=1, keepdims=True)

    @accepts(rollout=ROLLOUT)
    def recursion(self, rollout: Rollout) -> Recursion:
        """Return κ = γ or 1."""
        decay = rollout.discount if self.discount_weighting else 1.0
        base = TotalRecursion(decay, np.zeros(len(rollout.start)))
        return with_baseline(base, self.baseline, rollout)

    @accepts(batch=BATCH)
    def __call__(self, batch: Trajectories) -> Float[Array, "n d"]:
        """Return one contribution a trajectory [n, d]."""
        return batch.score_weighted(self.weights(batch))
