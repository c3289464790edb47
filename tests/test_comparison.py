"""Exact beside sampled: rows, intervals that hold all at once, and the claims made of them."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import pgverify as pgv
from pgverify.baselines import StateValue
from pgverify.comparison import (
    SOURCES,
    Simultaneous,
    agreement,
    calibration_claim,
    claims,
    exact_trace,
    listed_moments,
    relative_error,
    sampled_moments,
    variance_report,
    z_scores,
)
from pgverify.errors import InvalidData, InvalidInput
from pgverify.estimators import RewardToGo, TotalReturn
from pgverify.stats import Moments, VarianceRatio

INTERVALS = Simultaneous(1e-4, most_rows=100)
COLUMNS = {"quantity", "coordinate", "exact", "sampled", "low", "high", "z", "n", "confidence"}


@pytest.fixture(scope="module")
def walk() -> pgv.Problem:
    mdp = pgv.mdps.get("random-walk-5")
    logits = 0.5 * np.random.default_rng(0).normal(size=(mdp.num_states, mdp.num_actions))
    return pgv.Problem(mdp, pgv.SoftmaxPolicy(logits), pgv.FiniteHorizon(6, 0.9))


def test_the_error_rate_is_shared_out() -> None:
    assert INTERVALS.alpha == pytest.approx(1e-6)
    assert INTERVALS.critical == pytest.approx(4.891638, abs=1e-6)  # Φ⁻¹(1 − 5e-7)
    for arguments in ((0.0, 10), (1.5, 10), (0.1, 0)):
        with pytest.raises(InvalidData):
            Simultaneous(*arguments)


def test_mean_rows_are_widened_by_the_skewness() -> None:
    samples = np.array([[0.0, 1.0], [0.0, -1.0], [0.0, 1.0], [4.0, -1.0]])
    moments = Moments.of(samples)
    first, second = INTERVALS.mean_rows(moments, np.array([1.0, 0.5]), np.array([7, 9]))
    z, error = INTERVALS.critical, moments.standard_error
    # Column 1 is symmetric: a plain z-interval. Column 0: mean 1, y = (-1, -1, -1, 3): skewness 24/4 / (12/4)^{3/2}.
    assert (second["low"], second["high"]) == pytest.approx((-z * error[1], z * error[1]))
    skewness = 6.0 / 3.0**1.5
    assert first["high"] - 1.0 == pytest.approx(error[0] * (z + skewness * (2 * z**2 + 1) / 12))
    assert (first["coordinate"], second["coordinate"]) == (7, 9)
    assert second["z"] == pytest.approx(-0.5 / error[1])
    assert set(first) == COLUMNS


@pytest.mark.statistical
def test_sampled_rows_hold_the_exact_numbers(walk: pgv.Problem) -> None:
    """Fixed seed; of another one the false-fail rate would be at most 1e-4."""
    moments = sampled_moments(walk, TotalReturn(), 20_000, 3)
    gradient = pgv.exact.gradient(walk)
    inner = np.flatnonzero(moments.variance > 0)
    rows = INTERVALS.mean_rows(sampled_moments(walk, TotalReturn(), 20_000, 3, inner), gradient[inner], inner)
    rows.append(INTERVALS.trace_row(moments, exact_trace(TotalReturn(), walk)))
    batch = pgv.sample(walk, 20_000, 3)
    squares = ((TotalReturn()(batch) - gradient) ** 2).sum(axis=1)
    rows.append(INTERVALS.square_row(Moments.of(squares[:, None]), exact_trace(TotalReturn(), walk)))
    found = VarianceRatio(1 - INTERVALS.alpha).run(TotalReturn()(batch), RewardToGo()(batch))
    rows.append(INTERVALS.ratio_row(found, exact_trace(TotalReturn(), walk) / exact_trace(RewardToGo(), walk)))
    table = pd.DataFrame(rows)
    assert table.notna().all(axis=None)
    assert list(table["quantity"].iloc[-3:]) == ["variance", "variance", "ratio"]
    assert rows[-3]["sampled"] == pytest.approx(rows[-2]["sampled"], rel=1e-2)
    assert rows[-3]["high"] == pytest.approx(rows[-2]["high"], rel=2e-2)
    claim = INTERVALS.claim("all", "Every interval holds.", table)
    assert claim.holds
    assert (claim.name, claim.expected, claim.found) == ("all", f"{len(rows)} of {len(rows)}", claim.expected)
    # Negative controls: one wrong number, one missing number, no rows, more rows than the error rate is shared among.
    for wrong in (table["exact"].max() * 3, np.nan):
        changed = table.copy()
        changed.loc[table["exact"].idxmax(), "exact"] = wrong
        assert not INTERVALS.claim("all", "", changed).holds
    assert not INTERVALS.claim("all", "", table.iloc[:0]).holds
    assert not Simultaneous(1e-4, most_rows=len(rows) - 1).claim("all", "", table).holds
    assert INTERVALS.test_row(moments, gradient)["p_value"] > 1e-4
    assert INTERVALS.test_row(moments, 2.0 * gradient)["p_value"] < 1e-6


def test_a_quantity_that_does_not_vary_keeps_its_row() -> None:
    found = VarianceRatio(0.99).run(np.eye(4), 2.0 * np.eye(4))
    row = INTERVALS.ratio_row(found, 0.25)
    assert row["low"] < 0.25 < row["high"] < 0.25 * (1 + 1e-8)
    still = INTERVALS.square_row(Moments.of(np.zeros((5, 1))), 0.0)
    assert (still["low"], still["high"]) == (0.0, 0.0)
    assert np.isnan(still["z"])


def test_three_ways_to_the_same_trace(walk: pgv.Problem) -> None:
    batch, weights = pgv.exact.enumerate_trajectories(walk)
    mean, trace = listed_moments(RewardToGo()(batch), weights)
    assert relative_error(mean, pgv.exact.gradient(walk)) < 1e-12
    assert trace == pytest.approx(exact_trace(RewardToGo(), walk), rel=1e-12)
    half = np.arange(mean.size // 2)
    rest = np.arange(mean.size // 2, mean.size)
    assert exact_trace(RewardToGo(), walk, half) + exact_trace(RewardToGo(), walk, rest) == pytest.approx(trace)
    assert np.isnan(exact_trace(lambda batch: RewardToGo()(batch), walk))


def test_the_report_says_all_that_is_known(walk: pgv.Problem) -> None:
    estimators = {"to-go": RewardToGo(), "with V": RewardToGo(StateValue())}
    rows = variance_report(walk, estimators, "to-go", 5_000, 1, INTERVALS)
    assert [row["estimator"] for row in rows] == list(estimators)
    for row, estimator in zip(rows, estimators.values(), strict=True):
        assert set(row) >= COLUMNS | {"ratio", "trajectories", "steps"}
        assert row["quantity"] == "variance_report"
        assert row["exact"] == pytest.approx(exact_trace(estimator, walk), rel=1e-12)
        assert row["low"] < row["exact"] < row["high"]
        assert sum(row[f"share_{source}"] for source in SOURCES) == pytest.approx(1.0, abs=1e-12)
        assert row["trajectories"] == pgv.plan(estimator, walk).trajectories
    assert rows[0]["ratio"] == 1.0
    assert rows[1]["ratio"] == pytest.approx(rows[1]["exact"] / rows[0]["exact"])
    assert rows[1]["trajectories"] < rows[0]["trajectories"]
    with pytest.raises(InvalidInput, match="reference is 'none', must be one of to-go, with V"):
        variance_report(walk, estimators, "none", 10, 0, INTERVALS)


@pytest.mark.statistical
def test_calibration_sees_error_bars_that_are_too_short(walk: pgv.Problem) -> None:
    """Fixed seed; of another one the false-fail rate would be 1e-4."""
    table = pd.DataFrame(z_scores(walk, RewardToGo(StateValue()), 200, 1_000, 5)).assign(estimator="with V")
    assert len(table) == 200
    assert calibration_claim(table, 1e-4).holds
    assert not calibration_claim(table.assign(z=2.0 * table["z"]), 1e-4).holds


@pytest.mark.parametrize(
    ("errors", "holds"), [([1e-12, -1e-11], True), ([0.0, -1e-9], False), ([0.0, np.nan], False), ([], False)]
)
def test_agreement_needs_every_error_small_and_present(errors: list[float], holds: bool) -> None:
    claim = agreement("same", "Both ways agree.", errors)
    assert claim.holds is holds
    assert (claim.evidence, claim.expected) == ("exact", "relative error 0")


def test_claims_share_what_they_rest_on() -> None:
    first, second = claims("sampled", "rate 1e-4", ("a", "A.", "1", "1", np.bool_(True)), ("b", "B.", "1", "2", 0))
    assert (first.holds, second.holds) == (True, False)
    assert (first.name, second.statement, second.certainty, first.evidence) == ("a", "B.", "rate 1e-4", "sampled")


def test_relative_error_is_of_the_largest_entry() -> None:
    assert relative_error([1.0, 2.0, -4.1], [1.0, 2.0, -4.0]) == pytest.approx(0.025)
    assert np.isnan(relative_error([np.nan, 1.0], [1.0, 1.0]))
