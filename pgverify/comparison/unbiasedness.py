"""Claims as studies make them: what is expected, what was found, and what the decision rests on."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike

from pgverify.kinds import accepts
from pgverify.studies import Claim

ROUNDING = 1e-10
"""Relative error that exact claims allow: sums of some 10^6 terms, each right to 1e-16."""


@accepts()
def relative_error(found: ArrayLike, expected: ArrayLike) -> float:
    """Return the largest difference relative to the largest entry of `expected`; NaN stays NaN."""
    truth = np.asarray(expected, dtype=float)
    return float(np.abs(np.asarray(found) - truth).max() / np.abs(truth).max())


@accepts()
def agreement(name: str, statement: str, errors: ArrayLike, bound: float = ROUNDING) -> Claim:
    """Claim that relative errors are rounding: a missing one, or none at all, fails."""
    array = np.ravel(np.asarray(errors, dtype=float))
    largest = float(np.abs(array).max()) if array.size else float("nan")
    found = f"at most {largest:.2g}"
    certainty = f"rounding bound {bound:g}, relative"
    return Claim(name, statement, "exact", "relative error 0", found, largest <= bound, certainty)


@accepts()
def claims(
    evidence: Literal["exact", "sampled"], certainty: str, *lines: tuple[str, str, str, str, Any]
) -> list[Claim]:
    """Return claims that share what they rest on, from (name, statement, expected, found, holds)."""
    return [
        Claim(name, statement, evidence, expected, found, bool(holds), certainty)
        for name, statement, expected, found, holds in lines
    ]
