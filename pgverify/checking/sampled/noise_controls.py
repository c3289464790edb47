"""Estimates of a random function with the noise of the trajectories taken off: its own noise remains."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from pgverify.baselines import StateValue
from pgverify.checking.verdict.targets import discount_dropped, policy_gradient
from pgverify.estimators import RewardToGo, TotalReturn
from pgverify.problem import Problem
from pgverify.trajectories import Trajectories
from pgverify.validation import Array


@dataclass(frozen=True, eq=False)
class Control:
    """An estimator of known expectation: ĝ − c + E c has the mean of ĝ, and little of its variance where c is like it.

    Attributes
    ----------
    estimator : batch -> [n, d], or None
        None for no control: c = 0.
    mean : [d]
        E c.
    """

    estimator: RewardToGo | TotalReturn | None
    mean: Float[Array, "d"]

    def correction(self, batch: Trajectories) -> Float[Array, "d"]:
        """Return E c − c, c the mean over the batch."""
        if self.estimator is None:
            return self.mean
        return self.mean - self.estimator(batch).mean(axis=0)


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
    candidates: Sequence[Control], estimates: Float[Array, "k d"], batches: Sequence[Trajectories]
) -> Control:
    """Return the control that leaves the least variance in pilot estimates, which are not used again."""

    def left(control: Control) -> float:
        corrections = np.stack([control.correction(batch) for batch in batches])
        return float(np.var(estimates + corrections, axis=0).sum())

    return min(candidates, key=left)
