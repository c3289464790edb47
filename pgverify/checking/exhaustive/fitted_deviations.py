"""What is added to a standard deviation before advantages are divided by it: found from estimates, not guessed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import cast

import numpy as np
from jaxtyping import Float

from pgverify.bugs import COMPOSITIONS, Bug
from pgverify.bugs.centring import ADDED
from pgverify.bugs.compositions import Composition
from pgverify.checking.calling.calls import Calls, NoEstimate
from pgverify.checking.calling.implementation import LimitedFunction
from pgverify.checking.design import Design, laws_of
from pgverify.checking.exhaustive.identified import SAME
from pgverify.checking.exhaustive.listed_problem import every_trajectory
from pgverify.checking.sampled.batch_law import GroupedLaw, arranged
from pgverify.suites import SuiteProblem
from pgverify.trajectories import Trajectories
from pgverify.validation import Array

GROUPS = 10
"""Groups that are tried, of each size of batch of a problem."""

LARGEST = 100.0
"""The largest ε, in the unit of rewards."""

AGREE = 1e-2
"""Relative difference between the ε of two problems, at most: single precision does not tell it better."""


@dataclass(frozen=True, eq=False)
class _Repeated:
    """One group that stands for all prompts of a batch, and the estimate of that batch.

    Groups that are all the same have one standard deviation each, and one together: a batch shows one divisor.

    Attributes
    ----------
    group : Trajectories
    whole : Trajectories
    estimate : [d]
    """

    group: Trajectories
    whole: Trajectories
    estimate: Float[Array, "d"]


def fitted_deviations(
    implementation: LimitedFunction, suite: Sequence[SuiteProblem], design: Design, target: str
) -> Iterator[Bug]:
    """Yield the faults whose divisor is c (σ + ε), or c √(σ² + ε), with the ε that fits on all problems.

    In batches of one group repeated, ĝ = g₀ σ/(c (σ + ε)), g₀ the estimate of the fault at ε = 0: σ times their
    quotient is a straight line in σ, and its square one in σ² where ε is under the root. ε is the intercept over the
    slope. That they are the faults on batches of other groups is left to the caller to see.

    Parameters
    ----------
    implementation : LimitedFunction
    suite : problems that are tried
    design : Design
    target : str
        What is claimed: the faults of another target are left out.
    """
    fixed = [bug for bug in COMPOSITIONS if bug.target == target and _added(bug) == ADDED[1]]
    calls = Calls(implementation)
    try:
        shown = [_telling(list(_repeated(calls, entry, design))) for entry in suite if fixed]
    except NoEstimate:
        return
    apart = any(len(each.group) < len(each.whole) for several in shown for each in several)
    for bug in fixed:
        made = cast(Composition, bug.implementation)
        fitted = {
            (under_root, epsilon)
            for together in ((False, True) if apart and not made.by_group else (True,))
            for under_root in ((False,) if made.by_group else (False, True))
            if (epsilon := _epsilon(made, shown, together, under_root)) is not None
        }
        for under_root, epsilon in sorted(fitted):
            what = "the square of the standard deviation" if under_root else "the standard deviation"
            found = replace(made, added=epsilon, under_root=under_root)
            yield replace(bug, implementation=found, note=f"{epsilon:g} is added to {what}")


def _added(bug: Bug) -> float:
    return bug.implementation.added if isinstance(bug.implementation, Composition) else 0.0


def _repeated(calls: Calls, entry: SuiteProblem, design: Design) -> Iterator[_Repeated]:
    batch, _ = every_trajectory(entry.problem)
    rng = np.random.default_rng(4)
    for law in laws_of(design, entry.problem):
        size, times = (law.size, law.prompts) if isinstance(law, GroupedLaw) else (law.rows, 1)
        for drawn in law.spread(GROUPS, rng):
            whole = arranged(batch, np.tile(drawn[:size], times), law)
            yield _Repeated(batch.select(drawn[:size]), replace(whole, group=None), calls.estimate(whole))


def _telling(several: Sequence[_Repeated]) -> list[_Repeated]:
    """Return those with an estimate that is more than a rounded nothing over a small ε."""
    sizes = [float(np.abs(one.estimate).max()) for one in several]
    return [one for one, size in zip(several, sizes, strict=True) if size > SAME * max(sizes)]


def _epsilon(made: Composition, shown: Sequence[Sequence[_Repeated]], together: bool, under_root: bool) -> float | None:
    """Return the ε that all problems agree on, to three digits, or None."""
    each = []
    for several in shown:
        points = []
        for one in several:
            point = _point(made, one.whole if together else one.group, one.estimate)
            if point is None:
                return None
            points.append(point)
        line = _intercept_over_slope(np.array(points), 2 if under_root else 1)
        each += [] if line is None else [line]
    if not each:
        return None
    middle = float(np.median(each))
    fits = 0.0 < middle <= LARGEST and max(abs(one - middle) for one in each) <= AGREE * middle
    return float(f"{middle:.3g}") if fits else None


def _point(made: Composition, batch: Trajectories, found: Float[Array, "d"]) -> tuple[float, float] | None:
    """Return σ and c (σ + ε), None where the estimate is no multiple of the fault's.

    σ follows from the fault itself: with one unit of rewards added, and with two, estimates are g/(σ + 1), g/(σ + 2).
    """
    unit = float(np.abs(batch.rewards).max(initial=0.0)) or 1.0
    one, two = (np.asarray(replace(made, added=added * unit)(batch)).mean(axis=0) for added in (1.0, 2.0))
    square, product = float(one @ one), float(one @ found)
    if square == 0.0 or product == 0.0 or np.abs(found - product / square * one).max() > SAME * np.abs(found).max():
        return None
    further = unit / (square / float(one @ two) - 1.0)
    return further - unit, further * square / product


def _intercept_over_slope(points: Float[Array, "m 2"], power: int) -> float | None:
    """Return that of the straight line through points raised to a power.

    NaN where they are on none, None where they are too few or have one abscissa.
    """
    if len(points) < 3:
        return None
    x, y = points.T**power
    if np.ptp(x) <= SAME * x.max():
        return None
    slope, intercept = np.polyfit(x, y, 1)
    straight = np.abs(y - intercept - slope * x).max() <= SAME * np.abs(y).max()
    return float(intercept / slope) if straight and slope != 0.0 else float("nan")
