"""Every trajectory, and every batch of trajectories, with its probability."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import lru_cache
from itertools import combinations_with_replacement, product
from math import comb, factorial, prod
from typing import Any

import numpy as np
from jaxtyping import Float

from pgverify.estimators import RewardToGo
from pgverify.exact import fisher, moments, optimal_baseline
from pgverify.exact.enumeration import enumerate_trajectories
from pgverify.problem import Problem
from pgverify.trajectories import Trajectories
from pgverify.validation import Array

MOST_TRAJECTORIES = 5_000
"""Trajectories of one problem that are listed: each is a call, some seconds in all."""

MOST_BATCHES = 800
"""Ordered batches listed of one size on one problem, for functions that couple their trajectories."""

MOST_MULTISETS = 170
"""Unordered batches, likewise; they stand for all their orders where the order has no effect."""

SMALL_SIZES = (2, 3, 4, 5)
LARGE_SIZES = (8, 16, 64)
"""Batch sizes that are tried: one by one while that is cheap, then by doubling and beyond what is used in tests."""


@lru_cache(maxsize=64)
def every_trajectory(problem: Problem) -> tuple[Trajectories, Float[Array, "n"]]:
    """Return all trajectories with their probabilities; kept, for the same problem is listed many times."""
    return enumerate_trajectories(problem, MOST_TRAJECTORIES)


@lru_cache(maxsize=64)
def natural_scale(problem: Problem) -> float:
    """Return E max|ĝ| of reward-to-go: the size of an estimate of ∇J, to which deviations are relative."""
    batch, probability = every_trajectory(problem)
    return float(probability @ np.abs(RewardToGo()(batch)).max(axis=1))


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
    return replace(problem, mdp=replace(mdp, reward_noise=np.zeros_like(mdp.reward_noise)))


@lru_cache(maxsize=64)
def directions(problem: Problem) -> int:
    """Return in how many directions an estimate can point: the rank of the Fisher information."""
    return int(np.linalg.matrix_rank(fisher(problem)))


def ordered_batches(probability: Float[Array, "n"], size: int) -> list[tuple[list[int], float]] | None:
    """Return every i.i.d. batch of a size with its probability; None where they are too many."""
    if len(probability) ** size > MOST_BATCHES:
        return None
    chances = [float(p) for p in probability]
    return [(list(rows), prod(chances[i] for i in rows)) for rows in product(range(len(chances)), repeat=size)]


def unordered_batches(probability: Float[Array, "n"], size: int) -> list[tuple[list[int], float]] | None:
    """Return every multiset of a size with its multinomial probability; None where they are too many."""
    count = len(probability)
    if comb(count + size - 1, size) > MOST_MULTISETS:
        return None
    found = []
    for rows in combinations_with_replacement(range(count), size):
        number = np.bincount(rows, minlength=count)
        orders = factorial(size) // prod(factorial(int(k)) for k in number)
        found.append((list(rows), float(orders) * float(np.prod(probability**number))))
    return found


@lru_cache(maxsize=8192)
def exact_mean(
    function: Callable[[Trajectories], Any], problem: Problem, batch_size: int, weights: bool = False
) -> Float[Array, "d"] | None:
    """Return the exact expectation of a function of the catalogue, which is trusted to behave.

    None where the batches are too many.

    Parameters
    ----------
    function : batch -> [n, d] or [d], or weights [n, T]
        With a batch size of 1, rows [n, d] that do not affect each other.
    problem : Problem
    batch_size : int
    weights : bool
        Whether the function returns step weights.
    """
    batch, probability = every_trajectory(problem)

    def rows(chosen: Trajectories) -> Float[Array, "..."]:
        value = np.asarray(function(chosen))
        return chosen.score_weighted(value) if weights else value

    if batch_size == 1:
        value = rows(batch)
        return np.asarray(probability @ value) if value.ndim == 2 else None
    # Larger batches are compared only with implementations whose estimate does not depend on the order.
    batches = ordered_batches(probability, batch_size) or unordered_batches(probability, batch_size)
    if batches is None:
        return None
    total = np.zeros(problem.policy.parameters.size)
    for chosen, chance in batches:
        value = rows(batch.select(chosen))
        total += chance * (value.mean(axis=0) if value.ndim == 2 else value)
    return total
