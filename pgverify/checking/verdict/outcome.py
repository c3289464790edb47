"""What the oracle may say, and what each word must mean."""

from __future__ import annotations

from enum import Enum


class Outcome(Enum):
    """A verdict; its value is its name in reports and files.

    The order of the members is the order of precedence when findings on several problems are put together.
    """

    INVALID = "INVALID"
    BIASED = "BIASED"
    NO_SIGNAL = "NO_SIGNAL"
    OTHER_TARGET = "OTHER_TARGET"
    SCALED = "SCALED"
    INCONCLUSIVE = "INCONCLUSIVE"
    CONSISTENT = "CONSISTENT"
    CORRECT = "CORRECT"

    @property
    def good(self) -> bool:
        """True for the two verdicts that an implementation wants to hear."""
        return self in (Outcome.CORRECT, Outcome.CONSISTENT)

    @property
    def meaning(self) -> str:
        """Return what may be concluded, in one sentence."""
        return _MEANING[self]

    @property
    def exit_code(self) -> int:
        """Return 0 for correct or consistent, 3 for inconclusive, 1 for anything worse."""
        return 0 if self.good else 3 if self is Outcome.INCONCLUSIVE else 1


_MEANING = {
    Outcome.CORRECT: "on every problem tried the exact expectation equals the target to rounding",
    Outcome.CONSISTENT: "the confidence region for the bias lies inside the stated tolerance",
    Outcome.SCALED: "the expectation is a positive multiple of the target, by the same or a stated factor",
    Outcome.OTHER_TARGET: "the expectation is the gradient, or the direction, of something else that has a name",
    Outcome.BIASED: "the expectation differs from the target",
    Outcome.NO_SIGNAL: "the expectation is zero while the target is not",
    Outcome.INCONCLUSIVE: "the budget did not suffice to tell",
    Outcome.INVALID: "the implementation failed, or returned what cannot be judged",
}
