"""Alias tables: a choice among M cells from one uniform number in two look-ups, whatever M is."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int64, Integer
from numpy.typing import ArrayLike

from pgverify.errors import InvalidData
from pgverify.validation import Array, real_array, require_probability_rows

_SPARE = 61
"""Bits of a row's total: twice the total, and one more, are still integers of 64 bits with a sign."""

_ROWS_AT_ONCE = 2**14
"""Cells of the rows that are built together: what a processor keeps at hand. It has no effect on the tables."""


@dataclass(frozen=True, eq=False)
class AliasTable:
    """Tables for R distributions over M cells each.

    With u in [0, 1), in double precision, x = u·M rounded to nearest:

        cell = ⌊x⌋;  the choice is `cell` where x − cell < threshold[row, cell], and alias[row, cell] otherwise

    x is below M for every double u < 1: u ≤ 1 − 2^−53, and M (1 − 2^−53) is nearer to a double below M than to M.

    **Construction**, in integers, so that order and rounding cannot matter. The capacity of a cell is C = 2^c,
    c = 61 − ⌈log2 M⌉. Cell i weighs  k_i = (p_i·M)·C, the product p_i·M rounded to a double and the whole to an
    integer, ties to even; the most probable cell (the first of them) then takes M·C − Σ k, so that the sum is M·C.
    Call a cell heavy if k ≥ C, light otherwise, and go through both in the order of their indices, with
    w = k of the first heavy cell:

        w > C:  the next light cell gets threshold k/C and the present heavy cell as alias;  w ← w − (C − k)
        w ≤ C:  the present heavy cell gets threshold w/C and the next heavy cell as alias, which becomes the present
                one;  w ← w + k of it − C.  At w = C its alias is itself.

    k/C and w/C are rounded to doubles. Each turn settles one cell. As the sum is exact, a light cell is there whenever
    w > C and a heavy one whenever w < C: nothing is left over when the M turns are done.

    **Guarantees**. An alias is a heavy cell, hence one of probability about 1/M or more. A cell of probability zero
    has threshold 0 exactly and is nobody's alias: no u chooses it. Let P_i be what the table gives cell i, that is
    (threshold_i + Σ_{j: alias_j = i} (1 − threshold_j)) / M. Then

        |P_i − p_i| ≤ p_i 2^−53 + 2^−54 + 2^−61            for all but the most probable cell
        |P_i − p_i| ≤ |Σ p − 1| + 2^−53 + 2^−54 + M 2^−61   for that one

    A probability below 2^−62 weighs 0 and is never chosen; one above 2^−61 has a weight. Where u is a multiple of
    2^−53, each of the two parts of a cell is met with a probability that is off by less than 3·2^−53: twice the
    rounding of x, once the spacing of u. So cell i is chosen with a probability within 3·2^−53 (1 + #{j: alias_j = i})
    of P_i; one below 2^−53 is met by at most 3 of the 2^53 values of u, if by any.

    Sources: Walker 1977; Vose 1991; the order of the turns: Hübschle-Schneider and Sanders 2019, "Parallel weighted
    random sampling", there called sweeping.

    Parameters
    ----------
    threshold : [R, M]
        In [0, 1].
    alias : [R, M]
        Cells of the same row.
    """

    threshold: Float[Array, "R M"]
    alias: Int64[Array, "R M"]

    @classmethod
    def of(cls, probabilities: ArrayLike) -> AliasTable:
        """Return the tables of R rows of probabilities [R, M]; a row's table does not depend on the other rows.

        Raises
        ------
        InvalidData
            Unless every row has M ≥ 1 cells that are not negative and sum to 1 within 1e-12.
        """
        rows = real_array("probabilities", probabilities, InvalidData)
        if rows.ndim != 2 or rows.shape[1] == 0:
            raise InvalidData(f"probabilities has shape {rows.shape}, must be [R, M] with at least one cell")
        require_probability_rows("probabilities", rows, InvalidData)
        threshold = np.empty(rows.shape)
        alias = np.empty(rows.shape, dtype=np.int64)
        for part in _parts(*rows.shape):
            threshold[part], alias[part] = _sweep(*_weights(rows[part]))
        threshold.setflags(write=False)
        alias.setflags(write=False)
        return cls(threshold, alias)

    def choose(self, rows: Integer[Array, "n"], uniform: Float[Array, "n"]) -> Int64[Array, "n"]:
        """Return a cell [n] of each of the rows [n], chosen by uniform numbers [n] in [0, 1)."""
        cells = self.threshold.shape[1]
        scaled = uniform * cells
        cell = scaled.astype(np.int64)
        scaled -= cell
        place = rows.astype(np.int64, copy=False) * cells + cell  # narrow integers would overflow
        own = scaled < self.threshold.ravel().take(place)
        return np.where(own, cell, self.alias.ravel().take(place))


def _parts(rows: int, cells: int) -> Iterator[slice]:
    """Yield slices that cover the rows."""
    step = max(1, _ROWS_AT_ONCE // cells)
    return (slice(first, first + step) for first in range(0, rows, step))


def _weights(probabilities: Float[Array, "R M"]) -> tuple[Int64[Array, "R M"], int]:
    """Return the weights k [R, M], whose rows sum to M·C, and the exponent c."""
    rows, cells = probabilities.shape
    exponent = _SPARE - (cells - 1).bit_length()
    weights = np.rint(probabilities * cells * 2.0**exponent).astype(np.int64)
    weights[np.arange(rows), probabilities.argmax(axis=1)] += (cells << exponent) - weights.sum(axis=1)
    return weights, exponent


def _sweep(weights: Int64[Array, "R M"], exponent: int) -> tuple[Float[Array, "R M"], Int64[Array, "R M"]]:
    """Return thresholds and aliases of all rows, all turns at once.

    With E_j the sum of k − C over heavy cells up to the j-th and D_i that of C − k over light cells up to the i-th,
    w = C + E_j − D_i. So light cell i is settled after the heavy cells with E_j ≤ D_{i−1}, and heavy cell j after
    the light cells with D_{i−1} < E_j: sorting the cells by these numbers, heavy before light where they are equal,
    gives the order of the turns. The alias is the next heavy cell in it, and a heavy cell is left with w − C equal to
    the sum of k − C over the turns so far.
    """
    rows, cells = weights.shape
    excess = weights - (1 << exponent)
    light = excess < 0
    heavy_sum = np.cumsum(np.where(light, 0, excess), axis=1)
    lacking = np.where(light, -excess, 0)
    light_sum = np.cumsum(lacking, axis=1) - lacking
    order = np.argsort(2 * np.where(light, light_sum, heavy_sum) + light, axis=1, kind="stable")
    # From here on columns are turns.
    row = cells * np.arange(rows)[:, None]
    place = row + order
    excess, light = excess.ravel().take(place), light.ravel().take(place)
    left = np.where(light, excess, np.cumsum(excess, axis=1))
    turn = np.where(light, cells - 1, np.arange(cells))
    coming = np.minimum.accumulate(turn[:, ::-1], axis=1)[:, ::-1]  # the first heavy turn from here on
    following = np.concatenate([coming[:, 1:], coming[:, -1:]], axis=1)
    target = np.where(left == 0, order, order.ravel().take(row + following))
    threshold = np.empty(weights.shape)
    alias = np.empty_like(order)
    np.put(threshold, place, (left + (1 << exponent)) * 2.0**-exponent)
    np.put(alias, place, target)
    return threshold, alias
