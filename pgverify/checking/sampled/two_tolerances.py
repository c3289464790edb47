"""Judging a function that is random itself: sharply where that can be, and up to an assumption where it cannot."""

from __future__ import annotations

from dataclasses import replace

from jaxtyping import Float

from pgverify.checking.sampled.all_near import all_near
from pgverify.checking.sampled.goal import Draw, Goal
from pgverify.checking.sampled.noise_controls import LARGEST_SHARE
from pgverify.stats import SequentialOutcome, SequentialResult, SequentialTest
from pgverify.validation import Array

SHARP = 0.01
"""The relative bias that is looked for first, with all of the budget."""

BOTH = 1.0 + LARGEST_SHARE
"""Estimates less a share of a control of known mean can be off by as much as both in a rare event."""

ASSUMED = "rests on the assumption that no event matters that is rarer than those sampled"


def at_two_tolerances(goal: Goal, test: SequentialTest, draw: Draw) -> SequentialResult:
    """Return BIASED, or CONSISTENT within `SHARP`; else within the tolerance of the test, if rare events are left out.

    A bias counts only if no rare event explains it; that there is none may rest on the assumption that none matters,
    which the result's note then says. Estimates that are `all_near` need no more looks. All tests see
    the same estimates, each with a third of the error rate.
    """
    kept: dict[tuple[int, int], Float[Array, "k d"]] = {}

    def same(count: int, call: int) -> Float[Array, "k d"]:
        if (count, call) not in kept:
            kept[count, call] = draw(count, call)
        return kept[count, call]

    guarded = replace(goal, unseen=tuple(rare.times(BOTH) for rare in goal.unseen))
    usual = replace(goal, unseen=())
    each = replace(test, consistent_rate=test.consistent_rate / 3.0)
    sharp = replace(each, tolerance=min(SHARP, test.tolerance))
    if (near := all_near(usual, sharp, same)) is not None:
        return replace(near, note=ASSUMED) if _may_be_missed(goal) else near
    found = usual.test(sharp, same)
    if found.outcome is SequentialOutcome.BIASED:  # unless it is what rare events add
        return guarded.test(sharp, same)
    if found.outcome is SequentialOutcome.INCONCLUSIVE:
        coarse = usual.test(each, same)
        found = coarse if coarse.outcome is SequentialOutcome.CONSISTENT else found
    rests = found.outcome is SequentialOutcome.CONSISTENT and _may_be_missed(goal)
    return replace(found, note=ASSUMED) if rests else found


def _may_be_missed(goal: Goal) -> bool:
    return any(rare.jump.any() for rare in goal.unseen)
