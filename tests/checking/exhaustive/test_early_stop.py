"""A fault that has a name on the smallest problems ends the check; nothing else does."""

from __future__ import annotations

import numpy as np
import pytest

import pgverify as pgv
from pgverify.bugs import get
from pgverify.bugs.pairs import TwoFaults
from pgverify.checking import standard_suite
from pgverify.estimators import RewardToGo

pytestmark = pytest.mark.usefixtures("unchecked_shapes")
NAMES = [entry.name for entry in standard_suite()]


def tried(report: pgv.checking.Report) -> set[str]:
    return {finding.problem for finding in report.findings if finding.check == "expectation"}


def test_a_named_fault_is_enough() -> None:
    report = pgv.check(get("reward-shifted-late").implementation)
    assert report.diagnosis == "reward-shifted-late"
    assert tried(report) == {*NAMES[:6], "many-states", "long"}
    assert "stopped at a fault that has a name: 5 more problems were not tried" in report.warnings


def test_a_name_that_fails_on_a_longer_problem_is_not_given() -> None:
    """Divided by the length, but by three at most: like length-per-trajectory where no episode is longer."""

    def capped(batch: pgv.Trajectories) -> np.ndarray:
        return batch.score_weighted(RewardToGo().weights(batch) / np.clip(batch.lengths, 1, 3)[:, None])

    report = pgv.check(capped)
    assert report.outcome is pgv.Outcome.BIASED
    assert report.diagnosis is None
    assert tried(report) == set(NAMES)


def test_a_fault_that_shows_on_a_large_problem_alone_is_seen() -> None:
    """Right up to the sixth step, which only one problem has."""

    def late(batch: pgv.Trajectories) -> np.ndarray:
        weights = RewardToGo().weights(batch).copy()
        weights[:, 6:] *= 1.5
        return batch.score_weighted(weights)

    report = pgv.check(late)
    assert report.outcome is pgv.Outcome.BIASED
    assert tried(report) == set(NAMES)
    assert [f.problem for f in report.findings if f.check == "expectation" and not f.holds] == ["long"]


@pytest.mark.parametrize(
    ("function", "outcome"),
    [
        (TwoFaults("reward-shifted-late", "", "length-per-trajectory", True), pgv.Outcome.BIASED),
        (lambda batch: 2.0 * RewardToGo()(batch), pgv.Outcome.SCALED),
        pytest.param(RewardToGo(discount_weighting=False), pgv.Outcome.OTHER_TARGET, marks=pytest.mark.slow),
        (RewardToGo(), pgv.Outcome.CORRECT),
    ],
)
def test_everything_else_is_tried_on_all(function: object, outcome: pgv.Outcome) -> None:
    """Three faults have no name; a multiple and another target are claims about every problem."""
    report = pgv.check(function)
    assert report.outcome is outcome
    assert tried(report) == set(NAMES)
    assert not any("stopped" in warning for warning in report.warnings)


def test_given_problems_are_all_tried() -> None:
    report = pgv.check(get("reward-shifted-late").implementation, problems=standard_suite()[:8])
    assert tried(report) == set(NAMES[:8])
