"""Controls made of weights that rows have by their place in a batch, and of baselines within pieces of a batch."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from jaxtyping import Float, Integer

from pgverify.checking.sampled.controls import Controls, others_in
from pgverify.validation import Array

PARTS, STRIDES = (2, 3, 4), (2, 3, 4)
"""So many equal parts of a batch, and rows i, i + k, i + 2k, …, each with a weight of its own."""

ENDS = 8
"""So many of the first and of the last rows may each have a weight."""

PIECES = (9, 15, 24, 25, 30, 40, 48, 50, 96, 100, 120, 128, 200, 250, 256, 500, 512, 1000, 1024, 2048)
"""Consecutive rows that are compared with each other, beside the usual sizes: minibatches and chunks."""


def controls_by_weight(controls: Controls, rows: Integer[Array, "m n"]) -> Float[Array, "m k d"]:
    """Return controls of mean zero that weights w_i of the places i in a batch are in, w̄ their mean.

    Σ_i (w_i − w̄) R_i ψ_i / n, the same of rewards-to-go, and Σ_i w_i b_i ψ_i / n, b_i the mean return of all others

    What weighs its rows has the mean w̄ ∇J by these. The weights are 1 in some part of the batch and 0 elsewhere, those
    of the first and of the last row alone, and i/n and its square.

    Parameters
    ----------
    controls : Controls
    rows : [m, n]
        Of m batches, two trajectories or more in each.
    """
    return _weighted(controls, rows, list(_weights(rows.shape[1])))


def controls_by_kept_row(controls: Controls, rows: Integer[Array, "m n"]) -> Float[Array, "m k d"]:
    """Return the same for each of the first and of the last rows: any of them may be left out, or count twice.

    Parameters as for `controls_by_weight`.
    """
    index = np.arange(rows.shape[1])
    ends = (*range(ENDS), *(rows.shape[1] - 1 - place for place in range(ENDS)))
    return _weighted(controls, rows, [(index == place).astype(float) for place in ends])


def _weighted(
    controls: Controls, rows: Integer[Array, "m n"], weights: Sequence[Float[Array, "n"]]
) -> Float[Array, "m k d"]:
    count = rows.shape[1]
    returns = controls.totals[0][rows]
    others = (returns.sum(axis=1, keepdims=True) - returns) / max(count - 1, 1)
    found = controls.each_weighted(rows, (weight * others for weight in weights))
    for weight in weights:
        times = controls.times(rows, np.broadcast_to(weight - weight.mean(), rows.shape)) / count
        found += [times @ controls.rows[kind] for kind in (0, 3)]
    return np.stack(found, axis=1)


def controls_by_piece(controls: Controls, rows: Integer[Array, "m n"]) -> Float[Array, "m k d"]:
    """Return controls of mean zero: the mean of b_i ψ_i, b_i the mean return of the others in a piece of the batch.

    What is left over is a piece, too, or belongs to the one before. 0 for what is alone.

    Parameters as for `controls_by_weight`.
    """
    returns, index = controls.totals[0][rows], np.arange(rows.shape[1])
    baselines = []
    for size in PIECES:
        piece = index // size
        last = max(rows.shape[1] // size - 1, 0)
        baselines += [returns - others_in(returns, each) for each in (piece, np.minimum(piece, last))]
    return np.stack(controls.each_weighted(rows, baselines), axis=1)


def _weights(count: int) -> Iterator[Float[Array, "n"]]:
    index = np.arange(count)
    for parts in PARTS:
        for part in range(1, parts):  # the first follows from the others
            yield (index * parts // count == part).astype(float)
    for stride in STRIDES:
        for rest in range(1, stride):
            yield (index % stride == rest).astype(float)
    yield from ((index == end).astype(float) for end in (0, count - 1))
    yield from ((index / count) ** power for power in (1, 2))
