"""Controls made of weights that change at a few places of a batch, wherever they are: chunks of unequal length."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from jaxtyping import Float, Integer

from pgverify.checking.sampled.controls import Controls
from pgverify.checking.sampled.standing_out import Pursued
from pgverify.validation import Array

MOST = 3
"""Places that are looked for: the mean of means of chunks has one, where the last chunk, or the shorter ones, begin."""


def controls_by_step(controls: Controls, rows: Integer[Array, "m n"], places: Sequence[int]) -> Float[Array, "m k d"]:
    """Return controls of mean zero that the rows from a place k on are in, whose share of all rows is w̄.

    Σ_i (w_i − w̄) R_i ψ_i / n, the same of rewards-to-go, and Σ_i w_i b_i ψ_i / n      w_i = 1 for i ≥ k, else 0

    b_i the mean return of all others: E b_i ψ_i = E b_i E ψ_i = 0, and all rows have one law.

    Parameters
    ----------
    controls : Controls
    rows : [m, n]
        Of m batches, two trajectories or more in each.
    places : sequence of int
        Where they begin. Those of one that is not there are 0.
    """
    count = rows.shape[1]
    others = _others(controls, rows)
    found: list[Float[Array, "m d"]] = []
    for place in places:
        weight = (np.arange(count) >= place).astype(float)
        times = controls.times(rows, np.broadcast_to(weight - weight.mean(), rows.shape)) / count
        found += [*(times @ controls.rows[kind] for kind in (0, 3)), controls.weighted(rows, weight * others)]
    return np.stack(found, axis=1)


def steps_that_stand_out(controls: Controls, rows: Integer[Array, "m n"], pursued: Pursued) -> tuple[int, ...]:
    """Return the places at which the weights change that what other controls leave is made of, at most `MOST`.

    Parameters
    ----------
    controls : Controls
    rows : [m, n]
        Of m batches.
    pursued : Pursued
        What is left of the estimates on the same batches.
    """
    count = rows.shape[1]
    if count < 3:
        return ()
    each = np.stack(list(_from_each_place_on(controls, rows)), axis=2)  # [n, m, g, d]
    return tuple(place + 1 for place in pursued.best(each[1:], MOST))


def _from_each_place_on(controls: Controls, rows: Integer[Array, "m n"]) -> Iterator[Float[Array, "n m d"]]:
    of_rows = [controls.rows[kind][rows] for kind in (0, 3)]
    of_rows.append(_others(controls, rows)[:, :, None] * controls.rows[5][rows])
    for each in of_rows:
        yield np.moveaxis(np.cumsum(each[:, ::-1], axis=1)[:, ::-1], 1, 0)


def _others(controls: Controls, rows: Integer[Array, "m n"]) -> Float[Array, "m n"]:
    returns = controls.totals[0][rows]
    return np.asarray((returns.sum(axis=1, keepdims=True) - returns) / max(rows.shape[1] - 1, 1))
