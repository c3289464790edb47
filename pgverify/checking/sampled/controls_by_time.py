"""Controls made of what the others in a batch have in common at the same time: bent means, spreads, extremes."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from jaxtyping import Bool, Float, Integer

from pgverify.checking.sampled.controls import Controls
from pgverify.validation import Array

EQUAL = 1e-13
"""Relative to the largest square: a variance that is this small is one of equal numbers, whose root would not be."""


def controls_by_time(controls: Controls, rows: Integer[Array, "m n"]) -> Float[Array, "m k d"]:
    """Return controls of mean zero: the mean of Σ_t b_it ψ_it, b_it made of the rewards-to-go at t of the others.

    b_it is a bent mean (tanh, clipped, absolute, a power), the mean of clipped ones, a standard deviation, the largest,
    the smallest and the median, of all others and of those that are still under way; 0 where there are none.

    What a trajectory of the list is compared with depends on how often each is in the batch, and on no row: batches of
    a thousand take as long as those of ten.

    Parameters
    ----------
    controls : Controls
    rows : [m, n]
        Of m batches, two trajectories or more in each.
    """
    times = controls.times(rows, np.ones(rows.shape))
    everyone = np.ones_like(controls.to_go)
    among = [everyone] if (controls.under_way == everyone).all() else [everyone, controls.under_way]
    found = [_of_those(controls, times, counted) for counted in among]
    return np.concatenate(found, axis=1) / rows.shape[1]


def _of_those(controls: Controls, times: Float[Array, "m K"], counted: Float[Array, "T K"]) -> Float[Array, "m k d"]:
    """Return Σ_i Σ_t b_it ψ_it with the baselines made of those that are counted."""
    sums = np.zeros(1)
    for values, counts, steps in zip(controls.to_go, counted, controls.steps, strict=True):
        baselines = np.stack(list(_baselines(values, times, counts)), axis=1)
        sums = sums + (times[:, None, :] * baselines) @ steps
    return np.asarray(sums)


def _baselines(
    values: Float[Array, "K"], times: Float[Array, "m K"], counts: Float[Array, "K"]
) -> Iterator[Float[Array, "m K"]]:
    """Yield b for each trajectory of the list, in each batch."""
    present = times * counts
    others = present.sum(axis=1, keepdims=True) - counts
    some = others > 0.5

    def mean(numbers: Float[Array, "K"]) -> Float[Array, "m K"]:
        left = (present @ numbers)[:, None] - counts * numbers
        return np.where(some, left / np.maximum(others, 1.0), 0.0)

    plain, centre = mean(values), float(values.mean())
    yield from (np.tanh(plain), np.clip(plain, -1.0, 1.0), np.abs(plain), plain**2, plain**3)
    yield mean(np.clip(values, -1.0, 1.0))
    squares = mean((values - centre) ** 2) - np.where(some, plain - centre, 0.0) ** 2
    squares = np.where(squares > EQUAL * ((values - centre) ** 2).max(initial=0.0), squares, 0.0)
    yield np.sqrt(squares)
    yield np.sqrt(squares * others / np.maximum(others - 1.0, 1.0))
    yield from _by_rank(values, present, counts, others, some)


def _by_rank(
    values: Float[Array, "K"],
    present: Float[Array, "m K"],
    counts: Float[Array, "K"],
    others: Float[Array, "m K"],
    some: Bool[Array, "m K"],
) -> Iterator[Float[Array, "m K"]]:
    """Yield the largest, the smallest and the median of the others' values."""
    order = np.argsort(values, kind="stable")
    ordered, below = values[order], np.cumsum(present[:, order], axis=1)
    place = np.argsort(order, kind="stable")
    batches = np.arange(len(below))[:, None]
    apart = (float(below.max(initial=0.0)) + 2.0) * batches  # one batch after another: all are searched at once
    numbers = (below + apart).ravel()

    def up_to(rank: Float[Array, "m K"]) -> Integer[Array, "m K"]:
        """Return how many values of the list have no more than `rank` of the batch up to them, oneself among those."""
        return numbers.searchsorted((rank + apart + 0.5).ravel()).reshape(rank.shape) - len(values) * batches

    def at(rank: Float[Array, "m K"]) -> Float[Array, "m K"]:
        """Return the number at a rank of the others, in order: oneself counts for the values beyond one's own."""
        index = np.minimum(up_to(rank), place) + np.maximum(up_to(rank + counts) - place, 0)
        return np.where(some, ordered[np.minimum(index, len(values) - 1)], 0.0)

    last = np.maximum(others - 1.0, 0.0)
    yield at(last)
    yield at(np.zeros_like(others))
    yield (at(np.floor(last / 2.0)) + at(np.ceil(last / 2.0))) / 2.0
