"""Twelve faults planted in a loop of our own are all found, and named; the loop without them is correct."""

from __future__ import annotations

import pytest
from planted_faults import PLANTED, planted

import pgverify as pgv
from pgverify.checking import Outcome

pytestmark = pytest.mark.usefixtures("unchecked_shapes")

NAMES = ("bandit", "early-stop", "random-end")
PROBLEMS = [entry for entry in pgv.suites.get("standard") if entry.name in NAMES]


def test_the_loop_is_correct() -> None:
    names = planted(())
    report = pgv.check(names["update"], kind="agent", problems=PROBLEMS)
    assert report.outcome is Outcome.CORRECT, report
    assert report.scope is not None


@pytest.mark.parametrize("fault", PLANTED)
def test_a_planted_fault_is_found_and_named(fault: str) -> None:
    edits, slug = PLANTED[fault]
    report = pgv.check(
        planted(edits)["update"], kind="agent", problems=PROBLEMS[:2] if "environments" in fault else PROBLEMS
    )
    assert not report.outcome.good, report
    assert slug in {match.slug for match in report.matches}, report
