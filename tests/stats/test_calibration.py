from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from pgverify.errors import InvalidData
from pgverify.stats import Calibration, clopper_pearson, quantile_pairs


def test_equals_scipy() -> None:
    z = np.random.default_rng(3).normal(size=200)
    found, expected = Calibration.of(z), stats.kstest(z, "norm", method="exact")
    assert found.statistic == pytest.approx(expected.statistic, rel=1e-12)
    assert found.p_value == pytest.approx(expected.pvalue, rel=1e-9)
    outside = int((np.abs(z) > 1.96).sum())
    assert found.outside == outside / 200
    assert (found.outside_low, found.outside_high) == clopper_pearson(outside, 200, 0.95)
    assert found.outside_expected == pytest.approx(2 * stats.norm.sf(1.96), rel=1e-12)


def test_one_score_by_hand() -> None:
    """One score at 0: F steps from 0 to 1 where Φ = 1/2, D = 1/2, and P(D ≥ 1/2) = 1."""
    found = Calibration.of([0.0])
    assert (found.statistic, found.p_value, found.outside) == (0.5, 1.0, 0.0)


def test_normal_quantiles_pass_and_wrong_error_bars_do_not() -> None:
    """At the quantiles themselves D = 1/(2k); error bars too small or too large by a half are seen."""
    z = stats.norm.ppf((np.arange(1000) + 0.5) / 1000)
    assert Calibration.of(z).statistic == pytest.approx(1 / 2000, abs=1e-12)
    assert Calibration.of(z).p_value > 0.999
    small, large, shifted = Calibration.of(1.5 * z), Calibration.of(z / 1.5), Calibration.of(z + 0.3)
    assert max(small.p_value, large.p_value, shifted.p_value) < 1e-6
    assert small.outside_low > small.outside_expected > large.outside_high


def test_quantile_pairs() -> None:
    theoretical, observed = quantile_pairs([3.0, -1.0, 0.5])
    np.testing.assert_allclose(theoretical, stats.norm.ppf([1 / 6, 1 / 2, 5 / 6]), atol=1e-15)
    np.testing.assert_array_equal(observed, [-1.0, 0.5, 3.0])


@pytest.mark.parametrize(
    ("scores", "message"),
    [([], "k at least 1"), ([[1.0]], "must be"), ([0.0, np.nan], r"scores\[1\] is nan")],
)
def test_bad_scores_are_refused(scores, message: str) -> None:
    with pytest.raises(InvalidData, match=message):
        Calibration.of(scores)
