"""Further faults of a loop of our own are found; what is odd and right is correct; a clip that is never met is said."""

from __future__ import annotations

from typing import Any

import pytest
from further_faults import FURTHER, ODD, RETURNED
from planted_faults import TWO, planted

import pgverify as pgv
from pgverify.checking import Outcome

pytestmark = pytest.mark.usefixtures("unchecked_shapes")

NAMES = ("bandit", "early-stop", "random-end")
PROBLEMS = [entry for entry in pgv.suites.get("standard") if entry.name in NAMES]


def judged(edits: Any) -> Any:
    problems = PROBLEMS[:2] if any(new == TWO for _, new in edits) else PROBLEMS
    return pgv.check(planted(edits)["update"], kind="agent", problems=problems)


@pytest.mark.parametrize("fault", FURTHER)
def test_a_further_fault_is_found(fault: str) -> None:
    edits, slug = FURTHER[fault]
    report = judged(edits)
    assert not report.outcome.good, report
    assert slug is None or report.diagnosis == slug, report


@pytest.mark.parametrize("way", ODD)
def test_what_is_odd_and_right_is_correct(way: str) -> None:
    report = judged(ODD[way])
    assert report.outcome is Outcome.CORRECT, report
    assert not any("no step had" in warning for warning in report.warnings)


def test_a_multiple_of_what_is_right_has_no_fault() -> None:
    """A sum in place of a mean is minus its own reversal, too, which is no name for it."""
    report = judged(((RETURNED, "return gradient.ravel()"),))
    assert report.outcome is Outcome.SCALED
    assert report.matches == ()
    down = judged(((RETURNED, "return -gradient.ravel()"),))
    assert (down.outcome, down.diagnosis) == (Outcome.BIASED, "window-sign-reversed")


NEAR = (("logits + 0.7 * np", "logits + 0.05 * np"),)


def test_a_clip_that_is_never_met_is_said() -> None:
    """Its faults cannot be seen then, which is what the warning is for."""
    for edits in (NEAR, (*NEAR, *FURTHER["no minimum"][0])):
        report = judged(edits)
        assert report.outcome is Outcome.CORRECT
        assert any("no step had ρ > 1.2 and Â > 0, nor ρ > 1.2 and Â < 0" in each for each in report.warnings)
