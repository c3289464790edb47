"""What is known of a problem that is listed: every trajectory with its probability, and the scales that follow."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache

from jaxtyping import Float

from pgverify.estimators import RewardToGo
from pgverify.exact import moments, optimal_baseline
from pgverify.exact.curvature import score_rank
from pgverify.exact.enumeration import enumerate_trajectories
from pgverify.exact.expectation import Expectation
from pgverify.problem import Problem
from pgverify.trajectories import Trajectories
from pgverify.validation import Array

MOST_TRAJECTORIES = 5_000
"""Trajectories of one problem that are listed: each is a call, some seconds in all."""


@lru_cache(maxsize=64)
def every_trajectory(problem: Problem) -> tuple[Trajectories, Float[Array, "n"]]:
    """Return all trajectories with their probabilities; kept, for the same problem is listed many times."""
    return enumerate_trajectories(problem, MOST_TRAJECTORIES)


@lru_cache(maxsize=64)
def natural_scale(problem: Problem) -> float:
    """Return E max|ĝ| of reward-to-go: the size of an estimate of ∇J, to which deviations are relative."""
    batch, probability = every_trajectory(problem)
    return Expectation(probability, RewardToGo()(batch)).largest


@lru_cache(maxsize=64)
def reference_trace(problem: Problem) -> float:
    """Return tr Cov of one trajectory's reward-to-go contribution."""
    return float(moments(RewardToGo(), _listed(problem), "trace").trace)


@lru_cache(maxsize=64)
def optimal_trace(problem: Problem) -> float:
    """Return tr Cov of the same with the variance-minimising baseline b*_t(s)."""
    return float(optimal_baseline(RewardToGo(), _listed(problem)).trace["values"])


def _listed(problem: Problem) -> Problem:
    """Return the problem as it is listed: with every noisy reward at its mean."""
    mdp = problem.mdp
    return replace(problem, mdp=mdp.with_rewards(mdp.paid))


@lru_cache(maxsize=64)
def directions(problem: Problem) -> int:
    """Return in how many directions an estimate can point: the rank of the Fisher information."""
    return score_rank(problem)
