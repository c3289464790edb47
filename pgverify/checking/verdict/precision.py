"""What counts as equal: how far an exact expectation may be from a vector, by rounding."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from pgverify.checking.calling.significant_bits import OF_DOUBLE, OF_HALF, OF_SINGLE
from pgverify.checking.exhaustive.batch_expectation import BatchExpectation
from pgverify.validation import Array


@dataclass(frozen=True)
class Precision:
    """What counts as equal: a gap up to  relative × (size of a gradient estimate) + operations × E|estimate| + r c.

    The second term is what adding up the implementation's own, perhaps much larger, numbers can lose. In the third, r
    is `rounding`, four units of it, and c = E Σ_t |w_t| the conditioning of the problem, times how much larger than
    those of reward-to-go the estimates are. `hidden` is the bias, relative to the target, that r c may hide on a
    problem which counts; `enough` says whether a verdict may rest on it.
    """

    name: str
    relative: float
    operations: float
    rounding: float = 0.0
    hidden: float = 1e-3
    enough: bool = True
    most: float = float("inf")
    """Relative to what is expected: the most that r c may count for, where the precision is not seen in the numbers."""
    forgiven: float = 0.0
    """Relative to what is expected: equal, however small the estimates are beside it."""

    @property
    def coarse(self) -> bool:
        """True where so much is equal to rounding that no fault is named and no multiple told."""
        return self.rounding > SINGLE.rounding


DOUBLE = Precision("double precision", 1e-9, 1e-13)
"""Some thousand operations of double precision (1e-16 each) stay below both."""

SINGLE = Precision("single precision", 1e-5, 1e-6, 4.0 * 2.0**-OF_SINGLE)
"""For code whose every result is a number of single precision (6e-8 an operation)."""

MIXED = Precision("single precision somewhere inside", 1e-6, 1e-6, 4.0 * 2.0**-OF_SINGLE, most=1e-3)
"""For code that returns double precision, but computes in single; a fault of this size is not told apart from it."""

HALF = Precision("half precision", 5e-4, 0.0, 4.0 * 2.0**-OF_HALF, hidden=0.1)
"""For code whose every result has the 11 bits of half precision: what could hide is stated."""

FINE = Precision("double precision throughout", 1e-13, 1e-13, 64.0 * 2.0**-OF_DOUBLE, forgiven=1e-9)
"""For code that is seen to compute in double: relative to the conditioning, with sixteen times the margin of single
precision for long sums. Where estimates are millions of times the gradient, `DOUBLE` would hide all there is."""

HIDDEN = 1e-3
"""Relative to the target: where rounding could hide as much, equality says nothing."""


def levels_of(precision: Precision, mixed: Precision = MIXED) -> tuple[Precision, ...]:
    """Return the precisions in which something may be equal: single precision inside, too, unless it is ruled out."""
    return (precision,) if precision in (mixed, FINE) else (precision, mixed)


def deviation(found: BatchExpectation, vector: Float[Array, "d"], precision: Precision, factor: float = 1.0) -> float:
    """Return max|E − vector|, less what the operations may lose, relative to the size of a gradient estimate.

    With a factor, relative to that many times the size: a small multiple is held to the same standard.
    """
    length = size_of(vector)
    size = max(abs(factor) * found.natural, length)
    rounded = min(lost_to_rounding(found, precision, abs(factor)), precision.most * length)
    lost = precision.operations * found.scale + rounded + precision.forgiven * length
    gap = size_of(found.mean - vector) - lost
    return 0.0 if gap <= 0.0 else gap / size if size > 0.0 else 1.0


def shortened_to(bits: int) -> Precision:
    """Return the precision of code whose every result has so few bits that no verdict may rest on it."""
    name = f"{bits} bits of precision"
    return Precision(name, 2.0**-bits, 0.0, 4.0 * 2.0**-bits, hidden=0.1, enough=False)


def lost_to_rounding(found: BatchExpectation, precision: Precision, factor: float = 1.0) -> float:
    """Return r c, for estimates `factor` times as large as those of a gradient, or as large as they are."""
    return precision.rounding * found.conditioning * max(factor, found.amplitude)


def vanishes(found: BatchExpectation, precision: Precision) -> bool:
    """Return whether an expectation is zero, beside the estimates themselves and beside those of a gradient."""
    limit = precision.relative * min(found.natural, found.scale) + precision.operations * found.scale
    if precision.most == float("inf"):
        limit += precision.rounding * found.conditioning * min(found.amplitude, 1.0)
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
    return float(
        np.maximum.reduce(np.abs(vector), axis=None, initial=0.0)
    )  # what `max` does, in two thirds of the time
