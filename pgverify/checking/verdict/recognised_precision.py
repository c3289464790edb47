"""In which precision an implementation computes, seen in the numbers that it returned."""

from __future__ import annotations

from collections.abc import Sequence

from pgverify.checking.calling.significant_bits import FEWEST, OF_HALF, SEEN_DOUBLE
from pgverify.checking.exhaustive.conditioning import conditioning
from pgverify.checking.exhaustive.what_was_listed import Listed
from pgverify.checking.verdict.precision import DOUBLE, FINE, HALF, MIXED, SINGLE, Precision, shortened_to
from pgverify.suites import SuiteProblem


def recognised_precision(known: Sequence[tuple[SuiteProblem, Listed]]) -> Precision:
    """Return the precision that all results are of.

    Zeros, halves and quarters are numbers of any precision. That numbers are even shorter than those of single
    precision counts where a right implementation in double has long ones.
    """
    if _seen_double(known):
        return FINE
    if not all(listing.single for _, listing in known):
        return DOUBLE
    longest = max(listing.bits for _, listing in known)
    seen = max((listing.bits for entry, listing in known if conditioning(entry.problem).telling), default=0)
    if FEWEST <= seen == longest <= OF_HALF:
        return HALF if longest == OF_HALF else shortened_to(longest)
    return SINGLE if any(listing.telling for _, listing in known) else DOUBLE


def possible_inside(known: Sequence[tuple[SuiteProblem, Listed]]) -> Precision:
    """Return the precision that a function may compute in somewhere inside: single, unless all is seen to be double."""
    return FINE if _seen_double(known) else MIXED


def _seen_double(known: Sequence[tuple[SuiteProblem, Listed]]) -> bool:
    return any(listing.bits == SEEN_DOUBLE for _, listing in known)
