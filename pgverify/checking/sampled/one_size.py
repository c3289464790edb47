"""The verdict of sampled batches of one size on one problem: as it should be, off, or open."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from pgverify.checking.sampled.beyond_the_range import SHARE, beyond_the_range
from pgverify.checking.sampled.families import Family
from pgverify.checking.sampled.goal import Goal
from pgverify.checking.sampled.with_controls import ROUNDING, Fitted
from pgverify.checking.verdict.scope import SampledSize
from pgverify.errors import InvalidData
from pgverify.stats import SequentialOutcome, SequentialTest
from pgverify.stats.sequential_rare import RareEvents
from pgverify.validation import Array

RAREST = 0.05
"""No decision falls before an event of this probability in a batch has shown: a few hundred batches."""

TOLERANCE = 0.02
"""Relative bias at which drawing ends: smaller ones may still hide, and the scope says so."""

BOUNDED = 0.1
"""Relative bias that must be excluded where a coupling is at no size that was listed."""

MOST_CALLS = 2_000
"""Batches of one size on one problem."""


SUSPECT = 20.0
"""Standard errors beyond which one suspicion is as good as another: the smaller batch is drawn first."""


FINER, NEGLIGIBLE = 100.0, 1e-6
"""Times what batches differ by beside their controls, and relative to what they should be: less than both is rounding,
though the estimates be a million times as large as the target."""


@dataclass(frozen=True, eq=False)
class SizeVerdict:
    """What sampled batches of one size on one problem have shown.

    Attributes
    ----------
    evidence : SampledSize
    mean : [d]
        Of the estimates, less their controls.
    off : bool
        Whether the expectation is not what it should be, at the rate of the test.
    silent : bool
        Whether a multiple of the target was allowed, and nothing at all was seen.
    factor : float or None
        Which multiple of the target the mean is, where the controls explain the estimate wholly.
    explained : bool
        Whether the controls do.
    family : Family or None
        Of further controls, where the usual ones do not.
    """

    evidence: SampledSize
    mean: Float[Array, "d"]
    off: bool
    silent: bool = False
    factor: float | None = None
    explained: bool = False
    family: Family | None = None

    @property
    def bounded(self) -> bool:
        """Whether a bias beyond `BOUNDED` would have been seen."""
        return not self.off and not self.silent and self.evidence.hidden_bias <= BOUNDED


def at_sight(fit: Fitted, goal: Goal, size: int, multiple: bool) -> SizeVerdict | None:
    """Return the verdict that follows from the fitted controls; None where more batches are to be drawn.

    Parameters as for `judge_size`.
    """
    mean = fit.first.mean(axis=0)
    factor = _factor(mean, goal) if multiple else 1.0
    unit, used = abs(factor) * goal.scale, fit.used
    if multiple and fit.exact and unit <= ROUNDING**2 * fit.size:
        return SizeVerdict(SampledSize(size, used, np.inf, 1.0 / used), mean, off=False, silent=True)
    gap, rounding = float(np.abs(mean - factor * goal.vector).max(initial=0.0)), _rounding(fit, unit)
    if not (fit.exact and factor > 0.0 and gap <= rounding):
        return None
    hidden = (gap + rounding) / unit if unit > 0.0 else 0.0
    evidence, found = SampledSize(size, used, hidden, 1.0 / used), factor if goal.vector.any() else None
    return SizeVerdict(evidence, mean, off=False, factor=found, explained=True, family=fit.source.family)


def suspicion(fit: Fitted, goal: Goal, multiple: bool) -> float:
    """Return how far the mean seems to be off, in its standard errors: what is drawn first, not what is said.

    What rare trajectories may add, where the goal has it, counts among the errors: no test says more than it allows.
    """
    factor = _factor(fit.first.mean(axis=0), goal) if multiple else 1.0
    axes, aim = _axes(goal, factor, multiple)
    off = fit.first @ axes - aim
    unseen = [(_turned(rare, axes, fit.leverage).root ** 2).sum(axis=1) for rare in goal.unseen]
    error = np.sqrt((off.var(axis=0) + sum(unseen)) / len(off)) + fit.rounding
    return min(float((np.abs(off.mean(axis=0)) / np.maximum(error, 1e-300)).max(initial=0.0)), SUSPECT)


def nearly(fit: Fitted, goal: Goal, multiple: bool) -> bool:
    """Return whether every single batch is, less its controls, within `BOUNDED` of what all should be on average."""
    factor = _factor(fit.first.mean(axis=0), goal) if multiple else 1.0
    axes, aim = _axes(goal, factor, multiple)
    return float(np.abs(fit.first @ axes - aim).max(initial=0.0)) <= BOUNDED * abs(factor) * goal.scale


def judge_size(
    fit: Fitted,
    goal: Goal,
    size: int,
    multiple: bool,
    alpha: float,
    calls: int,
    rng: np.random.Generator,
    tolerance: float = TOLERANCE,
) -> SizeVerdict:
    """Return the verdict on batches of one size, after a sequential test on fresh ones.

    Where the controls explain the estimate wholly, its mean follows from theirs, and agreement needs no more calls.
    A deviation is stated only after a sequential test on fresh batches, or where the target is `beyond_the_range` of
    them, at rate α together.

    Parameters
    ----------
    fit : Fitted
    goal : Goal
        The target, its unit, and what rare trajectories may add.
    size : int
    multiple : bool
        Whether any positive multiple of the target will do, as at the sizes that were listed.
    alpha : float
    calls : int
        How many may still be made.
    rng : generator
        Of the fresh batches.
    tolerance : float
        As `TOLERANCE`.
    """
    mean = fit.first.mean(axis=0)
    factor = _factor(mean, goal) if multiple else 1.0
    unit, used = abs(factor) * goal.scale, fit.used
    nothing = SampledSize(size, used, np.inf, 1.0 / used)
    axes, aim = _axes(goal, factor, multiple)
    test = _test((1.0 - SHARE) * alpha, aim.size, min(MOST_CALLS, calls), tolerance)
    if test is None or unit == 0.0:
        return SizeVerdict(nothing, mean, off=False)
    unseen = tuple(_turned(rare, axes, fit.leverage) for rare in goal.unseen)
    rounding = _rounding(fit, unit)

    def draw(count: int, _: int) -> Float[Array, "m e"]:
        off = fit.sample(count, rng) @ axes - aim
        return np.where(np.abs(off) <= rounding, 0.0, off) + aim

    result = Goal(aim, unit, goal.trace, unseen).test(test, draw)
    shown = result.outcome is SequentialOutcome.BIASED
    if result.outcome is SequentialOutcome.INCONCLUSIVE:
        shown = beyond_the_range(result.tails, aim / unit, unseen, SHARE * alpha)
    wrong = shown and (factor > 0.0 or float(result.bias[0]) < 0.0)
    hidden = float(result.hidden_bias) if factor > 0.0 else np.inf
    found = mean if multiple else goal.vector + unit * result.bias
    return SizeVerdict(SampledSize(size, used + result.n, hidden, RAREST), found, wrong)


def _rounding(fit: Fitted, unit: float) -> float:
    """Return what rounding explains of a gap: less than it may, where the controls explain the estimates finely."""
    if not fit.exact or len(fit.first) < 2:  # a mean that was had otherwise shows no spread
        return fit.rounding
    seen = FINER * float(np.ptp(fit.first, axis=0).max(initial=0.0))
    return min(fit.rounding, max(seen, NEGLIGIBLE * unit, FINER * fit.dust))


def _factor(mean: Float[Array, "d"], goal: Goal) -> float:
    """Return which multiple of the target the mean is, along it; 1 where the target is zero."""
    if not goal.vector.any():
        return 1.0
    along = goal.vector / goal.scale
    return float(mean @ along / (along @ along) / goal.scale)


def _axes(goal: Goal, factor: float, multiple: bool) -> tuple[Float[Array, "d e"], Float[Array, "e"]]:
    """Return the directions in which the mean is tested, and what it should be in each.

    All of them; those across the target where any positive multiple will do; and the target's own, where the multiple
    seems to be of the wrong sign: that it is not zero is then to be shown.
    """
    size = goal.vector.size
    if not multiple or not goal.vector.any():
        return np.eye(size), goal.vector
    along = (goal.vector / goal.scale)[:, None]
    axes = np.linalg.svd(along)[0][:, 1:] if factor > 0.0 else along
    # One parameter: every positive number is a multiple, and nothing is left to test.
    axes = axes if axes.shape[1] else np.zeros((size, 1))
    return axes, np.zeros(axes.shape[1])


def _turned(rare: RareEvents, axes: Float[Array, "d e"], leverage: float) -> RareEvents:
    return RareEvents(np.abs(axes).T @ rare.jump, axes.T @ rare.root).times(leverage)


def _test(alpha: float, dimension: int, calls: int, tolerance: float) -> SequentialTest | None:
    """Return the test that fits into so many calls; None where there is none."""
    if calls < 100:
        return None
    test = SequentialTest(alpha=alpha, tolerance=tolerance, budget=calls, rarest=RAREST)
    try:
        test.looks(dimension)
    except InvalidData:
        return None
    return test
