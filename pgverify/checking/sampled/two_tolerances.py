"""Judging a function that is random itself: sharply where that can be, and up to an assumption where it cannot."""

from __future__ import annotations

from dataclasses import replace

from pgverify.checking.sampled.all_near import all_near
from pgverify.checking.sampled.goal import Draw, Goal, length
from pgverify.checking.sampled.noise_controls import LARGEST_SHARE
from pgverify.checking.sampled.same_estimates import SameEstimates
from pgverify.stats import SequentialOutcome, SequentialResult, SequentialTest

SHARP = 0.01
"""The relative bias that is looked for first, where the budget suffices for it."""

BOTH = 1.0 + LARGEST_SHARE
"""Estimates less a share of a control of known mean can be off by as much as both in a rare event."""

HOPELESS = 10
"""Budgets: where a first look says that more than so many would be needed, the problem is left open at once."""

ASSUMED = "rests on the assumption that no event matters that is rarer than those sampled"


def at_two_tolerances(goal: Goal, test: SequentialTest, draw: Draw) -> SequentialResult:
    """Return BIASED, or CONSISTENT within `SHARP`; else within the tolerance of the test, if rare events are left out.

    Estimates that are `all_near` need no look. Of the others the first look that bounds the bias by the tolerance of
    the test is the last one, unless it says more: that `SHARP` is within the budget, or that a bias is likely. Then all
    of the budget goes into the sharp test.

    A bias counts only if no rare event explains it; that there is none may rest on the assumption that none matters,
    which the result's note then says. All three tests see the same estimates, each with a third of the rate of false
    CONSISTENT: whichever speaks, and whenever, the total holds. Only the sharp one accuses.

    Parameters
    ----------
    goal : Goal
    test : SequentialTest
    draw : Draw
    """
    same = SameEstimates(draw)
    usual = replace(goal, unseen=())
    each = replace(test, consistent_rate=test.consistent_rate / 3.0)
    sharp = replace(each, tolerance=min(SHARP, test.tolerance))
    near = all_near(usual, sharp, same.reader())
    if near is not None:
        return _with_assumption(near, goal)
    # Without an accusation in view it may look as early as its own rate allows.
    early = replace(each, alpha=each.consistent_rate)
    glance = usual.test(replace(early, budget=early.looks(goal.vector.size).counts[0]), same.reader())
    if _hopeless(glance, test.budget):
        return glance
    coarse = usual.test(early, same.reader())
    if coarse.outcome is SequentialOutcome.CONSISTENT and not _more_is_worth_it(coarse, sharp):
        return _with_assumption(coarse, goal)
    found = usual.test(sharp, same.reader())
    if found.outcome is SequentialOutcome.BIASED:  # unless it is what rare events add
        guarded = replace(goal, unseen=tuple(rare.times(BOTH) for rare in goal.unseen))
        return guarded.test(sharp, same.reader())
    settled = coarse if found.outcome is SequentialOutcome.INCONCLUSIVE else found
    return _with_assumption(settled if settled.outcome is SequentialOutcome.CONSISTENT else found, goal)


def _hopeless(glance: SequentialResult, budget: int) -> bool:
    """Whether tails are so heavy that no look within the budget would be trusted, be it for or against."""
    settle = glance.samples_to_settle
    untold = glance.outcome is SequentialOutcome.INCONCLUSIVE and not glance.hidden_bias < float("inf")
    return untold and (settle is None or settle > HOPELESS * budget)


def _more_is_worth_it(coarse: SequentialResult, sharp: SequentialTest) -> bool:
    """Whether the budget settles the sharper question with room to spare, or what was seen is hardly noise alone."""
    off = length(coarse.bias)
    noise = coarse.hidden_bias - off
    return off > noise or noise * (coarse.n / sharp.budget) ** 0.5 <= sharp.tolerance / 2.0


def _with_assumption(result: SequentialResult, goal: Goal) -> SequentialResult:
    rests = result.outcome is SequentialOutcome.CONSISTENT and any(rare.jump.any() for rare in goal.unseen)
    return replace(result, note=ASSUMED) if rests else result
