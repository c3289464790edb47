"""The verdict on a function that answers differently to the same batch: random, or with a memory of its calls."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from pgverify.checking.calling.answer import Failure
from pgverify.checking.calling.implementation import LimitedFunction, OutOfTime
from pgverify.checking.calling.kept_state import CALL_BEFORE, NEXT_STEP, dependence, kept_state
from pgverify.checking.exhaustive.listed_problem import MOST_TRAJECTORIES, every_trajectory
from pgverify.checking.sampled.random_function import check_random
from pgverify.checking.verdict.outcome import Outcome
from pgverify.checking.verdict.report import Report
from pgverify.exact.enumeration import count_trajectories
from pgverify.suites import SuiteProblem
from pgverify.trajectories import Trajectories

MOST_PROBLEMS, MOST_BATCHES = 4, 6
"""Problems, and batches of each size, that are called twice as they are."""

ALTERED = (
    "two answers were given only to a batch that had been altered (other rewards, padding, another critic), none to "
    "those of the problems: that these show no bias says nothing of what was seen"
)

ALTERED_NEXT = (
    "find what answers differently from call to call where rewards, padding or the critic are others: call it twice on "
    "a batch with one reward throughout"
)


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


def where_only_altered(
    report: Report, implementation: LimitedFunction, suite: Sequence[SuiteProblem], size: int | None = None
) -> Report:
    """Return the verdict on a function whose two answers were to a batch that had been altered: in rewards, say.

    Batches of the problems are sampled as they are. Where none of them has two answers, they do not show what was seen,
    and no absence of bias is said of it.

    Parameters
    ----------
    report : Report
        Made of batches as they are.
    implementation : LimitedFunction
    suite : the problems
    size : int, optional
        Trajectories in a batch, where one size alone is allowed; by default all of a problem, one and two.
    """
    if report.outcome is not Outcome.CONSISTENT:
        return report
    try:
        if any(_two_answers(implementation, batch) for batch in _as_they_are(suite, size)):
            return report
    except OutOfTime:
        return report
    why = f"{ALTERED}; {report.explanation}"
    return replace(report, outcome=Outcome.INCONCLUSIVE, explanation=why, next_step=ALTERED_NEXT)


def _as_they_are(suite: Sequence[SuiteProblem], size: int | None) -> Iterator[Trajectories]:
    rng = np.random.default_rng(6)
    for entry in suite[:MOST_PROBLEMS]:
        if count_trajectories(entry.problem) > MOST_TRAJECTORIES:
            continue
        batch, _ = every_trajectory(entry.problem)
        for number in (1, 2, len(batch)) if size is None else (size,) * 3:
            for _ in range(MOST_BATCHES):
                yield batch.select(rng.integers(len(batch), size=number).tolist())


def _two_answers(implementation: LimitedFunction, batch: Trajectories) -> bool:
    found = [implementation.estimate(batch) for _ in range(2)]
    arrays = [each.array for each in found if not isinstance(each, Failure)]
    return len(arrays) == 2 and not np.array_equal(arrays[0], arrays[1])
