"""Controls made of some rows of a batch as the baseline of others: its first few, a group, the first of each group."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from jaxtyping import Bool, Float, Integer

from pgverify.checking.sampled.controls import Controls
from pgverify.validation import Array

FIRST, LAST = (2, 3, 4, 5, 6, 8, 10, 16, 20, 32, 64), (2, 4, 8)
"""So many of the first rows, and of the last, whose mean is the baseline; half and a quarter of all, besides."""

GROUPS = (2, 3, 4, 5, 6, 8, 10, 16)
"""Consecutive rows, of which the first or the last is the baseline of the others."""


def controls_by_block(
    controls: Controls, rows: Integer[Array, "m n"], group: Integer[Array, "n"] | None = None
) -> Float[Array, "m k d"]:
    """Return controls of mean zero that the mean return of some rows of a batch is in.

    b_i ψ_i, b_i the mean of the block for those outside, that of the others in it for those inside; and what those
    inside are paid less their share of what all are, which is missing where one's own return is in the mean.

    Parameters
    ----------
    controls : Controls
    rows : [m, n]
        Of m batches.
    group : [n], optional
        Which rows belong together: then the first and the last group are blocks, too.
    """
    returns = controls.totals[0][rows]
    weights: list[Float[Array, "m n"]] = []
    blocks = list(_blocks(rows.shape[1], group))
    for inside in blocks:
        number = int(inside.sum())
        total = (returns * inside).sum(axis=1, keepdims=True)
        weights.append(np.where(inside, 0.0, total / number))
        weights.append(np.where(inside, total - returns, 0.0) / max(number - 1, 1))
    return np.stack([*controls.each_weighted(rows, weights), *_paid(controls, rows, blocks)], axis=1)


def controls_by_end(controls: Controls, rows: Integer[Array, "m n"]) -> Float[Array, "m k d"]:
    """Return controls of mean zero that the first, or the last, of each few consecutive rows is in.

    b_i ψ_i, b_i its return for the others of its group, 0 for itself; and what those are paid, as `controls_by_block`.

    Parameters
    ----------
    controls : Controls
    rows : [m, n]
        Of m batches.
    """
    returns, count = controls.totals[0][rows], rows.shape[1]
    index = np.arange(count)
    weights, chosen = [], []
    for size in GROUPS:
        begin = index // size * size
        for end in (begin, np.minimum(begin + size, count) - 1):
            chosen.append(index == end)
            weights.append(np.where(index == end, 0.0, returns[:, end]))
    return np.stack([*controls.each_weighted(rows, weights), *_paid(controls, rows, chosen)], axis=1)


def _paid(
    controls: Controls, rows: Integer[Array, "m n"], chosen: list[Bool[Array, "n"]]
) -> Iterator[Float[Array, "m d"]]:
    """Yield R ψ of the chosen rows, less their share of that of all."""
    for some in chosen:
        away = np.broadcast_to(some - some.mean(), rows.shape)
        yield controls.times(rows, away) @ controls.rows[3] / rows.shape[1]


def _blocks(count: int, group: Integer[Array, "n"] | None) -> Iterator[Bool[Array, "n"]]:
    """Yield which rows are in a block, which is the whole batch where that is smaller."""
    index = np.arange(count)
    grouped = () if group is None else (count // (int(group[-1]) + 1),)
    for size in (*FIRST, max(count // 2, 1), max(count // 4, 1), *grouped):
        yield index < size
    for size in (*LAST, *grouped):
        yield index >= count - size
