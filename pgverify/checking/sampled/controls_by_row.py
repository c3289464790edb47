"""Controls made of a few rows of a batch, whose returns are the baseline of all others, wherever they stand."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float, Integer

from pgverify.checking.sampled.controls import Controls
from pgverify.validation import Array

MOST = 8
"""Rows that are looked for: a mean over more is that of a block."""

FIRST, LAST, PARTS = 10, 4, (2, 3, 4)
"""Among so many of the first and of the last rows, and those where halves, thirds and quarters begin or end, they are
looked for before all others: among fewer they are told apart in fewer batches."""

NOTHING = 1e-12
"""Relative to the largest: returns that are all alike have no part in what is left."""


def controls_by_row(controls: Controls, rows: Integer[Array, "m n"], places: Sequence[int]) -> Float[Array, "m k d"]:
    """Return controls of mean zero that single rows k of a batch are in, by their returns and their rewards-to-go.

    R_k Σ_{i≠k} ψ_i / n,  Σ_t G_kt Σ_{i≠k} ψ_it / n     for row k is independent of all others
    (R_k ψ_k − Σ_i R_i ψ_i / n) / n, and with G         for all rows have one law

    What has the return of row k subtracted from all, its own included, is by these the total return's mean times
    (n−1)/n; a sum over a few rows is a baseline made of those.

    Parameters
    ----------
    controls : Controls
    rows : [m, n]
        Of m batches.
    places : sequence of int
        Which rows. Those of one that is not there are 0: as many controls whatever the size, for coefficients are
        carried on.
    """
    times = controls.times(rows, np.ones(rows.shape))
    scores = np.tensordot(times, controls.steps, axes=(1, 1))  # [m, T, d]
    means = [times @ controls.rows[kind] / rows.shape[1] for kind in (0, 3)]
    found = []
    for place in places:
        if place >= rows.shape[1]:
            found += [np.zeros_like(means[0])] * 4
            continue
        chosen = rows[:, place]
        others = scores - np.moveaxis(controls.steps[:, chosen], 0, 1)
        found.append(controls.totals[0][chosen][:, None] * others.sum(axis=1))
        found.append(np.einsum("tm,mtd->md", controls.to_go[:, chosen], others))
        found += [controls.rows[kind][chosen] - mean for kind, mean in zip((0, 3), means, strict=True)]
    return np.stack(found, axis=1) / rows.shape[1]


def rows_that_stand_out(
    controls: Controls, rows: Integer[Array, "m n"], left: Float[Array, "m d"], among: Integer[Array, "r"]
) -> tuple[int, ...]:
    """Return the rows whose returns, times the sum of scores, are most of what other controls have left.

    One after another, each the best beside those before: a sum over few rows is found row by row (orthogonal matching
    pursuit; Pati et al. 1993).

    Parameters
    ----------
    controls : Controls
    rows : [m, n]
        Of m batches.
    left : [m, d]
        Of the estimates on the same batches.
    among : [r]
        The rows that come into question.
    """
    scores = controls.times(rows, np.ones(rows.shape)) @ controls.rows[5]
    returns = controls.totals[0][rows[:, among]]
    away = returns - returns.mean()
    length = np.sqrt((away**2 * (scores**2).sum(axis=1, keepdims=True)).sum(axis=0))
    length = np.where(length > NOTHING * length.max(initial=0.0), length, np.inf)
    rest = left - left.mean(axis=0)
    free, found = np.ones(len(among), dtype=bool), []
    columns: list[Float[Array, "md"]] = []
    for _ in range(min(MOST, len(among))):
        share = np.where(free, np.abs((rest * scores).sum(axis=1) @ away) / length, -1.0)
        best = int(np.argmax(share))
        free[best] = False
        found.append(int(among[best]))
        each = controls_by_row(controls, rows, found[-1:])
        columns += [each[:, kind].ravel() for kind in range(each.shape[1])]
        known = np.stack(columns, axis=1)
        slopes = np.linalg.lstsq(known, left.ravel(), rcond=None)[0]
        rest = left - (known @ slopes).reshape(left.shape)
    return tuple(found)


def usual_places(count: int) -> Integer[Array, "r"]:
    """Return the rows of a batch that are most often singled out: near its ends, and where its parts meet."""
    inner = [count * part // parts + step for parts in PARTS for part in range(1, parts) for step in (-1, 0)]
    places = np.unique([*range(FIRST), *inner, *range(count - LAST, count)])
    return places[(places >= 0) & (places < count)]
