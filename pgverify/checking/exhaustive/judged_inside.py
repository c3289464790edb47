"""The verdict on a function that is off by what half precision explains, in which it computes somewhere inside."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import replace

import numpy as np

from pgverify.checking.calling.implementation import OutOfTime
from pgverify.checking.design import Design, laws_of
from pgverify.checking.exhaustive.exhaustive_check import ClaimedTarget
from pgverify.checking.exhaustive.listed_problem import every_trajectory
from pgverify.checking.exhaustive.rounded_inside import RowsOfProblem, rounded_inside
from pgverify.checking.sampled.batch_law import arranged
from pgverify.checking.verdict.outcome import Outcome
from pgverify.checking.verdict.report import Report
from pgverify.estimators import RewardToGo
from pgverify.problem import Problem
from pgverify.trajectories import Trajectories

UNEXPLAINED = (Outcome.BIASED, Outcome.INCONCLUSIVE)
"""Verdicts that rounding may be behind, as of a baseline that no sampled batches of others explain."""

BY_ITS_PRECISION = (Outcome.CORRECT, Outcome.CONSISTENT, Outcome.INCONCLUSIVE, Outcome.INVALID)
"""Verdicts on the function as one of half precision that stand: sums that leave its range are INVALID."""

CURE = "compute what follows from the {} in single precision, and check again"


def judged_inside(claim: ClaimedTarget, judge: Callable[[ClaimedTarget], Report], design: Design | None) -> Report:
    """Return the verdict on a claim, by the precision that its function computes in where its numbers do not show it.

    A bias without a name may be rounding: where the function is seen to compute in half precision, it is judged once
    more as one whose numbers are of half. What is off by more stays off, and is told that, too.

    Parameters
    ----------
    claim : ClaimedTarget
    judge : claim -> Report
    design : Design or None
        Which batches the function is called on.
    """
    report = judge(claim)
    if report.outcome not in UNEXPLAINED or report.diagnosis is not None or report.evidence != "exhaustive":
        return report
    off = sorted((each for each in report.findings if each.check == "expectation"), key=lambda each: -each.deviation)
    sizes = {each.problem: each.batch_size for each in reversed(off)}  # of each problem the size that shows the most
    problems = {entry.name: entry.problem for entry in claim.suite}
    telling = {name: problems[name] for name in dict.fromkeys(each.problem for each in off) if name in problems}
    by_problem = {id(problem): sizes[name] for name, problem in telling.items()}
    found = None
    with contextlib.suppress(OutOfTime):
        rows = _largest(by_problem) if design is None else of_design(design)
        found = rounded_inside(claim.implementation, telling.values(), rows)
    if found is None:
        return report
    shorter = replace(claim.implementation, bits=found.bits)
    again = judge(replace(claim, implementation=shorter))
    if again.outcome not in BY_ITS_PRECISION:
        return replace(report, warnings=(str(found), *report.warnings))
    step = again.next_step if again.outcome.good else CURE.format(" and the ".join(found.inputs))
    return replace(again, notes=(str(found), *again.notes), next_step=step)


def _largest(sizes: dict[int, int]) -> RowsOfProblem:
    """Return what chooses the trajectories whose weights are largest, as many as a batch of the problem has."""

    def rows(problem: Problem) -> Callable[[Trajectories], Trajectories]:
        batch, _ = every_trajectory(problem)
        weights = np.where(batch.mask, RewardToGo().weights(batch), 0.0)
        ordered = np.argsort(-(weights**2).sum(axis=1), kind="stable")
        chosen = np.resize(ordered, sizes[id(problem)])
        return lambda whole: whole.select(chosen)

    return rows


def of_design(design: Design) -> RowsOfProblem:
    """Return what chooses a batch of the design."""

    def rows(problem: Problem) -> Callable[[Trajectories], Trajectories]:
        law = laws_of(design, problem)[0]
        chosen = law.spread(1, np.random.default_rng(0))[0]
        return lambda whole: arranged(whole, chosen, law)

    return rows
