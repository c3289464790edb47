"""Per-decision importance sampling with ratios that are cut off, one by one."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import ClassVar

import numpy as np
from jaxtyping import Float

from pgverify.arrays import LARGEST
from pgverify.declarations import TableRecursion, as_table, ratio_table
from pgverify.errors import InvalidEstimator
from pgverify.estimators.facts import Facts
from pgverify.estimators.protocol import STEP_WEIGHTED, StepWeighted
from pgverify.estimators.reward_to_go import RewardToGo
from pgverify.kinds import accepts, known_arguments
from pgverify.policies.steps import log_prob
from pgverify.recursion import DeclaresRecursion, StepRecursion
from pgverify.rollout import Rollout
from pgverify.trajectories import BATCH, ROLLOUT, Trajectories
from pgverify.validation import Array, require_number, settle, shown


@known_arguments
@dataclass(frozen=True)
class CappedRatios:
    """Another estimator with min(ρ_t, cap) in place of every ratio ρ_t = π(a_t|s_t)/μ(a_t|s_t).

    Expectation: that of the base as if π were min(π, cap μ), which does not sum to one: its own, with a bias towards
    what μ does often. Where no ratio exceeds the cap, and where π itself acted, it is the base.

    Parameters
    ----------
    cap : float
        At least 1: below, what π itself does would count less, too.
    base : StepWeighted
        Default: reward-to-go.

    Raises
    ------
    InvalidEstimator
        When the cap is below 1 or not finite.

    References
    ----------
    Precup, Sutton & Singh, Eligibility traces for off-policy policy evaluation, 2000, for the weights per decision;
    Ionides, Truncated importance sampling, 2008, for the cap.
    """

    facts: ClassVar[Facts] = Facts(
        name="capped_ratios",
        expectation="Σ_t γ^t Σ_s d̄_t Σ_a π̄ ψ (Q̄_t − b), with π̄ = min(π, cap μ) in place of π",
        assumptions="∇J where no ratio exceeds the cap; else its own",
        source="Precup, Sutton & Singh 2000; Ionides 2008",
        example=lambda _: CappedRatios(1.25),
        unbiased=False,
    )

    cap: float
    base: StepWeighted = field(default_factory=RewardToGo)

    def __post_init__(self) -> None:
        STEP_WEIGHTED.require("base", self.base)
        settle(self, cap=required_cap(self.cap))

    @accepts(batch=BATCH)
    def weights(self, batch: Trajectories) -> Float[Array, "n T"]:
        """Return the weights of the base [n, T], with capped ratios."""
        if batch.rollout.on_policy:
            return self.base.weights(batch)
        # π/μ capped is π/μ̄ with μ̄ = max(μ, π/cap).
        least = log_prob(batch.policy, batch) - np.log(self.cap)
        return self.base.weights(
            replace(batch, log_probs=np.where(batch.mask, np.maximum(batch.log_probs, least), 0.0))
        )

    @accepts(rollout=ROLLOUT)
    def declaration(self, rollout: Rollout) -> TableRecursion:
        """Return y = p = f = ρ̄ and k = q = κ ρ̄, with the base's κ, u and b."""
        return as_table(sum_over_steps(self.base, rollout), np.minimum(ratio_table(rollout), self.cap))

    @accepts(batch=BATCH)
    def __call__(self, batch: Trajectories) -> Float[Array, "n d"]:
        """Return one contribution a trajectory [n, d]."""
        return batch.score_weighted(self.weights(batch))


def required_cap(cap: float) -> float:
    """Return a cap as a number of at least 1, and finite."""
    return require_number("cap", cap, 1.0, LARGEST, InvalidEstimator, "a number of at least 1, and finite")


def sum_over_steps(base: StepWeighted, rollout: Rollout) -> StepRecursion:
    """Return the recursion of a base that is a plain sum over steps, refusing others."""
    declared = base.recursion(rollout) if isinstance(base, DeclaresRecursion) else None
    if not isinstance(declared, StepRecursion) or declared.lookahead is not None:
        raise InvalidEstimator(
            f"base is {shown(base)}, must be RewardToGo, GeneralizedAdvantage or GPOMDP, with a baseline of state and "
            "time, for exact moments; list trajectories (exact.enumerate_trajectories) or sample"
        )
    return declared
