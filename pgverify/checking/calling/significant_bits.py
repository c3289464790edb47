"""How many significant bits the numbers have that a function returned: its precision, seen in its results."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from pgverify.validation import Array

OF_HALF, OF_SINGLE, OF_DOUBLE = 11, 24, 53

SEEN_DOUBLE = 64
"""More than a number has: said of answers of a function that is seen to compute in double precision throughout."""

FEWEST = 7
"""Numbers of fewer bits, such as 0, 1/2 and 3/4, occur in any precision."""


def significant_bits(values: Float[Array, "*shape"]) -> int:
    """Return the number of significant bits of the longest number, 0 where all are zero.

    Beyond those of single precision all numbers count as double.
    """
    with np.errstate(over="ignore", under="ignore"):
        short = np.ascontiguousarray(values, dtype=np.float32)
    if not np.array_equal(short, values):
        return OF_DOUBLE
    if not short.any():
        return 0
    fractions = int(np.bitwise_or.reduce(short.view(np.uint32), axis=None)) & 0x7FFFFF
    last = fractions & -fractions  # the lowest bit that is set in any
    return OF_SINGLE + 1 - last.bit_length() if fractions else 1


def unit_roundoff(bits: int) -> float:
    """Return the error of rounding to so many bits; 0 for double precision and for numbers that do not tell it."""
    return 2.0**-bits if FEWEST <= bits <= OF_SINGLE else 0.0
