"""Controls made of parts of a batch: what is left when a remainder is dropped, halves, thirds, and unusual groups."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from jaxtyping import Float, Integer

from pgverify.checking.sampled.controls import Controls, others_in
from pgverify.validation import Array

MULTIPLES = (3, 4, 5, 6, 7, 8, 10, 16, 32)
"""The rows beyond the last multiple of these are dropped, and the others count for them: n / (n − n mod k) times."""

PARTS = (2, 3, 4, 5, 8)
"""So many equal parts of a batch are compared each within itself, what is left over in the last or the first ones."""

GROUPS = (6, 7, 10, 12, 20)
"""Consecutive rows that are compared with each other, beside the usual sizes."""

DECAYS = (0.5, 0.9, 0.95, 0.99)
"""Of a running mean of the rows before, from zero on."""

LAGS = (2, 3)
"""Rows before, whose return is a baseline; 0 for those that have none, or the last ones of the batch."""


def controls_of_parts(controls: Controls, rows: Integer[Array, "m n"]) -> Float[Array, "m k d"]:
    """Return controls of mean zero that depend on the parts of a batch that rows are in.

    Of the rows kept up to a multiple of k, as a mean of their own: reward-to-go less that of all rows, and b_i ψ_i with
    b_i of the other rows that are kept, and of all others. Of parts, groups, rows before: b_i ψ_i, as `more_controls`.

    Parameters
    ----------
    controls : Controls
    rows : [m, n]
        Of m batches.
    """
    return np.stack(
        [*_kept(controls, rows), *controls.each_weighted(rows, _baselines(controls.totals[0][rows]))], axis=1
    )


def _kept(controls: Controls, rows: Integer[Array, "m n"]) -> Iterator[Float[Array, "m d"]]:
    count = rows.shape[1]
    returns, one = controls.totals[0][rows], np.zeros(count, dtype=np.int64)
    baseline = returns - others_in(returns, one)
    for multiple in MULTIPLES:
        kept = count - count % multiple or count
        weight = np.where(np.arange(count) < kept, count / kept, 0.0)
        within = np.zeros_like(returns)
        within[:, :kept] = returns[:, :kept] - others_in(returns[:, :kept], one[:kept])
        yield controls.times(rows, np.broadcast_to(weight - 1.0, rows.shape)) @ controls.rows[0] / count
        yield from controls.each_weighted(rows, (weight * within, weight * baseline))


def _baselines(returns: Float[Array, "m n"]) -> Iterator[Float[Array, "m n"]]:
    count = returns.shape[1]
    index = np.arange(count)
    for parts in PARTS:
        for length in (count // parts, -(-count // parts)):  # a last part takes what is left, or has less
            yield returns - others_in(returns, np.minimum(index // max(length, 1), parts - 1))
        lengths = count // parts + (np.arange(parts) < count % parts)
        yield returns - others_in(returns, np.repeat(np.arange(parts), lengths))
    for size in GROUPS:
        yield returns - others_in(returns, index // size)
        if count >= size:  # a last group that is too small belongs to the one before
            yield returns - others_in(returns, np.minimum(index // size, count // size - 1))
        else:
            yield np.zeros_like(returns)  # as many controls whatever the size: coefficients are carried on
    yield from _running(returns)
    for lag in LAGS:
        rolled = np.roll(returns, lag, axis=1) if count > lag else np.zeros_like(returns)
        yield from (np.where(index >= lag, rolled, 0.0), np.where(index >= lag, 0.0, rolled))


def _running(returns: Float[Array, "m n"]) -> Float[Array, "k m n"]:
    """Return the running means of the rows before, one a decay: all in one pass, for rows are many."""
    decay = np.array(DECAYS)[:, None]
    steps = (1.0 - decay)[..., None] * returns
    running, mean = np.zeros_like(steps), np.zeros(steps.shape[:2])
    for i in range(returns.shape[1] - 1):
        mean = decay * mean + steps[:, :, i]
        running[:, :, i + 1] = mean
    return running
