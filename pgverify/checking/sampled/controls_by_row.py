"""Controls made of a few rows of a batch, whose returns are the baseline of all others, wherever they stand."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from jaxtyping import Float, Integer

from pgverify.checking.sampled.controls import Controls
from pgverify.validation import Array

MOST = 8
"""Rows that are looked for: a mean over more is that of a block."""

FIRST, LAST = 10, 3
"""So many of the first and of the last rows, each of which may be the baseline of all others."""

PARTS = ((1, 2), (1, 3), (2, 3), (1, 4), (3, 4))
"""The row ⌊n k / l⌋ for each of these, and that before the middle of an even number."""

COLLINEAR = 1e-9
"""Singular values below this part of the largest are zero: some controls coincide on some problems."""

NOTHING = 1e-12
"""Relative to the largest: returns that are all alike have no part in what is left."""


def controls_by_row(controls: Controls, rows: Integer[Array, "m n"], places: Sequence[int]) -> Float[Array, "m k d"]:
    """Return controls of mean zero that the returns of single rows k of a batch are in.

    R_k Σ_{i≠k} ψ_i / n                for R_k is independent of all other rows
    (R_k ψ_k − Σ_i R_i ψ_i / n) / n    for all rows have one law

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
    score, total = controls.rows[5], controls.totals[0]
    scores = controls.times(rows, np.ones(rows.shape)) @ score
    found = []
    for place in places:
        there = 0 <= place < rows.shape[1]
        chosen = rows[:, place if there else 0]
        found.append(there * total[chosen][:, None] * (scores - score[chosen]))
    return np.stack([*found, *_own(controls, rows, 3, places)], axis=1) / rows.shape[1]


def controls_by_row_and_time(
    controls: Controls, rows: Integer[Array, "m n"], places: Sequence[int]
) -> Float[Array, "m k d"]:
    """Return the same of rewards-to-go, each the baseline of the others at the same time.

    Σ_t G_kt Σ_{i≠k} ψ_it / n,  (Σ_t G_kt ψ_kt − Σ_it G_it ψ_it / n) / n

    Parameters as for `controls_by_row`.
    """
    scores = np.tensordot(controls.times(rows, np.ones(rows.shape)), controls.steps, axes=(1, 1))  # [m, T, d]
    found = []
    for place in places:
        there = 0 <= place < rows.shape[1]
        chosen = rows[:, place if there else 0]
        others = scores - np.moveaxis(controls.steps[:, chosen], 0, 1)
        found.append(there * np.einsum("tm,mtd->md", controls.to_go[:, chosen], others))
    return np.stack([*found, *_own(controls, rows, 0, places)], axis=1) / rows.shape[1]


def _own(
    controls: Controls, rows: Integer[Array, "m n"], kind: int, places: Sequence[int]
) -> Iterator[Float[Array, "m d"]]:
    """Yield what each of the rows is paid itself, less the mean of all."""
    each = controls.rows[kind]
    mean = controls.times(rows, np.ones(rows.shape)) @ each / rows.shape[1]
    for place in places:
        there = 0 <= place < rows.shape[1]
        yield there * (each[rows[:, place if there else 0]] - mean)


def rows_that_stand_out(
    controls: Controls, rows: Integer[Array, "m n"], estimates: Float[Array, "m d"], beside: Float[Array, "m k d"]
) -> tuple[int, ...]:
    """Return the rows whose returns, times the sum of scores, are most of what other controls leave of estimates.

    One after another, each the best beside those before: a sum over few rows is found row by row (orthogonal matching
    pursuit; Pati et al. 1993).

    Parameters
    ----------
    controls : Controls
    rows : [m, n]
        Of m batches.
    estimates : [m, d]
        On the same batches.
    beside : [m, k, d]
        The other controls on them.
    """
    scores = controls.times(rows, np.ones(rows.shape)) @ controls.rows[5]
    returns = controls.totals[0][rows]
    away = returns - returns.mean()
    length = np.sqrt((away**2 * (scores**2).sum(axis=1, keepdims=True)).sum(axis=0))
    length = np.where(length > NOTHING * length.max(initial=0.0), length, np.inf)
    aim = (estimates - estimates.mean(axis=0)).ravel()
    known = _in_common(beside)
    found: list[int] = []
    for _ in range(min(MOST, rows.shape[1])):
        unit = np.maximum(np.abs(known).max(axis=0, initial=0.0), np.finfo(float).tiny)
        rest = aim - known @ (np.linalg.lstsq(known / unit, aim, rcond=COLLINEAR)[0] / unit)
        if found and np.abs(rest).max(initial=0.0) <= COLLINEAR * np.abs(aim).max(initial=0.0):
            break  # more rows would be chosen by chance
        share = np.abs((rest.reshape(estimates.shape) * scores).sum(axis=1) @ away) / length
        share[found] = -1.0
        found.append(int(np.argmax(share)))
        known = np.concatenate([known, _in_common(controls_by_row(controls, rows, found[-1:]))], axis=1)
    return tuple(found)


def _in_common(columns: Float[Array, "m k d"]) -> Float[Array, "md k"]:
    """Return controls less their means as columns over batches and coordinates, for coefficients that all share."""
    centred = columns - columns.mean(axis=0)
    return np.moveaxis(centred, 1, 2).reshape(-1, columns.shape[1])


def usual_places(count: int) -> tuple[int, ...]:
    """Return the rows of a batch that are most often singled out, whether it has so many or not."""
    last = (count - place for place in range(1, LAST + 1))
    return (*range(FIRST), *last, *(count * above // below for above, below in PARTS), (count - 1) // 2)
