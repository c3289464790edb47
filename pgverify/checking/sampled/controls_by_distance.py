"""Controls made of rows as many places apart, or mirrored: the return of the next, or of one as far from the end."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Integer

from pgverify.checking.sampled.controls import Controls
from pgverify.checking.sampled.standing_out import Pursued
from pgverify.validation import Array

MOST = 6
"""Distances and mirrors that are looked for: what wraps around takes two."""


@dataclass(frozen=True)
class Apart:
    """Which rows are compared: those at given distances j − i, or about a middle, i + j = n − 1 + δ.

    Distances are named so that they mean the same in batches of any size: what wraps around, row 0 after the last,
    is far apart.

    Attributes
    ----------
    near : tuple of int
        j − i.
    far : tuple of int
        l for j − i = l − n sign(l): 1 for row 0, which comes after the last.
    mirrors : tuple of int
        δ, 0 for the rows as far from the beginning as from the end.
    """

    near: tuple[int, ...] = ()
    far: tuple[int, ...] = ()
    mirrors: tuple[int, ...] = ()

    def partners(self, count: int) -> Iterator[Integer[Array, "n"]]:
        """Yield the row j of each row i, beyond the batch where there is none."""
        places = np.arange(count)
        yield from (places + lag for lag in self.near)
        yield from (places + lag - count * int(np.sign(lag)) for lag in self.far)
        yield from (count - 1 + shift - places for shift in self.mirrors)


def controls_by_distance(controls: Controls, rows: Integer[Array, "m n"], apart: Apart) -> Float[Array, "m k d"]:
    """Return controls of mean zero: R_j ψ_i of two rows, wherever both are there and are two.

    Σ_i R_j ψ_i / n, j ≠ i      E R_j ψ_i = E R_j E ψ_i = 0

    the same of rewards-to-go, each the baseline of the other at one time; and (R_i ψ_i − Σ_j R_j ψ_j / n) / n of the
    row in the middle of a mirror, which is beside none.

    Parameters
    ----------
    controls : Controls
    rows : [m, n]
        Of m batches.
    apart : Apart
        As many controls whatever the size: those of rows that are not there are 0.
    """
    count = rows.shape[1]
    found: list[Float[Array, "m d"]] = []
    for other in apart.partners(count):
        there = (other >= 0) & (other < count) & (other != np.arange(count))
        partner = rows[:, np.where(there, other, 0)]
        found.append(controls.weighted(rows, np.where(there, controls.totals[0][partner], 0.0)))
        at_each_time = (
            controls.times(rows, np.where(there, to_go[partner], 0.0)) @ steps
            for to_go, steps in zip(controls.to_go, controls.steps, strict=True)
        )
        found.append(sum(at_each_time, np.zeros_like(found[-1])) / count)
        alone = (other == np.arange(count)).astype(float)
        times = controls.times(rows, np.broadcast_to(alone - alone.mean(), rows.shape))
        found.append(times @ controls.rows[3] / count)
    return np.stack(found, axis=1)


def distances_that_stand_out(controls: Controls, rows: Integer[Array, "m n"], pursued: Pursued) -> Apart:
    """Return the distances, and the mirrors, that what other controls leave is made of.

    Products of rows at different distances are uncorrelated, so that they are found one after another (orthogonal
    matching pursuit; Pati et al. 1993).

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
        return Apart()
    names, columns = zip(*_all_products(controls, rows), strict=True)
    kept = [names[place] for place in pursued.best(np.stack(columns)[:, :, None, :], MOST)]
    lags = [lag for kind, lag in kept if kind == "lag"]
    near = tuple(lag for lag in lags if 2 * abs(lag) <= count)
    far = tuple(lag - count * int(np.sign(lag)) for lag in lags if 2 * abs(lag) > count)
    return Apart(near, far, tuple(shift for kind, shift in kept if kind == "mirror"))


def _all_products(
    controls: Controls, rows: Integer[Array, "m n"]
) -> Iterator[tuple[tuple[str, int], Float[Array, "m d"]]]:
    """Yield Σ R_j ψ_i for every distance j − i and every sum i + j, i ≠ j: correlations and convolutions, by FFT."""
    count = rows.shape[1]
    size = 2 ** int(np.ceil(np.log2(2 * count)))
    returns, scores = controls.totals[0][rows], controls.rows[5][rows]
    seen = np.fft.rfft(returns, size, axis=1)[:, :, None]
    of_scores = np.fft.rfft(scores, size, axis=1)
    lagged = np.fft.irfft(seen * np.conj(of_scores), size, axis=1)
    summed = np.fft.irfft(seen * of_scores, size, axis=1)
    summed[:, : 2 * count : 2] -= returns[:, :, None] * scores
    for lag in range(1, count):
        yield ("lag", lag), lagged[:, lag]
        yield ("lag", -lag), lagged[:, -lag]
    for total in range(1, 2 * count - 2):
        yield ("mirror", total - count + 1), summed[:, total]
