"""Every trajectory of a problem with its probability, and what follows from the list: scales and expectations."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import lru_cache
from typing import Any

import numpy as np
from jaxtyping import Float

from pgverify.checking.batches import ways_to_list
from pgverify.estimators import RewardToGo
from pgverify.exact import fisher, moments, optimal_baseline
from pgverify.exact.enumeration import enumerate_trajectories
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


@lru_cache(maxsize=8192)
def exact_mean(
    function: Callable[[Trajectories], Any],
    problem: Problem,
    batch_size: int,
    weights: bool = False,
    ordered: bool = False,
    alone: bool = False,
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
    ordered : bool
        Whether the order of the trajectories in a batch matters to it.
    alone : bool
        Whether its rows may affect each other, so that for batches of 1 every trajectory is a call.
    """
    batch, probability = every_trajectory(problem)

    def rows(chosen: Trajectories) -> Float[Array, "..."]:
        value = np.asarray(function(chosen))
        return chosen.score_weighted(value) if weights else value

    if batch_size == 1 and alone:
        each = [rows(batch.select([i])) for i in range(len(batch))]
        return np.asarray(probability @ np.stack([value.mean(axis=0) if value.ndim == 2 else value for value in each]))
    if batch_size == 1:
        value = rows(batch)
        return np.asarray(probability @ value) if value.ndim == 2 else None
    for in_order, batches in ways_to_list(probability, batch.lengths, batch_size):
        if in_order or not ordered or batch_size == 2:
            total = np.zeros(problem.policy.parameters.size)
            for chosen, chance in batches:
                # Both orders of a pair are as probable.
                orders = [chosen, chosen[::-1]] if ordered and not in_order else [chosen]
                for order in orders:
                    value = rows(batch.select(order))
                    total += chance / len(orders) * (value.mean(axis=0) if value.ndim == 2 else value)
            return total
    return None
