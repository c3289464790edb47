"""Whether the estimates that a sampler returns are independent of each other, as it claims."""

from __future__ import annotations

from collections.abc import Callable
from math import ceil, log

import numpy as np
from jaxtyping import Float

from pgverify.validation import Array

CALLS, ROWS = 64, 16
"""Small calls made, and estimates asked for in each."""

MANY = 8_192
"""Estimates asked for in one large call, as the test itself will."""

PERMUTATIONS = 199
"""A statistic beyond all of them has probability 1/200 for exchangeable rows, whatever their law. The first that is not
below ends the comparison: honest rows are shuffled a few times."""


def dependence(draw: Callable[[int, int], Float[Array, "k d"]], alpha: float) -> str:
    """Return how the estimates depend on each other, in one sentence; empty if they were not seen to.

    If rows are independent and of one law, every order of them is equally probable. The variance of the means of
    blocks (one call each; one position in every call) is compared with that of shuffled rows, and so is the largest
    autocorrelation, at any lag, within one large call. Each round refuses with probability at most 3/200, and the next
    sees new numbers: r rounds in a row, at most (3/200)^r ≤ α.

    Parameters
    ----------
    draw : (count, call) -> [count, d]
        Calls beyond those already made.
    alpha : float
        Probability of refusing independent estimates.
    """
    rounds = ceil(log(alpha) / log(3.0 / (PERMUTATIONS + 1)))
    how = ""
    for number in range(rounds):
        rng, first = np.random.default_rng(number), number * (CALLS + 1)
        rows = np.stack([draw(ROWS, first + call) for call in range(CALLS)])  # [calls, rows, d]
        how = _beyond_all(rows, rng) or _repeats(draw(MANY, first + CALLS), rng)
        if not how:
            return ""
    return f"returned estimates that are not independent: {how}"


def _standard(rows: Float[Array, "m d"]) -> Float[Array, "m d"]:
    largest = np.abs(rows).max(axis=0)
    rows = rows / np.where(largest > 0, largest, 1.0)  # no overflow in the squares
    spread = rows.std(axis=0)
    return (rows - rows.mean(axis=0)) / np.where(spread > 0, spread, 1.0)


def _repeats(rows: Float[Array, "m d"], rng: np.random.Generator) -> str:
    """Return at which lag the estimates of one call resemble each other more than shuffled ones do at any; or ""."""
    series = _standard(rows) @ np.cos(1.0 + np.arange(rows.shape[1]))
    lag, found = _largest_autocorrelation(series)
    if any(found <= _largest_autocorrelation(rng.permutation(series))[1] for _ in range(PERMUTATIONS)):
        return ""
    return f"in a call for {len(rows):,}, those {lag} apart have a correlation of {found:.2g}"


def _largest_autocorrelation(series: Float[Array, "m"]) -> tuple[int, float]:
    centred = series - series.mean()
    power = np.abs(np.fft.rfft(centred, 2 * len(series))) ** 2
    products = np.fft.irfft(power)[: len(series) // 2 + 1]  # up to one half after the other
    if products[0] <= 0.0:
        return 0, 0.0
    lag = 1 + int(products[1:].argmax())
    return lag, float(products[lag] / products[0])


def _beyond_all(rows: Float[Array, "c r d"], rng: np.random.Generator) -> str:
    calls, count, size = rows.shape
    every = _standard(rows.reshape(-1, size))
    kinds = {"the estimates of one call": (calls, count), "estimates at one position of every call": (count, calls)}
    for where, (blocks, length) in kinds.items():
        ordered = every if blocks == calls else every.reshape(calls, count, size).swapaxes(0, 1).reshape(-1, size)
        found = _spread_of_means(ordered, blocks, length)
        shuffled: list[float] = []
        while len(shuffled) < PERMUTATIONS and (not shuffled or shuffled[-1] < found):
            shuffled.append(_spread_of_means(rng.permutation(every), blocks, length))
        if shuffled[-1] < found:
            ratio = found / float(np.mean(shuffled))
            return f"means of {where} vary {ratio:.3g} times as much as those of shuffled estimates"
    return ""


def _spread_of_means(rows: Float[Array, "m d"], blocks: int, length: int) -> float:
    return float((rows.reshape(blocks, length, -1).mean(axis=1) ** 2).sum())
