"""Right estimators, whose weights stand beside those of an implementation: the nearest of them is compared with."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from pgverify.baselines import AverageReturn, StateValue
from pgverify.estimators import RewardToGo, TotalReturn
from pgverify.trajectories import Trajectories
from pgverify.validation import Array

MUCH = 4.0
"""Times nearer in mean square, and a less usual estimator is compared with instead."""


@dataclass(frozen=True, eq=False)
class RightWeights:
    """A right estimator: its weights, and how they are called.

    Attributes
    ----------
    name : str
    weights : batch -> [n, T]
    company : bool
        Whether it needs more than one trajectory.
    """

    name: str
    weights: Callable[[Trajectories], Float[Array, "n T"]]
    company: bool = False

    def estimate(self, batch: Trajectories) -> Float[Array, "d"]:
        """Return the estimate [d] of a batch."""
        mean: Float[Array, "d"] = batch.score_weighted(self.weights(batch)).mean(axis=0)
        return mean


def right_for(target: str, size: int) -> list[RightWeights]:
    """Return the right estimators of a target that a batch of so many trajectories can be compared with."""
    if target not in ("policy_gradient", "discount_dropped"):
        return []
    kept = target == "policy_gradient"
    power = "γ^t " if kept else ""
    known = [
        RightWeights(f"reward-to-go, {power}G_t", RewardToGo(discount_weighting=kept).weights),
        RightWeights(
            f"reward-to-go less the value of the state, {power}(G_t − V(s_t))",
            RewardToGo(StateValue(), discount_weighting=kept).weights,
        ),
    ]
    if kept:  # the total return weights every step alike, by the return of the whole episode
        others = AverageReturn(leave_one_out=True)
        known += [
            RightWeights("the total return, Σ_k γ^k r_k", TotalReturn().weights),
            RightWeights("the total return less the mean of the others' (RLOO)", TotalReturn(others).weights, True),
        ]
    return [each for each in known if size > 1 or not each.company]


def nearest(
    known: Sequence[RightWeights],
    batches: Sequence[Trajectories],
    found: Sequence[Float[Array, "d"]],
    probability: Float[Array, "m"],
    multiple: bool,
) -> RightWeights | None:
    """Return the right estimator that is the nearest in mean square: the first named, unless another is much nearer.

    Parameters
    ----------
    known : right estimators
    batches, found : batches and their estimates
    probability : [m]
        Of the batches.
    multiple : bool
        Whether a positive factor does not count: what is known to be a multiple is compared with what it is one of.
    """
    if not known:
        return None
    distances = []
    for each in known:
        expected = np.stack([each.estimate(batch) for batch in batches])
        estimates, law = np.stack(found), probability[:, None]
        factor = 1.0
        if multiple and (square := float((law * expected * expected).sum())) > 0.0:
            factor = max(0.0, float((law * expected * estimates).sum()) / square)
        distances.append(float((law * np.square(estimates - factor * expected)).sum()))
    least = min(distances)
    return next(each for each, gap in zip(known, distances, strict=True) if gap <= MUCH * least)
