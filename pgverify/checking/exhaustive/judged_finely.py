"""The verdict where estimates are so large beside the gradient that the usual limits of rounding could hide a fault.

Rewards of 1e6 + O(1) are the case: a limit relative to the estimates is then larger than the gradient. Double precision
allows far better: errors of right implementations are relative to ε E Σ_t |w_t|. But single precision somewhere inside,
which the numbers do not show, does not: only a function that is seen to compute in double throughout is judged so.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import replace

import numpy as np

from pgverify.checking.calling.implementation import OutOfTime
from pgverify.checking.calling.significant_bits import OF_SINGLE, SEEN_DOUBLE
from pgverify.checking.design import Design
from pgverify.checking.exhaustive.coupling import COUPLING_TOLERANCE
from pgverify.checking.exhaustive.exhaustive_check import ClaimedTarget
from pgverify.checking.exhaustive.judged_inside import of_design
from pgverify.checking.exhaustive.listed_problem import every_trajectory, natural_scale
from pgverify.checking.exhaustive.moves_smoothly import OF_SINGLE_AT_LEAST, SMOOTH, ChosenRows, roughness
from pgverify.checking.verdict.judgement import NOTHING
from pgverify.checking.verdict.outcome import Outcome
from pgverify.checking.verdict.precision import HIDDEN, MIXED, size_of
from pgverify.checking.verdict.report import Report
from pgverify.checking.verdict.targets import target_vector
from pgverify.errors import InvalidInput
from pgverify.estimators import RewardToGo
from pgverify.problem import Problem

SETTLED = (Outcome.CORRECT, Outcome.CONSISTENT, Outcome.INVALID)
"""Verdicts that finer limits could only make worse without a reason, or do not rest on limits."""


TOGETHER = 2
"""Trajectories in a batch where no size of batches could be listed."""

ALONE = 4
"""Trajectories on which it is seen how smoothly a function moves that treats each on its own."""

EXCUSED = (Outcome.CORRECT, Outcome.INCONCLUSIVE)
"""Verdicts on a function as one of single precision that take an accusation back."""

IN_SINGLE = (
    "it computes in single precision (float32) somewhere inside: though what it returns is longer, it moves in steps "
    "of some 2^-24 of its size where rewards, parameters and discount move by less"
)


def judged_finely(claim: ClaimedTarget, judge: Callable[[ClaimedTarget], Report], design: Design | None) -> Report:
    """Return the verdict on a claim, within the limits of double precision where the usual ones could hide a fault.

    Parameters
    ----------
    claim : ClaimedTarget
    judge : claim -> Report
    design : Design or None
        Which batches the function is called on.
    """
    report = judge(claim)
    right = report.outcome is Outcome.CORRECT
    sizes = {each.problem: each.batch_size for each in reversed(report.findings) if each.check == "expectation"}
    # Samples may have settled some problems, where rounding left open what was listed on others.
    beside_samples = report.outcome is Outcome.CONSISTENT and bool(sizes)
    settled = report.outcome in SETTLED or report.evidence != "exhaustive"
    if not claim.given or (settled and not right and not beside_samples):
        return report
    usual = min(sizes.values(), default=TOGETHER)
    cases = [(entry.problem, sizes.get(entry.name, usual)) for entry in claim.suite]
    # What is right to rounding may still be coupled by less than was looked for.
    hiding = [
        (problem, size) for problem, size in cases if (hides_coupling if right else hides)(problem, claim.target, size)
    ]
    if not hiding:
        return report
    rough: list[float] = []
    with contextlib.suppress(OutOfTime):
        for problem, size in hiding:
            chosen = _largest(problem, size) if design is None else of_design(design)(problem)
            rough.append(roughness(claim.implementation, problem, chosen))
    if len(rough) == len(hiding) and all(each <= SMOOTH for each in rough):
        return judge(replace(claim, implementation=replace(claim.implementation, bits=SEEN_DOUBLE)))
    if report.outcome is Outcome.BIASED and any(each > OF_SINGLE_AT_LEAST for each in rough):
        again = judge(replace(claim, implementation=replace(claim.implementation, bits=OF_SINGLE)))
        return replace(again, notes=(IN_SINGLE, *again.notes)) if again.outcome in EXCUSED else report
    return report


def hides_coupling(problem: Problem, target: str, size: int) -> bool:
    """Return whether trajectories could affect each other by more than `HIDDEN` of the target, and nobody see it."""
    try:
        vector, scale = target_vector(target, problem, size), natural_scale(problem)
    except InvalidInput:  # too many trajectories to be listed
        return False
    return vector is not None and NOTHING * scale < size_of(vector) * HIDDEN < COUPLING_TOLERANCE * scale


def hides(problem: Problem, target: str, size: int) -> bool:
    """Return whether rounding of single precision somewhere inside could hide a fault on a problem."""
    try:
        vector, scale = target_vector(target, problem, size), natural_scale(problem)
    except InvalidInput:  # too many trajectories to be listed
        return False
    return vector is not None and NOTHING * scale < size_of(vector) * HIDDEN < MIXED.relative * scale


def _largest(problem: Problem, size: int) -> ChosenRows:
    """Return what chooses the trajectories whose estimates are largest: several where each has one of its own."""
    batch, _ = every_trajectory(problem)
    sizes = np.abs(RewardToGo()(batch)).max(axis=1, initial=0.0)
    chosen = np.resize(np.argsort(-sizes, kind="stable"), ALONE if size == 1 else size)
    return lambda whole: whole.select(chosen)
