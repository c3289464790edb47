"""Controls made of the return of one row of a batch as the baseline of all others."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from jaxtyping import Float, Integer

from pgverify.checking.sampled.controls import Controls
from pgverify.validation import Array

FIRST, LAST = 10, 3
"""So many of the first and of the last rows, each of which may be the baseline of all others."""

PARTS = ((1, 2), (1, 3), (2, 3), (1, 4), (3, 4))
"""The row ⌊n k / l⌋ for each of these, and that before the middle of an even number."""


def controls_by_row(controls: Controls, rows: Integer[Array, "m n"]) -> Float[Array, "m k d"]:
    """Return controls of mean zero that the return of one row k of a batch is in.

    R_k Σ_{i≠k} ψ_i / n               for R_k is independent of all other rows
    (R_k ψ_k − Σ_i R_i ψ_i / n) / n   for all rows have one law

    What has the return of row k subtracted from all, its own included, is by these the total return's mean times
    (n−1)/n; a sum over a few rows is a baseline made of those.

    Parameters
    ----------
    controls : Controls
    rows : [m, n]
        Of m batches.
    """
    score, total = controls.rows[5], controls.totals[0]
    scores = controls.times(rows, np.ones(rows.shape)) @ score
    found = []
    for chosen in _chosen(rows):
        # None where there is no such row: as many controls whatever the size, for coefficients are carried on.
        found.append(0.0 * scores if chosen is None else total[chosen][:, None] * (scores - score[chosen]))
    return np.stack([*found, *_own(controls, rows, 3)], axis=1) / rows.shape[1]


def controls_by_row_and_time(controls: Controls, rows: Integer[Array, "m n"]) -> Float[Array, "m k d"]:
    """Return the same of rewards-to-go, each the baseline of the others at the same time.

    Σ_t G_kt Σ_{i≠k} ψ_it / n,  (Σ_t G_kt ψ_kt − Σ_it G_it ψ_it / n) / n

    Parameters as for `controls_by_row`.
    """
    scores = np.tensordot(controls.times(rows, np.ones(rows.shape)), controls.steps, axes=(1, 1))  # [m, T, d]
    found = []
    for chosen in _chosen(rows):
        if chosen is None:
            found.append(np.zeros_like(scores[:, 0]))
            continue
        others = scores - np.moveaxis(controls.steps[:, chosen], 0, 1)
        found.append(np.einsum("tm,mtd->md", controls.to_go[:, chosen], others))
    return np.stack([*found, *_own(controls, rows, 0)], axis=1) / rows.shape[1]


def _own(controls: Controls, rows: Integer[Array, "m n"], kind: int) -> Iterator[Float[Array, "m d"]]:
    """Yield what each of the rows is paid itself, less the mean of all."""
    each = controls.rows[kind]
    mean = controls.times(rows, np.ones(rows.shape)) @ each / rows.shape[1]
    for chosen in _chosen(rows):
        yield 0.0 * mean if chosen is None else each[chosen] - mean


def _chosen(rows: Integer[Array, "m n"]) -> Iterator[Integer[Array, "m"] | None]:
    """Yield which trajectory of the list is at each of the places; None for a place that is not there."""
    count = rows.shape[1]
    first = (place if place < count else None for place in range(FIRST))
    last = (count - place if place <= count else None for place in range(1, LAST + 1))
    parts = (count * above // below for above, below in PARTS)
    for place in (*first, *last, *parts, (count - 1) // 2):
        yield None if place is None else rows[:, place]
