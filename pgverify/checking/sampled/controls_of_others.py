"""Controls made of what the others in a batch have in common that is no mean: their extremes, median and spread."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from jaxtyping import Float, Integer

from pgverify.checking.sampled.controls import Controls
from pgverify.validation import Array

EQUAL = 1e-13
"""Relative to the largest square: a variance that is this small is one of equal numbers, whose root would not be."""


def controls_of_others(controls: Controls, rows: Integer[Array, "m n"]) -> Float[Array, "m k d"]:
    """Return controls of mean zero: the mean of b_i ψ_i, b_i made of all trajectories of the batch but i.

    b_i is the largest, the smallest and the median return of the others; the standard deviation of theirs, with n − 2
    and with n − 1 below the line; their mean, where the square of the score or the length weighs, and 0 where all
    weights are; the mean again, where returns beyond 1 are clipped before or after.

    Parameters
    ----------
    controls : Controls
    rows : [m, n]
        Of m batches, two trajectories or more in each.
    """
    returns = controls.totals[0][rows]
    weights = (controls.rows[5] ** 2).sum(axis=1)[rows], controls.under_way.sum(axis=0)[rows]
    baselines = (*_by_rank(returns), *_spreads(returns), *(_weighted(returns, each) for each in weights))
    clipped = _mean(np.clip(returns, -1.0, 1.0)), np.clip(_mean(returns), -1.0, 1.0), np.tanh(_mean(returns))
    return np.stack(controls.each_weighted(rows, (*baselines, *clipped)), axis=1)


def _mean(values: Float[Array, "m n"]) -> Float[Array, "m n"]:
    return np.asarray((values.sum(axis=1, keepdims=True) - values) / (values.shape[1] - 1))


def _by_rank(returns: Float[Array, "m n"]) -> Iterator[Float[Array, "m n"]]:
    """Yield the largest, the smallest and the median of the others' returns."""
    count = returns.shape[1]
    rank = np.argsort(np.argsort(returns, axis=1, kind="stable"), axis=1, kind="stable")
    ordered = np.sort(returns, axis=1)

    def at(place: int) -> Float[Array, "m n"]:
        """Return the number at a place of the others, in order: one further on from one's own place."""
        return np.take_along_axis(ordered, place + (rank <= place), axis=1)

    yield at(count - 2)
    yield at(0)
    yield (at((count - 2) // 2) + at((count - 1) // 2)) / 2.0


def _spreads(returns: Float[Array, "m n"]) -> Iterator[Float[Array, "m n"]]:
    """Yield the standard deviation of the others' returns, of the sample and of the population."""
    away = returns - returns.mean(axis=1, keepdims=True)
    squares = _mean(away**2) - _mean(away) ** 2
    squares = np.where(squares > EQUAL * (away**2).max(initial=0.0), squares, 0.0)
    count = returns.shape[1] - 1
    yield np.sqrt(squares * count / max(count - 1, 1))
    yield np.sqrt(squares)


def _weighted(returns: Float[Array, "m n"], weights: Float[Array, "m n"]) -> Float[Array, "m n"]:
    """Return the weighted mean of the others' returns, 0 where their weights are."""
    all_but = weights.sum(axis=1, keepdims=True) - weights
    sums = (weights * returns).sum(axis=1, keepdims=True) - weights * returns
    something = all_but > 1e-12 * weights.max(initial=0.0)
    return np.asarray(np.where(something, sums / np.where(something, all_but, 1.0), 0.0))
