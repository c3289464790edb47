"""Exact expectations of functions of the catalogue, which are trusted to behave."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any

import numpy as np
from jaxtyping import Float

from pgverify.checking.exhaustive.batch_lists import Batches, ways_to_list
from pgverify.checking.exhaustive.kept_means import kept_mean
from pgverify.checking.exhaustive.listed_problem import every_trajectory
from pgverify.exact.expectation import Expectation, expectation
from pgverify.problem import Problem
from pgverify.trajectories import Trajectories
from pgverify.validation import Array


@lru_cache(maxsize=8192)
def known_mean(
    function: Callable[[Trajectories], Any],
    problem: Problem,
    batch_size: int,
    ordered: bool = False,
    alone: bool = False,
) -> Float[Array, "d"] | None:
    """Return `exact_mean`, from what is shipped where that has it."""
    kept = kept_mean(function, problem, batch_size, ordered, alone)
    return exact_mean(function, problem, batch_size, ordered, alone) if kept is None else kept[0]


def exact_mean(
    function: Callable[[Trajectories], Any],
    problem: Problem,
    batch_size: int,
    ordered: bool = False,
    alone: bool = False,
) -> Float[Array, "d"] | None:
    """Return the exact expectation of a function of the catalogue, which is trusted to behave.

    None where the batches are too many.

    Parameters
    ----------
    function : batch -> [n, d] or [d]
        With a batch size of 1, rows [n, d] that do not affect each other.
    problem : Problem
    batch_size : int
    ordered : bool
        Whether the order of the trajectories in a batch matters to it.
    alone : bool
        Whether its rows may affect each other, so that for batches of 1 every trajectory is a call.
    """
    batch, probability = every_trajectory(problem)

    def estimates(chosen: list[int] | slice) -> Float[Array, "..."]:
        return np.asarray(function(batch.select(chosen)))

    if batch_size == 1 and alone:
        return expectation(estimates, (([row], chance) for row, chance in enumerate(probability))).mean
    if batch_size == 1:
        value = estimates(slice(None))
        return Expectation(probability, value).mean if value.ndim == 2 else None
    for in_order, batches in ways_to_list(probability, batch.lengths, batch_size):
        if in_order or not ordered:
            return expectation(estimates, batches).mean
        if batch_size == 2:
            return expectation(estimates, _both_orders(batches)).mean
    return None


def _both_orders(pairs: Batches) -> Batches:
    """Return unordered pairs in both of their orders, which are as probable."""
    return [(order, chance / 2.0) for pair, chance in pairs for order in (pair, pair[::-1])]
