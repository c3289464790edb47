"""Without a design, a function that fails on other sizes than its own is told the call that judges it: it works."""

from __future__ import annotations

import re
from collections.abc import Callable

import numpy as np
import pytest
from checking_problems import named

import pgverify as pgv
from pgverify.estimators import RewardToGo

pytestmark = pytest.mark.usefixtures("unchecked_shapes")
Function = Callable[[pgv.Trajectories], np.ndarray]


def needing(allowed: Callable[[int], bool]) -> Function:
    def function(batch: pgv.Trajectories) -> np.ndarray:
        if not allowed(len(batch)):
            raise ValueError("this is no size of mine")
        return RewardToGo()(batch)

    return function


NEEDS = {
    "multiples of 4": (lambda n: n % 4 == 0, "Grouped(size=4"),
    "multiples of 8": (lambda n: n % 8 == 0, "Grouped(size=8"),
    "multiples of 6": (lambda n: n % 6 == 0, "Grouped(size=6"),
    "exactly 64": (lambda n: n == 64, "Independent(sizes=(64,)"),
    "exactly 5": (lambda n: n == 5, "Independent(sizes=(5,)"),
    "even": (lambda n: n % 2 == 0, "Grouped(size=2"),
    "at least 5": (lambda n: n >= 5, "Independent(sizes=(5, 6, 10))"),
    "at least 20": (lambda n: n >= 20, "Independent(sizes=(20, 21, 40))"),
}


@pytest.mark.parametrize("needs", NEEDS)
def test_every_call_that_is_told_judges_the_function(needs: str) -> None:
    allowed, told = NEEDS[needs]
    function, problems = needing(allowed), named("bandit", "early-stop")
    report = pgv.check(function, problems=problems)
    assert report.outcome is pgv.Outcome.INCONCLUSIVE
    assert told in report.next_step
    calls = re.findall(r"check\(\.\.\., (design=pgv\.\w+\(.*?\))\)(?: or |$)", report.next_step)
    assert calls, report.next_step
    for design in calls:
        again = eval(f"pgv.check(function, problems=problems, {design})", {**globals(), **locals()})
        assert again.outcome is pgv.Outcome.CORRECT, design


def test_a_fault_shows_with_the_call_that_is_told() -> None:
    """Negative control: the call does not hide what it finds."""

    def halved(batch: pgv.Trajectories) -> np.ndarray:
        return needing(lambda n: n % 4 == 0)(batch) / 2

    report = pgv.check(halved, problems=named("bandit", "early-stop"), design=pgv.Grouped(size=4, prompts=2))
    assert report.outcome is pgv.Outcome.SCALED


def test_a_size_from_which_on_it_fails_is_no_least_size() -> None:
    """Negative control: it works on 21 to 59 alone, and no call is told that would hide what it fails on."""
    report = pgv.check(needing(lambda n: 20 < n < 60 and n not in (24, 32)), problems=named("bandit"))
    assert report.outcome is pgv.Outcome.INVALID
