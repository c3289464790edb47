"""Whether the estimates that a sampler returns are independent of each other, as it claims."""

from __future__ import annotations

from collections.abc import Callable
from math import ceil, log

import numpy as np
from jaxtyping import Float

from pgverify.validation import Array

CALLS, ROWS = 64, 16
"""Calls made, and estimates asked for in each."""

PERMUTATIONS = 199
"""A statistic beyond all of them has probability 1/200 for exchangeable rows, whatever their law."""


def dependence(draw: Callable[[int, int], Float[Array, "k d"]], alpha: float) -> str:
    """Return how the estimates depend on each other, in one sentence; empty if they were not seen to.

    If rows are independent and of one law, every order of them is equally probable. The variance of the means of
    blocks (one call each; one position in every call) is compared with that of shuffled rows. Each round refuses with
    probability at most 2/200, and the next sees new numbers: r rounds in a row, at most (2/200)^r ≤ α.

    Parameters
    ----------
    draw : (count, call) -> [count, d]
        Calls beyond those already made.
    alpha : float
        Probability of refusing independent estimates.
    """
    rounds = ceil(log(alpha) / log(2.0 / (PERMUTATIONS + 1)))
    ratio, where = 1.0, ""
    for number in range(rounds):
        rows = np.stack([draw(ROWS, number * CALLS + call) for call in range(CALLS)])  # [calls, rows, d]
        found = _beyond_all(rows, np.random.default_rng(number))
        if found is None:
            return ""
        ratio, where = found
    return (
        f"returned estimates that are not independent: means of {where} vary {ratio:.3g} times as much as those of "
        "shuffled estimates"
    )


def _beyond_all(rows: Float[Array, "c r d"], rng: np.random.Generator) -> tuple[float, str] | None:
    calls, count, size = rows.shape
    every = rows.reshape(-1, size)
    spread = every.std(axis=0)
    every = (every - every.mean(axis=0)) / np.where(spread > 0, spread, 1.0)
    kinds = {"the estimates of one call": (calls, count), "estimates at one position of every call": (count, calls)}
    for where, (blocks, length) in kinds.items():
        ordered = every if blocks == calls else every.reshape(calls, count, size).swapaxes(0, 1).reshape(-1, size)
        found = _spread_of_means(ordered, blocks, length)
        shuffled = [_spread_of_means(rng.permutation(every), blocks, length) for _ in range(PERMUTATIONS)]
        if found > max(shuffled):
            return found / float(np.mean(shuffled)), where
    return None


def _spread_of_means(rows: Float[Array, "m d"], blocks: int, length: int) -> float:
    return float((rows.reshape(blocks, length, -1).mean(axis=1) ** 2).sum())
