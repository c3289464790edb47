"""What a sampler that misses its target estimates instead: nothing, a multiple of it, or another target."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import count

import numpy as np
from jaxtyping import Float

from pgverify.checking.listing import directions
from pgverify.checking.outcome import Outcome
from pgverify.checking.suite import SuiteProblem
from pgverify.checking.targets import CLOSED_FORMS, target_vector
from pgverify.stats import SequentialOutcome, SequentialTest
from pgverify.validation import Array

Draw = Callable[[int, int], Float[Array, "k d"]]
Vectors = Sequence[Float[Array, "d"]]

PILOT = 1_000
"""First estimates for the factor, then twice as many until it is known well; and estimates that must all be zero."""

WELL, ENOUGH = 0.05, 0.2
"""Standard error of the factor, in tolerances: where the pilot stops, and what is accepted at the end of the budget."""


def name_samples(
    draws: Callable[[int, int], Draw],
    suite: Sequence[SuiteProblem],
    goals: Vectors,
    scales: Sequence[float],
    test: SequentialTest,
    missed: int,
) -> tuple[Outcome, str]:
    """Return a better word than BIASED where another claim passes the equivalence test on every problem.

    NO_SIGNAL (zero), SCALED (one positive factor) and OTHER_TARGET are claims of equality within the tolerance: each is
    CONSISTENT with new samples on every problem, with the test's own rate of error, or is not made.

    Parameters
    ----------
    draws : (problem index, purpose) -> draw
        New samples for every purpose above 0.
    suite, goals, scales : by problem
        The target, and what the tolerance is relative to.
    test : SequentialTest
        For one problem.
    missed : int
        The problem on which the bias showed: the others are tried after it.
    """
    order = sorted(range(len(suite)), key=lambda index: index != missed)
    purposes = count(1)

    def everywhere(vectors: Vectors, sizes: Sequence[float]) -> bool:
        purpose = next(purposes)

        def equal(index: int) -> bool:
            draw = draws(index, purpose)
            if sizes[index] == 0.0:  # nothing to measure a gap against: only zeros are zero
                return not draw(PILOT, 0).any()
            return test.run(draw, vectors[index], sizes[index]).outcome is SequentialOutcome.CONSISTENT

        return all(equal(index) for index in order)

    if everywhere([np.zeros_like(goal) for goal in goals], scales):
        return Outcome.NO_SIGNAL, f"its estimates have mean zero on every problem, within {test.tolerance:.3g} of it"
    # In one direction everything is a multiple.
    several = sum(scale > 0.0 for scale in scales) > 1 or directions(suite[missed].problem) > 1
    factor = _factor(draws(missed, next(purposes)), goals[missed], test) if several else None
    apart = factor is not None and abs(factor - 1.0) > 2.0 * test.tolerance  # else it is the target, if anything
    if factor is not None and apart and everywhere([factor * g for g in goals], [abs(factor) * s for s in scales]):
        times = f"{factor:.4g} times the target on every problem, within {test.tolerance:.3g} of it"
        if factor > 0:
            return Outcome.SCALED, f"the mean of its estimates is {times}"
        return Outcome.BIASED, f"the sign is reversed: the mean of its estimates is {times}"
    for name in CLOSED_FORMS:
        others = [target_vector(name, entry.problem) for entry in suite]
        known = [np.zeros(0) if other is None else other for other in others]
        sizes = [float(np.linalg.norm(vector)) or scale for vector, scale in zip(known, scales, strict=True)]
        gaps = [np.linalg.norm(vector - goal) for vector, goal in zip(known, goals, strict=True)]
        if all(gap <= 2.0 * test.tolerance * size for gap, size in zip(gaps, sizes, strict=True)):
            continue  # the target itself, or too close to it to be told apart
        if everywhere(known, sizes):
            return Outcome.OTHER_TARGET, f"the mean of its estimates is {name} on every problem, within the tolerance"
    return Outcome.BIASED, ""


def _factor(draw: Draw, goal: Float[Array, "d"], test: SequentialTest) -> float | None:
    """Return the mean's component along the target, relative to it; None where it cannot be told from zero."""
    square = float(goal @ goal)
    if square == 0.0:
        return None
    total, squares, size, call = 0.0, 0.0, 0, 0
    factor, error = 0.0, np.inf
    while size < test.budget and error > WELL * test.tolerance * abs(factor):
        wanted = min(max(PILOT, size), test.budget - size, test.batch)
        along = draw(wanted, call) @ goal / square
        total, squares = total + float(along.sum()), squares + float(along @ along)
        size, call = size + len(along), call + 1
        factor = total / size
        error = float(np.sqrt(max(squares / size - factor**2, 0.0) / size))
    return factor if error <= ENOUGH * test.tolerance * abs(factor) else None
