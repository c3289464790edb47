"""The verdict on a function that answers differently to the same batch: random, or with a memory of its calls."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from pgverify.checking.calling.implementation import LimitedFunction
from pgverify.checking.calling.kept_state import CALL_BEFORE, NEXT_STEP, dependence, kept_state
from pgverify.checking.exhaustive.listed_problem import every_trajectory
from pgverify.checking.sampled.random_function import check_random
from pgverify.checking.verdict.outcome import Outcome
from pgverify.checking.verdict.report import Report
from pgverify.suites import SuiteProblem


def check_changing(
    implementation: LimitedFunction, suite: Sequence[SuiteProblem], entry: SuiteProblem, *arguments: Any, **options: Any
) -> Report:
    """Return the verdict on a function that gave two answers to one batch; where it has a memory, the report says so.

    Sampled estimates are then not independent. One that remembers the call before has estimates of which every second
    one is; what settles down has no one law, and no absence of bias is said of it.

    Parameters
    ----------
    implementation : LimitedFunction
    suite : the problems
    entry : SuiteProblem
        On which two answers were given.
    arguments, options :
        As for `check_random`.
    """
    state = kept_state(implementation, every_trajectory(entry.problem)[0])
    report = check_random(implementation, suite, *arguments, **options)
    if not state:
        return report
    explanation = report.explanation.replace("it is random (", f"{state} (", 1)
    warnings = (*report.warnings, dependence(state))
    said = replace(report, explanation=explanation, next_step=NEXT_STEP, warnings=warnings)
    if state == CALL_BEFORE or report.outcome is not Outcome.CONSISTENT:
        return said
    why = f"{state}; no bias showed in sampled batches, but its estimates depend on each other"
    return replace(said, outcome=Outcome.INCONCLUSIVE, explanation=why)
