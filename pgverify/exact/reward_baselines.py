"""The number that is best taken off every reward."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from pgverify.exact.estimator_moments import moments
from pgverify.kinds import Requirement, accepts
from pgverify.policies.protocol import Policy
from pgverify.problem import REAL_PROBLEM, Problem

FAMILY = Requirement(
    callable,
    "a function from a number to an estimator",
    "pgv.estimators.RewardBaseline is one, lambda c: RewardToGo(Constant(c)) another",
)


@accepts(family=FAMILY, problem=REAL_PROBLEM)
def best_reward_baseline(
    family: Callable[[float], object],
    problem: Problem,
    max_steps: int | None = None,
    acting: Policy | None = None,
) -> float:
    """Return the number c whose member of a family of estimators has the smallest trace variance.

    Contributions are linear in c, g_c = g_0 − c h, so tr Cov[g_c] is a parabola: three of its values give its vertex.

        best = pgv.exact.best_reward_baseline(lambda c: RewardBaseline(c, GPOMDP(0.9)), problem)

    Parameters
    ----------
    family : number -> estimator
        In which a number taken off every reward, or every return, is all that differs.
    problem : Problem
    max_steps, acting : optional
        As for `exact.moments`.

    Returns
    -------
    In units of reward; 0 where the number has no effect on the variance.

    Raises
    ------
    InvalidEstimator
        When a member declares nothing from which its moments follow.

    References
    ----------
    Weaver & Tao, The optimal reward baseline for gradient-based reinforcement learning, 2001.
    """
    size = float(np.abs(problem.mdp.paid).max()) or 1.0
    low, middle, high = (moments(family(c), problem, "trace", max_steps, acting).trace for c in (-size, 0.0, size))
    bend = low - 2.0 * middle + high
    # Where c changes nothing, what is left is the rounding of three equal numbers.
    return size * (low - high) / (2.0 * bend) if bend > 1e-12 * max(low, middle, high) else 0.0
