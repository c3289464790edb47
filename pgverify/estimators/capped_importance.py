"""Importance sampling of whole trajectories, with the weight of a trajectory cut off."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import ClassVar

import numpy as np
from jaxtyping import Float

from pgverify.baselines import TableBaseline, table_of
from pgverify.declarations import TrajectoryWeights
from pgverify.errors import InvalidEstimator
from pgverify.estimators.capped_ratios import required_cap
from pgverify.estimators.facts import Facts
from pgverify.estimators.total_return import TotalReturn
from pgverify.kinds import accepts, instance_of, known_arguments
from pgverify.recursion import TotalRecursion
from pgverify.rollout import Rollout
from pgverify.trajectories import BATCH, ROLLOUT, Trajectories
from pgverify.validation import Array, settle, shown

TOTAL_RETURN = instance_of(
    TotalReturn,
    expected="a TotalReturn, which weights whole trajectories",
    advice="CappedRatios caps the ratios of other estimators one by one",
    error=InvalidEstimator,
)


@known_arguments
@dataclass(frozen=True)
class CappedImportance:
    """g = min(W, cap) Σ_t ψ_t (R − b_t(s_t)), with W = Π_t π(a_t|s_t)/μ(a_t|s_t) the weight of the whole trajectory.

    Expectation: its own, E_π[min(1, cap/W) Σ_t ψ_t (R − b)]: trajectories that π prefers count less than they should,
    and a baseline is no longer harmless. ∇J where no weight exceeds the cap, and where π itself acted. A cap
    that grows like √n has both bias and variance vanish.

    Parameters
    ----------
    cap : float
        At least 1.
    base : TotalReturn
        Default: without a baseline.

    Raises
    ------
    InvalidEstimator
        When the cap is below 1 or not finite, or the base is no TotalReturn.

    References
    ----------
    Ionides, Truncated importance sampling, 2008.
    """

    facts: ClassVar[Facts] = Facts(
        name="capped_importance",
        expectation="E_π[min(1, cap/W) Σ_t ψ_t (R − b)]",
        assumptions="∇J where no weight of a trajectory exceeds the cap; else its own",
        source="Ionides 2008",
        example=lambda _: CappedImportance(1.25),
        unbiased=False,
    )

    cap: float
    base: TotalReturn = field(default_factory=TotalReturn)

    def __post_init__(self) -> None:
        TOTAL_RETURN.require("base", self.base)
        settle(self, cap=required_cap(self.cap))

    @accepts(batch=BATCH)
    def weights(self, batch: Trajectories) -> Float[Array, "n T"]:
        """Return min(W, cap) (R − b_t(s_t)) for every step [n, T]."""
        return np.minimum(trajectory_weights(batch), self.cap)[:, None] * unweighted(self.base, batch)

    @accepts(rollout=ROLLOUT)
    def declaration(self, rollout: Rollout) -> TrajectoryWeights:
        """Return the total return, weighted by min(W, cap)."""
        return TrajectoryWeights(total_of(self.base, rollout), self.cap)

    @accepts(batch=BATCH)
    def __call__(self, batch: Trajectories) -> Float[Array, "n d"]:
        """Return one contribution a trajectory [n, d]."""
        return batch.score_weighted(self.weights(batch))


def trajectory_weights(batch: Trajectories) -> Float[Array, "n"]:
    """Return W = Π_t π/μ for every trajectory [n]."""
    return batch.importance.prod(axis=1)


def unweighted(base: TotalReturn, batch: Trajectories) -> Float[Array, "n T"]:
    """Return R − b_t(s_t) without any importance weight [n, T]."""
    _require_table(base)
    return base.weights(replace(batch, rollout=replace(batch.rollout, acting=batch.policy)))


def total_of(base: TotalReturn, rollout: Rollout) -> TotalRecursion:
    """Return the recursion of a total return whose baseline depends on state and time alone."""
    _require_table(base)
    decay = rollout.discount if base.discount_weighting else 1.0
    return TotalRecursion(decay, table_of(base.baseline, rollout))


def _require_table(base: TotalReturn) -> None:
    if not isinstance(base.baseline, TableBaseline):
        raise InvalidEstimator(
            f"baseline is {shown(base.baseline)}, must be a function of state and time where another policy acted: the "
            "mean return of the batch is that of the other policy"
        )
