"""What is known of a problem that is listed: every trajectory with its probability, and the scales that follow."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import lru_cache
from types import MappingProxyType

import numpy as np
from jaxtyping import Float

from pgverify.checking.exhaustive.bootstrapped import with_bootstrap
from pgverify.checking.exhaustive.history_values import values_of_histories
from pgverify.checking.exhaustive.kept_facts import kept_or_computed
from pgverify.errors import InvalidInput
from pgverify.estimators import RewardToGo
from pgverify.exact import moments, optimal_baseline
from pgverify.exact.curvature import score_rank
from pgverify.exact.enumeration import enumerate_trajectories
from pgverify.exact.expectation import Expectation
from pgverify.policies.steps import remembers
from pgverify.problem import Problem
from pgverify.trajectories import Trajectories
from pgverify.validation import Array

MOST_TRAJECTORIES = 5_000
"""Trajectories of one problem that are listed: each is a call, some seconds in all."""


@lru_cache(maxsize=64)
def every_trajectory(problem: Problem) -> tuple[Trajectories, Float[Array, "n"]]:
    """Return all trajectories with their probabilities; kept, for the same problem is listed many times.

    Where the policy remembers, no recursion over states gives V: a perfect critic's values are those of the list.
    """
    batch, probability = enumerate_trajectories(problem, MOST_TRAJECTORIES)
    if remembers(problem.policy):
        batch = replace(batch, critic=values_of_histories(batch, probability))
    return batch, probability


def spread_rows(count: int, most: int) -> list[int]:
    """Return at most so many rows of a list, from the first to the last."""
    return sorted({*np.linspace(0, count - 1, most).astype(int).tolist()})  # `np.unique` imports all of numpy.ma


@lru_cache(maxsize=64)
def natural_scale(problem: Problem) -> float:
    """Return E max|ĝ| of reward-to-go: the size of an estimate of ∇J, to which deviations are relative."""
    batch, probability = every_trajectory(problem)
    return Expectation(probability, RewardToGo()(with_bootstrap(batch))).largest


@lru_cache(maxsize=64)
def reference_trace(problem: Problem) -> float:
    """Return tr Cov of one trajectory's reward-to-go contribution; 0 where no recursion gives it."""
    return kept_or_computed("reference trace", problem, _reference_trace)


@lru_cache(maxsize=64)
def optimal_trace(problem: Problem) -> float:
    """Return tr Cov of the same with the variance-minimising baseline b*_t(s); 0 where it is not known."""
    return kept_or_computed("optimal trace", problem, _optimal_trace)


def _reference_trace(problem: Problem) -> float:
    try:
        return float(moments(RewardToGo(), _listed(problem), "trace").trace)
    except InvalidInput:  # the policy remembers
        return 0.0


def _optimal_trace(problem: Problem) -> float:
    try:
        return float(optimal_baseline(RewardToGo(), _listed(problem)).trace["values"])
    except InvalidInput:  # the policy remembers, or somebody else acts
        return 0.0


COMPUTED: Mapping[str, Callable[[Problem], float]] = MappingProxyType(
    {"reference trace": _reference_trace, "optimal trace": _optimal_trace}
)
"""What is kept of the problems of the standard suite, and how it is computed."""


def _listed(problem: Problem) -> Problem:
    """Return the problem as it is listed: with every noisy reward at its mean."""
    mdp = problem.mdp
    return replace(problem, mdp=mdp.with_rewards(mdp.paid))


@lru_cache(maxsize=64)
def directions(problem: Problem) -> int:
    """Return in how many directions an estimate can point: the rank of the Fisher information."""
    if not remembers(problem.policy):
        return score_rank(problem)
    batch, _ = every_trajectory(problem)
    steps = np.eye(batch.num_steps)
    scores = np.concatenate([batch.score_weighted(np.tile(step, (len(batch), 1))) for step in steps])
    return int(np.linalg.matrix_rank(scores))
