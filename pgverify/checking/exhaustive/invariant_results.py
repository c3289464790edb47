"""What came of trying invariants: of one, and of all."""

from __future__ import annotations

from dataclasses import dataclass

from pgverify.checking.calling.answer import Notes
from pgverify.checking.exhaustive.what_was_listed import Random
from pgverify.checking.verdict.finding import Finding

TOLERANCE = 1e-6
"""Relative to the larger estimate: what single precision may differ by."""


@dataclass(frozen=True)
class Tried:
    """Two estimates beside each other, or why there is no second."""

    finding: Finding
    problem: str = ""


@dataclass(frozen=True)
class TriedInvariants:
    """What came of all of them, and what was noticed on the way.

    Attributes
    ----------
    tried : tuple of Tried
    late : bool
        Whether the total time limit passed before all were.
    ordered : int
        Size of the smallest batch of which two orders were seen to have different estimates, 0 if of none.
    notes : mapping of kind to sentence
    changed : (str, Random) or None
        Problem on which two answers were given to one batch, and how they differed.
    """

    tried: tuple[Tried, ...]
    late: bool
    ordered: int
    notes: Notes
    changed: tuple[str, Random] | None = None
