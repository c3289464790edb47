"""More controls: baselines made of earlier rows, of neighbours, of blocks and halves of a batch, whose mean is zero."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from jaxtyping import Float, Integer

from pgverify.checking.sampled.controls import Controls, others_in
from pgverify.validation import Array

BLOCKS = (2, 3, 4, 5, 8, 16, 32, 64)
"""Consecutive rows that are compared with each other: the usual sizes of groups and minibatches."""

STRIDES = (2, 4)
"""Rows i, i + k, i + 2k, … that are compared with each other."""


def more_controls(
    controls: Controls, rows: Integer[Array, "m n"], group: Integer[Array, "n"] | None = None
) -> Float[Array, "m k d"]:
    """Return controls of mean zero that depend on the order of the rows, and on the spread of the others' returns.

    Each is the mean of b_i ψ_i, b_i made of trajectories other than i: E b_i ψ_i = E b_i E ψ_i = 0.
    Four are reward-to-go and the total return of the first and of the last row, less the mean of all rows. Where there
    are groups, the same of the first and last rows of groups follow, and baselines made of those, or for those alone.

    Parameters
    ----------
    controls : Controls
    rows : [m, n]
        Of m batches.
    group : [n], optional
        Which rows belong together: consecutive ones, as many in each.
    """
    returns = controls.totals[0][rows]
    baselines = controls.each_weighted(rows, _baselines(returns))
    times = controls.times(rows, np.ones(rows.shape)) / rows.shape[1]
    ends = [
        controls.rows[kind][rows[:, end]] - times @ controls.rows[kind]
        for kind in (0, 3)
        for end in (0, rows.shape[1] - 1)
    ]
    grouped = [] if group is None else _of_groups(controls, rows, len(group) // (int(group[-1]) + 1))
    return np.stack([*baselines, *ends, *grouped], axis=1)


def _of_groups(controls: Controls, rows: Integer[Array, "m n"], size: int) -> Iterator[Float[Array, "m d"]]:
    """Yield what a group whose first or last trajectory is compared with, left out or forgotten is made of."""
    place, index = np.arange(rows.shape[1]) % size, np.arange(rows.shape[1])
    returns = controls.totals[0][rows]
    others = returns - others_in(returns, index // size)
    for end in (0, size - 1):
        ends = np.where(place == end, 0.0, returns[:, index - place + end])
        yield from controls.each_weighted(rows, (ends, np.where(place == end, others, 0.0)))
        away = np.where(place == end, float(size), 0.0) - 1.0
        times = controls.times(rows, np.broadcast_to(away, rows.shape)) / rows.shape[1]
        yield from (times @ controls.rows[kind] for kind in (0, 3))


def _baselines(returns: Float[Array, "m n"]) -> Iterator[Float[Array, "m n"]]:
    """Yield b_i for each row: none of them is made of R_i."""
    count = returns.shape[1]
    index = np.arange(count)
    earlier = np.cumsum(returns, axis=1) - returns
    later = returns.sum(axis=1, keepdims=True) - returns - earlier
    yield earlier / np.maximum(index, 1)
    yield later / np.maximum(count - 1 - index, 1)
    yield np.where(index > 0, np.roll(returns, 1, axis=1), 0.0)
    yield np.where(index > 0, 0.0, returns[:, [-1]]) if count > 1 else 0.0 * returns
    yield np.where(index > 0, returns[:, [0]], 0.0)
    first = index < count // 2
    halves = returns @ np.stack([first / max(first.sum(), 1), ~first / (~first).sum()], axis=1)
    yield np.where(first, halves[:, [1]], halves[:, [0]] if count > 1 else 0.0)
    squares = returns**2
    yield (squares.sum(axis=1, keepdims=True) - squares) / max(count - 1, 1)
    others = (returns.sum(axis=1, keepdims=True) - returns) / max(count - 1, 1)
    yield from (others**2, others**3, np.abs(others))  # of what is no mean of the others, but bends or clips it
    for size in BLOCKS:
        yield returns - others_in(returns, index // size)
    for stride in STRIDES:
        yield returns - others_in(returns, index % stride)
