"""Into which folds of a batch people cut it to fit on one part what is used on another."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from jaxtyping import Float, Integer

from pgverify.validation import Array, read_only

STRIDED, CONSECUTIVE = (2, 3, 5, 10), (3, 5, 10)
"""Numbers of folds: rows i, i + k, …, and consecutive ones, the first longer by one where there is a remainder."""


@lru_cache
def folds_of(count: int) -> tuple[Integer[Array, "n"], ...]:
    """Return the fold of each row, for all the ways: halves, the first shorter or longer, and those above."""
    index = np.arange(count)
    halves = [(index >= cut).astype(np.int64) for cut in (count // 2, -(-count // 2))]
    strided = [index % number for number in STRIDED]
    lengths = [(count // number + (np.arange(number) < count % number), number) for number in CONSECUTIVE]
    consecutive = [np.repeat(np.arange(number), length) for length, number in lengths]
    return tuple(read_only(each) for each in (*halves, *strided, *consecutive))


def inside_folds(rows: Integer[Array, "m n"], folds: Integer[Array, "n"], count: int) -> Float[Array, "m f K"]:
    """Return how often each row of a list of so many is in each fold of each batch."""
    number = int(folds.max()) + 1
    flat = rows + count * (folds + number * np.arange(len(rows))[:, None])
    counted = np.bincount(flat.ravel(), minlength=len(rows) * number * count)
    return counted.reshape(len(rows), number, count).astype(float)
