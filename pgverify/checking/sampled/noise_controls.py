"""Estimates of a random function with the noise of the trajectories taken off: its own noise remains."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float

from pgverify.baselines import StateValue
from pgverify.checking.verdict.first_terms import discount_dropped, policy_gradient
from pgverify.estimators import RewardToGo, TotalReturn
from pgverify.problem import Problem
from pgverify.trajectories import Trajectories
from pgverify.validation import Array

LARGEST_SHARE = 2.0
"""Of a control, that is taken off: what is twice a gradient has twice its noise."""


@dataclass(frozen=True, eq=False)
class Control:
    """Of known expectation: ĝ − β c + β E c has the mean of ĝ, and little of its variance where c is like it.

    Attributes
    ----------
    estimator : batch -> [n, d], or None
        None for no control: c = 0.
    mean : [d]
        E c.
    share : number
        β.
    """

    estimator: RewardToGo | TotalReturn | None
    mean: Float[Array, "d"]
    share: float = 1.0

    def corrections(self, batch: Trajectories, size: int) -> Float[Array, "k d"]:
        """Return β (E c − c) for each batch of the given size that trajectories make up in their order, c its mean."""
        count = len(batch) // size
        if self.estimator is None:
            return np.zeros((count, self.mean.size))
        return self.share * (self.mean - self.estimator(batch).reshape(count, size, -1).mean(axis=1))


def controls(problem: Problem) -> tuple[Control, ...]:
    """Return what may be taken off on a problem; the first is nothing."""
    gradient, dropped = policy_gradient(problem), discount_dropped(problem)
    value = StateValue()
    return (
        Control(None, np.zeros_like(gradient)),
        Control(RewardToGo(), gradient),
        Control(RewardToGo(value), gradient),
        Control(TotalReturn(), gradient),
        Control(RewardToGo(discount_weighting=False), dropped),
    )


def best_control(
    candidates: Sequence[Control], estimates: Float[Array, "k d"], batch: Trajectories, size: int
) -> Control:
    """Return the control, and its share, that leave the least variance in pilot estimates, which are not used again."""

    def left(control: Control) -> float:
        return float(np.var(estimates + control.corrections(batch, size), axis=0).sum())

    return min((_at_its_best(control, estimates, batch, size) for control in candidates), key=left)


def _at_its_best(control: Control, estimates: Float[Array, "k d"], batch: Trajectories, size: int) -> Control:
    """Return a control with the share that leaves the least variance: β = −Cov(ĝ, E c − c) / Var(E c − c)."""
    change = replace(control, share=1.0).corrections(batch, size)
    change = change - change.mean(axis=0)
    variance = float((change**2).sum())
    if variance == 0.0:
        return control
    share = -float(((estimates - estimates.mean(axis=0)) * change).sum()) / variance
    return replace(control, share=float(np.clip(share, -LARGEST_SHARE, LARGEST_SHARE)))
