"""Whether the order of the trajectories in a batch matters, entry by entry: where it does not, they are listed once.

On the smallest problems every pair and triple is tried in all its orders.
"""

from __future__ import annotations

import numpy as np
import pytest

import pgverify as pgv
from pgverify.bugs import ENTRIES, PAIRS, Bug
from pgverify.checking import standard_suite
from pgverify.checking.exhaustive.batch_lists import ordered_batches
from pgverify.checking.exhaustive.listed_problem import every_trajectory

pytestmark = pytest.mark.usefixtures("unchecked_shapes")

ROUNDING = 1e-6
"""Relative to the largest estimate: a standard deviation near zero magnifies rounding."""

TINY, FEW = 4, 64
"""Trajectories of the suite's problems that are tried, and ordered batches: all triples of the four smallest."""


def order_matters(bug: Bug, which: str, problem: pgv.Problem, size: int) -> bool:
    batch, probability = every_trajectory(problem)
    function, first, largest, gap = getattr(bug, which), {}, 0.0, 0.0
    batches = ordered_batches(probability, size) if len(probability) ** size <= FEW else []
    for rows, _ in batches or []:
        chosen = batch.select(rows)
        value = np.asarray(function(chosen))
        estimate = value.mean(axis=0) if value.ndim == 2 else value
        largest = max(largest, np.abs(estimate).max())
        gap = max(gap, np.abs(estimate - first.setdefault(tuple(sorted(rows)), estimate)).max())
    return gap > ROUNDING * largest


CASES = [
    pytest.param(bug, id=bug.slug, marks=[] if bug.batch_size > 1 else pytest.mark.slow) for bug in (*ENTRIES, *PAIRS)
]
"""Those that treat trajectories one by one are tried with `make test-all`."""


@pytest.mark.parametrize("bug", CASES)
def test_the_catalogue_says_so(bug: Bug) -> None:
    known = [bug.setting()] if bug.setting else [entry.problem for entry in standard_suite()]
    problems = [problem for problem in known if bug.setting or len(every_trajectory(problem)[1]) <= TINY]
    sizes = range(max(bug.batch_size, 2), 4)
    seen = any(
        order_matters(bug, which, problem, size)
        for which in ("implementation", "correct")
        for problem in problems
        for size in sizes
    )
    assert seen is bug.ordered


def test_large_listings_are_compared_when_a_fault_is_named() -> None:
    """Microbatches of two differ from the whole batch from three on: 729 triples, in every order, tell which it is."""
    problem = next(entry.problem for entry in standard_suite() if entry.name == "coin-door")
    report = pgv.check(pgv.bugs.get("microbatch-normalised").implementation, problems=[problem])
    assert (report.outcome, report.diagnosis) == (pgv.Outcome.BIASED, "microbatch-normalised")
