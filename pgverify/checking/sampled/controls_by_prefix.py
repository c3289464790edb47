"""Controls made of running means: of all rows so far or still to come, and of those that forget."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from jaxtyping import Float, Integer

from pgverify.checking.sampled.controls import Controls
from pgverify.validation import Array

DECAYS = (0.5, 0.8, 0.9, 0.95, 0.99)
"""How much of a running mean stays at every row."""

FORGOTTEN = 1e-17
"""What is left of a row counts for nothing, in double."""


def controls_by_prefix(controls: Controls, rows: Integer[Array, "m n"]) -> Float[Array, "m k d"]:
    """Return controls of mean zero that running means of the returns, rows counted from 0, are in.

    Σ_i ψ_i Σ_{j<i} R_j / (i+1) / n      the mean so far, without the row's own part of it
    Σ_i (w_i − w̄) R_i ψ_i / n            which is this, w_i = 1/(i+1)
    Σ_i ψ_i Σ_{j<i} α^{i−j} R_j / n      a mean that forgets, and α^i R_0 ψ_i, with which it may begin

    and the same from the last row on. The mean so far as everybody's baseline, own return included, is by these
    1 − (1 + 1/2 + … + 1/n)/n times the target.

    Parameters
    ----------
    controls : Controls
    rows : [m, n]
        Of m batches.
    """
    returns, count = controls.totals[0][rows], rows.shape[1]
    baselines = [*_baselines(returns), *(each[:, ::-1] for each in _baselines(returns[:, ::-1]))]
    found = controls.each_weighted(rows, baselines)
    alone = np.zeros(count)
    alone[0] = 1.0
    for weight in (1.0 / (np.arange(count) + 1.0), alone):
        for each in (weight, weight[::-1]):
            times = controls.times(rows, np.broadcast_to(each - each.mean(), rows.shape)) / count
            found += [times @ controls.rows[kind] for kind in (0, 3)]
    return np.stack(found, axis=1)


def _baselines(returns: Float[Array, "m n"]) -> Iterator[Float[Array, "m n"]]:
    """Yield b_i for each row: none of them is made of R_i."""
    index = np.arange(returns.shape[1])
    yield (np.cumsum(returns, axis=1) - returns) / (index + 1.0)
    for decay in DECAYS:
        yield _decayed(returns, decay) - returns
        yield np.where(index > 0, decay**index * returns[:, [0]], 0.0)


def _decayed(returns: Float[Array, "m n"], decay: float) -> Float[Array, "m n"]:
    """Return Σ_{j≤i} α^{i−j} R_j, by sums over twice as many rows each time."""
    found, step = returns.copy(), 1
    while step < returns.shape[1] and decay**step > FORGOTTEN:
        found[:, step:] += decay**step * found[:, :-step].copy()
        step *= 2
    return found
