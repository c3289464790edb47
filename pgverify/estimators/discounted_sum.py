"""The backward sum that every reward-to-go and every advantage is made of, and its importance weights."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from pgverify.errors import InvalidEstimator
from pgverify.trajectories import Trajectories
from pgverify.validation import Array, shown

A_ROW, A_STEP = 5, 16
"""What a row takes in plain numbers, and a step in arrays, however few the rows: in times of one addition; measured."""


def discounted_sum(
    steps: Float[Array, "n T"], factor: float, ratios: Float[Array, "n T"] | None = None
) -> Float[Array, "n T"]:
    """Return Y_t = x_t + κ ρ_{t+1} Y_{t+1} along the last axis, with Y_T = 0.

    Parameters
    ----------
    steps : [n, T]
        x_t, 0 on padding.
    factor : float
        κ.
    ratios : [n, T], optional
        ρ_t, 1 by default.
    """
    count, length = steps.shape
    if ratios is None and 0 < count * (length + A_ROW) <= A_STEP * length and steps.dtype == np.float64:
        return np.array([_one_by_one(row, float(factor)) for row in steps.tolist()])
    sums = np.zeros(steps.shape, steps.dtype)
    following = np.zeros(len(steps))
    for t in reversed(range(steps.shape[1])):
        following = steps[:, t] + factor * following
        sums[:, t] = following
        if ratios is not None:
            following = ratios[:, t] * following
    return sums


def _one_by_one(steps: list[float], factor: float) -> list[float]:
    """Return the same of one row, in plain numbers: the same operations in the same order, so the same bits."""
    sums, following = [], 0.0
    for step in reversed(steps):
        following = step + factor * following
        sums.append(following)
    sums.reverse()
    return sums


def decision_ratios(batch: Trajectories) -> Float[Array, "n T"] | None:
    """Return ρ_t = π_θ(a_t|s_t)/μ(a_t|s_t), by which what follows step t is weighted; None where π_θ itself acted.

    Per decision: r_k counts Π_{j≤k} ρ_j times, which is all of its probability that depends on who acts.

    References
    ----------
    Precup, Sutton & Singh, Eligibility traces for off-policy policy evaluation, 2000.
    """
    return None if batch.rollout.on_policy else batch.importance


def decided(weights: Float[Array, "n T"], ratios: Float[Array, "n T"] | None) -> Float[Array, "n T"]:
    """Return w_t Π_{j≤t} ρ_j: the weights of steps that somebody else's decisions led to."""
    return weights if ratios is None else weights * np.cumprod(ratios, axis=1)


def require_on_policy(batch: Trajectories, estimator: object) -> None:
    """Refuse somebody else's actions where no importance weights are known for an estimator."""
    if not batch.rollout.on_policy:
        raise InvalidEstimator(
            f"estimator is {shown(estimator)}, must weight other people's actions (batch.importance) where another "
            "policy acted, as RewardToGo, TotalReturn, GeneralizedAdvantage and NStepAdvantage do, without a batch mean"
        )
