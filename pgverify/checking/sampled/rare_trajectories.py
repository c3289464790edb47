"""Trajectories too rare to be sampled, called by hand: a control takes off what a function does not give there."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from jaxtyping import Float

from pgverify.checking.exhaustive.listed_problem import MOST_TRAJECTORIES, every_trajectory
from pgverify.checking.sampled.noise_controls import Control
from pgverify.exact import count_trajectories
from pgverify.problem import Problem
from pgverify.trajectories import Trajectories
from pgverify.validation import Array

CalledByHand = Callable[[Trajectories], Float[Array, "d"] | None]

MOST_CALLED = 48
"""Rare trajectories that are called, those that matter most; the others count as if the function gave nothing."""

CALLS = 3
"""Of each: noise of a function's own is averaged."""


def hidden_in_rare(
    estimate: CalledByHand, control: Control, problem: Problem, rarest: float, size: int, matters: float
) -> float:
    """Return how much of the mean may be missing in trajectories that are too rare to be sampled.

    Σ_τ P(τ) max_j |f(τ, …, τ) − β c(τ)|  over P(τ) < rarest, in batches of `size` copies

    Where no such trajectory is in a sample, the corrected estimates have the mean β E c whatever f is on them. Of a
    function that couples its trajectories copies say little: it may be right though the sum is large.

    Parameters
    ----------
    estimate : batch -> [d], or None where it gives no value
    control : Control
        That is taken off the estimates.
    problem : Problem
    rarest : float
        The probability below which a trajectory may be in no sample.
    size : int
        Trajectories in a batch.
    matters : float
        As soon as more than this may be missing, no more is called.
    """
    if control.estimator is None or count_trajectories(problem) > MOST_TRAJECTORIES:
        return 0.0
    batch, probability = every_trajectory(problem)
    rows = np.flatnonzero(probability < rarest)
    if len(rows) == 0:
        return 0.0
    known = control.share * control.estimator(batch.select(rows))
    carried = probability[rows] * np.abs(known).max(axis=1)
    order = np.argsort(-carried, kind="stable")
    hidden = float(carried[order[MOST_CALLED:]].sum())
    # What the control does not carry may be carried by the function alone: the most probable rows are called as well.
    chosen = dict.fromkeys([*order[:MOST_CALLED], *np.argsort(-probability[rows], kind="stable")[: MOST_CALLED // 4]])
    for place in chosen:
        answers = [estimate(batch.select([rows[place]] * size)) for _ in range(CALLS)]
        given = [answer for answer in answers if answer is not None]
        if len(given) < CALLS:
            return float("inf")
        gap = np.abs(np.mean(given, axis=0) - known[place]).max()
        hidden += float(probability[rows[place]] * gap)
        if hidden > matters:
            break
    return hidden
