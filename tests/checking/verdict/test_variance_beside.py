"""Variance beside the verdict: relative to reward-to-go, and to the best baseline there is."""

from __future__ import annotations

import numpy as np
import pytest
from checking_problems import named

import pgverify as pgv
from pgverify.baselines import TimeStateValue
from pgverify.checking import Finding
from pgverify.estimators import RewardToGo

pytestmark = pytest.mark.usefixtures("unchecked_shapes")
PROBLEMS = named("bandit", "delayed-reward", "stochastic-chain")


def expectations(report: pgv.checking.Report) -> list[Finding]:
    return [finding for finding in report.findings if finding.check == "expectation"]


@pytest.mark.parametrize("problem", PROBLEMS)
def test_the_best_baseline_has_ratio_one(problem: pgv.Problem) -> None:
    best = pgv.exact.optimal_baseline(RewardToGo(), problem).values
    table = np.vstack([best, np.zeros(best.shape[1])])
    (finding,) = expectations(pgv.check(RewardToGo(TimeStateValue(table)), problems=[problem]))
    assert finding.optimal_ratio == pytest.approx(1.0, rel=1e-12)
    (shifted,) = expectations(pgv.check(RewardToGo(TimeStateValue(table + 0.1)), problems=[problem]))
    assert shifted.optimal_ratio > 1.0 + 1e-4  # negative control


def test_reward_to_go_has_ratio_one_to_itself() -> None:
    report = pgv.check(RewardToGo(), problems=PROBLEMS)
    assert [f.variance_ratio for f in expectations(report)] == pytest.approx([1.0] * 3, rel=1e-12)
    assert all(f.optimal_ratio > 1.01 for f in expectations(report))
    assert "variance: 1 times that of reward-to-go without baseline, " in str(report)


def test_four_times_the_estimate_has_sixteen_times_the_variance() -> None:
    report = pgv.check(lambda batch: 4.0 * RewardToGo()(batch), problems=PROBLEMS)
    assert [f.variance_ratio for f in expectations(report)] == pytest.approx([16.0] * 3, rel=1e-12)


def test_no_ratio_to_a_variance_of_zero() -> None:
    """Two arms and the right baseline: no variance at all, so nothing is said to be so many times as large."""
    (finding,) = expectations(pgv.check(RewardToGo(), problems=named("coin")))
    assert finding.optimal_ratio is None
    assert pgv.checking.Report.from_json(pgv.check(RewardToGo(), problems=named("coin")).to_json()).findings
