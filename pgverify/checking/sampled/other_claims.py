"""What a sampler that misses its target estimates instead: nothing, a multiple of it, or another target."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import count

import numpy as np

from pgverify.checking.exhaustive.listed_problem import directions
from pgverify.checking.sampled.goal import PILOT, Draw, Goal
from pgverify.checking.verdict.outcome import Outcome
from pgverify.checking.verdict.targets import CLOSED_FORMS
from pgverify.stats import SequentialOutcome, SequentialResult, SequentialTest
from pgverify.suites import SuiteProblem

Judge = Callable[[SuiteProblem, Goal, SequentialTest, Draw], SequentialResult]
"""How one problem is tested."""


def by_its_estimates(_entry: SuiteProblem, goal: Goal, test: SequentialTest, draw: Draw) -> SequentialResult:
    """Return the result of the test as it is, whatever the problem."""
    return goal.test(test, draw)


WELL, ENOUGH = 0.05, 0.2
"""Standard error of the factor, in tolerances: where the pilot stops, and what is accepted at the end of the budget."""


def name_samples(
    draws: Callable[[int, int], Draw],
    suite: Sequence[SuiteProblem],
    goals: Sequence[Goal],
    test: SequentialTest,
    missed: int,
    judged: Judge = by_its_estimates,
    most_open: int = 0,
    finest: float | None = None,
) -> tuple[Outcome, str]:
    """Return a better word than BIASED where another claim passes the equivalence test on the problems.

    NO_SIGNAL (zero), SCALED (one positive factor) and OTHER_TARGET are claims of equality within the tolerance: each is
    CONSISTENT with new samples on every problem, with the test's own rate of error, or is not made; up to `most_open`
    problems may be neither, as for CONSISTENT itself, and are named.

    Parameters
    ----------
    draws : (problem index, purpose) -> draw
        New samples for every purpose above 0.
    suite, goals : by problem
    test : SequentialTest
        For one problem.
    missed : int
        The problem on which the bias showed: the others are tried after it.
    judged : (entry, goal, test, draw) -> result
        How one problem is tested.
    most_open : int
        Problems on which a claim may be neither borne out nor refuted; they are named.
    finest : float, optional
        The smallest tolerance that a result may have; by default that of the test. Targets that differ by no more than
        twice the tolerances reached are not told apart.
    """
    finest = test.tolerance if finest is None else finest
    order = sorted(range(len(suite)), key=lambda index: index != missed)
    purposes = count(1)
    still_open: list[str] = []
    limits: dict[int, float] = {}

    def everywhere(claimed: Sequence[Goal]) -> bool:
        purpose = next(purposes)
        still_open.clear()
        limits.clear()
        for index in order:
            goal, draw = claimed[index].measured(draws(index, purpose))
            if goal.scale == 0.0:  # nothing to measure a gap against, and all estimates are zero
                continue
            result = judged(suite[index], goal, test, draw)
            outcome = result.outcome
            if outcome is SequentialOutcome.CONSISTENT:
                limits[index] = result.limit
            if outcome is SequentialOutcome.INCONCLUSIVE and index != missed:
                still_open.append(suite[index].name)
            if len(still_open) > most_open or outcome not in (
                SequentialOutcome.CONSISTENT,
                *([SequentialOutcome.INCONCLUSIVE] if index != missed else []),
            ):
                return False
        return True

    def problems() -> str:
        """Return on which problems, in words."""
        return (
            f"every problem but {', '.join(still_open)}, which the budget left open" if still_open else "every problem"
        )

    if everywhere([goal.silent() for goal in goals]):
        return Outcome.NO_SIGNAL, f"its estimates have mean zero on {problems()}, within {test.tolerance:.3g} of it"
    # In one direction everything is a multiple.
    several = _different(goals) > 1 or directions(suite[missed].problem) > 1
    factor = _factor(draws(missed, next(purposes)), goals[missed], test) if several else None
    apart = factor is not None and abs(factor - 1.0) > 2.0 * test.tolerance  # else it is the target, if anything
    if factor is not None and apart and everywhere([goal.times(factor) for goal in goals]):
        times = f"{factor:.4g} times the target on {problems()}, within {test.tolerance:.3g} of it"
        if factor > 0:
            return Outcome.SCALED, f"the mean of its estimates is {times}"
        return Outcome.BIASED, f"the sign is reversed: the mean of its estimates is {times}"
    for name, formula in CLOSED_FORMS.items():
        others = [goal.towards(formula(entry.problem)) for goal, entry in zip(goals, suite, strict=True)]
        if all(_near(other, goal, 2.0 * finest) for other, goal in zip(others, goals, strict=True)):
            continue  # the target itself, or too close to it to be told apart
        if everywhere(others) and any(not _near(others[i], goals[i], 2.0 * limit) for i, limit in limits.items()):
            return Outcome.OTHER_TARGET, f"the mean of its estimates is {name} on {problems()}, within the tolerance"
    return Outcome.BIASED, ""


def _near(one: Goal, other: Goal, tolerance: float) -> bool:
    return one.scale == 0.0 or float(np.linalg.norm((one.vector - other.vector) / one.scale)) <= tolerance


def _different(goals: Sequence[Goal]) -> int:
    """Return how many targets there are besides zero: a problem given twice tells no more than once."""
    found: list[Goal] = []
    for goal in goals:
        same = (other for other in found if other.vector.shape == goal.vector.shape)
        if goal.vector.any() and not any(_near(goal, other, 1e-9) for other in same):
            found.append(goal)
    return len(found)


def _factor(draw: Draw, goal: Goal, test: SequentialTest) -> float | None:
    """Return the mean's component along the target, relative to it; None where it cannot be told from zero."""
    if not goal.vector.any():
        return None
    along_target = goal.vector / goal.scale
    total, squares, size, call = 0.0, 0.0, 0, 0
    factor, error = 0.0, np.inf
    while size < test.budget and error > WELL * test.tolerance * abs(factor):
        wanted = min(max(PILOT, size), test.budget - size, test.batch)
        along = draw(wanted, call) / goal.scale @ along_target
        total, squares = total + float(along.sum()), squares + float(along @ along)
        size, call = size + len(along), call + 1
        factor = total / size
        error = float(np.sqrt(max(squares / size - factor**2, 0.0) / size))
    return factor if factor != 0.0 and error <= ENOUGH * test.tolerance * abs(factor) else None
