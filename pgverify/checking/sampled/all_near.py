"""Estimates that are all near the target need few looks: what is beyond them is rarer than they are many."""

from __future__ import annotations

import math

import numpy as np

from pgverify.checking.sampled.goal import Draw, Goal
from pgverify.stats import SequentialOutcome, SequentialResult, SequentialTest
from pgverify.stats.sequential_tails import Tails

NEAR = 0.5
"""Of the tolerance: what rare estimates may add is left the other half."""


def all_near(goal: Goal, test: SequentialTest, draw: Draw) -> SequentialResult | None:
    """Return CONSISTENT if no estimate of a few is further than `NEAR` tolerances from the target; else None.

    P(no estimate of n is further) ≤ (1 − ρ)ⁿ ≤ rate  if further ones have probability ρ, the test's `rarest`, or more

    So with the test's rate of error they are rarer, and of what is rarer the test says nothing either. Estimates of
    little noise, of whatever law, take a fraction of the looks that means of unknown tails need.

    Parameters
    ----------
    goal : Goal
    test : SequentialTest
    draw : Draw
    """
    count = min(math.ceil(math.log(test.consistent_rate) / math.log1p(-test.rarest)), test.budget)
    if (1.0 - test.rarest) ** count > test.consistent_rate * (1.0 + 1e-9):
        return None
    off = (draw(count, 0) - goal.vector) / goal.scale
    furthest = float(np.linalg.norm(off, axis=1).max())
    if not furthest <= NEAR * test.tolerance:
        return None
    return SequentialResult(
        outcome=SequentialOutcome.CONSISTENT,
        n=count,
        looks=(count,),
        bias=off.mean(axis=0),
        limit=test.tolerance,
        hidden_bias=furthest,
        samples_to_settle=count,
        p_value=1.0,
        rests_on_deterministic=False,
        note="",
        tails=Tails.of(off, test.rounding),
    )
