"""The estimators of a report from stored rollouts: those whose inputs were stored, and which need a right critic."""

from __future__ import annotations

from typing import Any

import numpy as np

from pgverify.baselines import AverageReturn, Constant, StateValue
from pgverify.errors import InvalidEstimator
from pgverify.estimators import GeneralizedAdvantage, NStepAdvantage, RewardToGo, TotalReturn
from pgverify.trajectories import Trajectories
from pgverify.variance.lineup import REFERENCE, Lineup


def stored_lineup(batch: Trajectories) -> Lineup:
    """Return the usual estimators, with a critic where the rollouts have its values.

    Parameters
    ----------
    batch : Trajectories
    """
    lineup: dict[str, Any] = {"total return": TotalReturn(), REFERENCE: RewardToGo()}
    if batch.rollout.on_policy:
        lineup["reward-to-go − mean of the others"] = RewardToGo(AverageReturn(leave_one_out=True))
        lineup["reward-to-go − best constant"] = RewardToGo(Constant(_best_constant(batch)))
    if _has_values(batch):
        lineup["reward-to-go − V"] = RewardToGo(StateValue())
        lineup["GAE(0.95), critic V"] = GeneralizedAdvantage(0.95)
        lineup["one-step actor-critic, critic V"] = GeneralizedAdvantage(0.0)
    return lineup


def _has_values(batch: Trajectories) -> bool:
    try:
        return batch.values is not None
    except InvalidEstimator:
        return False


def _best_constant(batch: Trajectories) -> float:
    """Return the b that minimises E|g − b Φ|², E[g·Φ]/E|Φ|², on these rollouts; what fitting costs is of order 1/n."""
    score = batch.score_weighted(np.where(batch.mask, batch.step_scale * batch.discount_powers, 0.0))
    square = float((score**2).sum())
    return float((score * RewardToGo()(batch)).sum()) / square if square > 0 else 0.0


def needs_right_critic(estimator: Any) -> bool:
    """Return whether an estimator is as biased as its critic is wrong, or drops the factor γ^t, as far as is known."""
    bootstraps = isinstance(estimator, NStepAdvantage) or (
        isinstance(estimator, GeneralizedAdvantage) and estimator.trace_decay < 1.0
    )
    return bootstraps or not getattr(estimator, "discount_weighting", True)


def couples_batch(estimator: Any) -> bool:
    """Return whether an estimator subtracts a mean over its batch."""
    return isinstance(getattr(estimator, "baseline", None), AverageReturn)
