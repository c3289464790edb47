"""Self-normalised importance sampling: weights of trajectories divided by their mean over the batch."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np
from jaxtyping import Float

from pgverify.declarations import TrajectoryWeights
from pgverify.estimators.capped_importance import TOTAL_RETURN, total_of, trajectory_weights, unweighted
from pgverify.estimators.capped_ratios import required_cap
from pgverify.estimators.facts import Facts
from pgverify.estimators.total_return import TotalReturn
from pgverify.kinds import accepts, known_arguments
from pgverify.rollout import Rollout
from pgverify.trajectories import BATCH, ROLLOUT, Trajectories
from pgverify.validation import Array, settle


@known_arguments
@dataclass(frozen=True)
class SelfNormalized:
    """ĝ = Σ_i W_i g_i / Σ_j W_j, with g = Σ_t ψ_t (R − b_t(s_t)) and W = Π_t π/μ, the weight of a trajectory.

    Expectation: its own, biased by O(1/n): for one trajectory it is that of μ itself, E_μ[g], and it tends to ∇J as the
    batch grows. Where all weights of a batch are 0 the estimate is 0; where π itself acted it is the plain mean.

    Parameters
    ----------
    base : TotalReturn
        Default: without a baseline.
    cap : float, optional
        At least 1: weights are min(W, cap) before they are divided. Default: no cap.

    Raises
    ------
    InvalidEstimator
        When the cap is below 1 or not finite, or the base is no TotalReturn.

    References
    ----------
    Precup, Sutton & Singh, Eligibility traces for off-policy policy evaluation, 2000 (weighted importance sampling);
    Kong, A note on importance sampling using standardized weights, 1992.
    """

    facts: ClassVar[Facts] = Facts(
        name="self_normalized",
        expectation="E[Σ_i W_i g_i / Σ_j W_j]; ∇J as n → ∞",
        assumptions="batches of n independent trajectories",
        source="Precup, Sutton & Singh 2000; Kong 1992",
        example=lambda _: SelfNormalized(),
        unbiased=False,
    )

    base: TotalReturn = field(default_factory=TotalReturn)
    cap: float | None = None

    def __post_init__(self) -> None:
        TOTAL_RETURN.require("base", self.base)
        if self.cap is not None:
            settle(self, cap=required_cap(self.cap))

    @accepts(batch=BATCH)
    def weights(self, batch: Trajectories) -> Float[Array, "n T"]:
        """Return n W_i / Σ_j W_j (R − b_t(s_t)) for every step [n, T]."""
        weight = np.minimum(trajectory_weights(batch), self._cap)
        mean = weight.mean() if weight.any() else 1.0
        return (weight / mean)[:, None] * unweighted(self.base, batch)

    @accepts(rollout=ROLLOUT)
    def declaration(self, rollout: Rollout) -> TrajectoryWeights:
        """Return the total return, weighted by W over its mean."""
        return TrajectoryWeights(total_of(self.base, rollout), self._cap, normalised=True)

    @accepts(batch=BATCH)
    def __call__(self, batch: Trajectories) -> Float[Array, "n d"]:
        """Return one contribution a trajectory [n, d]."""
        return batch.score_weighted(self.weights(batch))

    @property
    def _cap(self) -> float:
        return np.inf if self.cap is None else self.cap
