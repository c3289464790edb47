"""The estimators that declare tables, weights of trajectories or a matrix, on any problem: with everything varied."""

from __future__ import annotations

import numpy as np
from moment_cases import small_problem, tables

from pgverify import Discounted, Problem, SoftmaxPolicy, exact
from pgverify.estimators import (
    GPOMDP,
    ActionBaseline,
    AllActions,
    CappedImportance,
    CappedRatios,
    CompatibleCritic,
    Estimator,
    GeneralizedAdvantage,
    NaturalGradient,
    RewardBaseline,
    RewardToGo,
    TotalReturn,
    VTrace,
)
from pgverify.policies import Policy

SCALES = (0.0, 1.0, 3.0)
"""Of logits: ratios of two policies stay below e^12, and squares of importance weights within double precision."""


def declared_estimators(problem: Problem, seed: int, steps: int, by_time: bool = True) -> list[Estimator]:
    """Return every estimator with a declaration, with tables of the size of the returns.

    Parameters
    ----------
    problem : Problem
    seed : int
    steps : int
        T.
    by_time : bool
        Whether tables depend on time as well; not where the number of steps has no bound.
    """
    rng = np.random.default_rng([seed, 21])
    given = tables(problem, seed, steps)
    late = given.by_time if by_time else given.by_state
    shape = problem.policy.probabilities().shape
    size = float(np.abs(problem.mdp.reward).max()) + 0.1
    plain = size * rng.normal(size=shape)
    timed = size * rng.normal(size=(steps, *shape)) if by_time else plain[::-1]
    many = problem.policy.parameters.size
    square = rng.normal(size=(many, many))
    metric = square @ square.T
    return [
        AllActions(),
        AllActions(timed, discount_weighting=False),
        ActionBaseline(plain),
        ActionBaseline(timed, discount_weighting=False),
        ActionBaseline(timed, corrected=False),
        CompatibleCritic(rng.normal(size=many)),
        CompatibleCritic(rng.normal(size=many), discount_weighting=False),
        VTrace(),
        VTrace(1.5, 0.7, 0.9, late),
        VTrace(0.6, 2.0, 1.0, given.by_state, discount_weighting=False),
        GPOMDP(0.3),
        GPOMDP(0.7, late),
        RewardBaseline(size),
        RewardBaseline(-0.5 * size, GeneralizedAdvantage(0.5, given.by_state)),
        CappedRatios(1.2),
        CappedRatios(1.5, GeneralizedAdvantage(0.8, late)),
        CappedRatios(1.1, RewardToGo(late, discount_weighting=False)),
        NaturalGradient(RewardToGo(late), metric, 0.1),
        NaturalGradient(VTrace(), metric),
    ]


def whole_trajectory_estimators(problem: Problem, seed: int, steps: int) -> list[Estimator]:
    """Return those that weight whole trajectories."""
    given = tables(problem, seed, steps)
    return [
        TotalReturn(given.by_time),
        TotalReturn(given.constant, discount_weighting=False),
        CappedImportance(1.1),
        CappedImportance(1.5, TotalReturn(given.by_time)),
        CappedImportance(3.0, TotalReturn(given.by_state, discount_weighting=False)),
    ]


def cut_problem(seed: int, objective: str) -> tuple[Problem, int]:
    """Return a random problem of an objective, and after how many steps its episodes are to be cut."""
    problem = small_problem(seed, objective, limit=600, horizon=3, logit_scales=SCALES)
    return problem, 1 + seed % 3


def somebody_else(problem: Problem, seed: int) -> Policy:
    """Return a policy that acts in place of the problem's."""
    rng = np.random.default_rng([seed, 22])
    return SoftmaxPolicy(rng.normal(size=problem.policy.probabilities().shape))


def small_off_policy(seed: int, limit: int = 1_500) -> tuple[Problem, Policy]:
    """Return the first problem from a seed on whose trajectories under another policy can be listed."""
    while True:
        problem = small_problem(seed, logit_scales=SCALES)
        acting = somebody_else(problem, seed)
        if exact.count_trajectories(problem, acting) <= limit:
            return problem, acting
        seed += 1_000


def discounted(seed: int) -> Problem:
    """Return a random discounted problem whose random horizon is short."""
    problem = small_problem(seed, "discounted", logit_scales=SCALES)
    return Problem(problem.mdp, problem.policy, Discounted(0.1 + 0.05 * (seed % 5)))
