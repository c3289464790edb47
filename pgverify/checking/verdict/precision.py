"""What counts as equal: how far an exact expectation may be from a vector, by rounding."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from pgverify.checking.exhaustive.batch_expectation import BatchExpectation
from pgverify.validation import Array


@dataclass(frozen=True)
class Precision:
    """What counts as equal: a gap up to  relative × (size of a gradient estimate) + operations × E|estimate|.

    The second term is what adding up the implementation's own, perhaps much larger, numbers can lose.
    """

    name: str
    relative: float
    operations: float


DOUBLE = Precision("double precision", 1e-9, 1e-13)
"""Some thousand operations of double precision (1e-16 each) stay below both."""

SINGLE = Precision("single precision", 1e-5, 1e-6)
"""For code whose every result is a number of single precision (6e-8 an operation)."""

MIXED = Precision("single precision somewhere inside", 1e-6, 1e-6)
"""For code that returns double precision, but computes in single; a fault of this size is not told apart from it."""

HIDDEN = 1e-3
"""Relative to the target: where rounding could hide as much, equality says nothing."""


def deviation(found: BatchExpectation, vector: Float[Array, "d"], precision: Precision, factor: float = 1.0) -> float:
    """Return max|E − vector|, less what the operations may lose, relative to the size of a gradient estimate.

    With a factor, relative to that many times the size: a small multiple is held to the same standard.
    """
    size = max(abs(factor) * found.natural, size_of(vector))
    gap = size_of(found.mean - vector) - precision.operations * found.scale
    return 0.0 if gap <= 0.0 else gap / size if size > 0.0 else 1.0


def vanishes(found: BatchExpectation, precision: Precision) -> bool:
    """Return whether an expectation is zero, beside the estimates themselves and beside those of a gradient."""
    limit = precision.relative * min(found.natural, found.scale) + precision.operations * found.scale
    return size_of(found.mean) <= limit


def common_factor(
    found: Sequence[BatchExpectation], vectors: Sequence[Float[Array, "_"]], precision: Precision
) -> list[float | None] | None:
    """Return the multiple of each vector that each expectation is (None where both are zero), or None if one is not."""
    factors: list[float | None] = []
    for item, vector in zip(found, vectors, strict=True):
        if size_of(vector) <= precision.relative * item.natural:
            if not vanishes(item, precision):
                return None
            factors.append(None)
            continue
        unit = vector / size_of(vector)  # squares of tiny numbers would be zero
        factor = float(item.mean @ unit / (unit @ unit) / size_of(vector))
        if (
            not np.isfinite(factor)
            or factor == 0.0
            or deviation(item, factor * vector, precision, factor) > precision.relative
        ):
            return None
        factors.append(factor)
    return factors


def size_of(vector: Float[Array, "d"]) -> float:
    """Return max|v|."""
    return float(np.abs(vector).max(initial=0.0))
