from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from scipy import stats

from pgverify.errors import InvalidData
from pgverify.stats import Moments, TraceInterval, VarianceRegion


def test_interval_equals_its_formula_written_out() -> None:
    x = np.random.default_rng(1).exponential(size=(50, 2))
    found = VarianceRegion.of(Moments.of(x, diagonal=True), 0.9)
    z = stats.norm.isf(0.1 / 2 / 2)
    for j in range(2):
        kurtosis = stats.kurtosis(x[:, j], fisher=False)
        c = 50 / (50 - z)
        error = c * np.sqrt((kurtosis - 47 / 50) / 49)
        expected = np.exp(np.log(c * x[:, j].var(ddof=1)) + z * error * np.array([-1, 1]))
        np.testing.assert_allclose([found.low[j], found.high[j]], expected, rtol=1e-10)


def test_trace_equals_the_distances_themselves() -> None:
    """From the stream, merged from two parts, and from |x_i − mean|² directly."""
    x = np.random.default_rng(2).exponential(size=(60, 3)) @ np.array([[1.0, 2, 0], [0, 1, 1], [0, 0, 3]])
    found = TraceInterval.of(Moments.of(x[:7]).merge(Moments.of(x[7:])), 0.95)
    q = ((x - x.mean(axis=0)) ** 2).sum(axis=1)
    t, relative = stats.t.isf(0.025, 59), q.std(ddof=1) / q.mean()
    reach = relative / np.sqrt(60) * (t + 2 * relative * (2 * t**2 + 1) / (6 * np.sqrt(60)))
    assert found.trace == pytest.approx(np.trace(np.cov(x.T)), rel=1e-12)
    assert (found.low, found.high) == pytest.approx(
        (found.trace * np.exp(-reach), found.trace * np.exp(reach)), rel=1e-11
    )


def test_diagonal_trace_is_never_narrower() -> None:
    x = np.random.default_rng(4).normal(size=(30, 1)) * [1.0, 2.0, -1.0] + np.random.default_rng(5).normal(size=(30, 3))
    full, diagonal = (TraceInterval.of(Moments.of(x, flag), 0.95) for flag in (False, True))
    assert diagonal.low < full.low < full.trace < full.high < diagonal.high
    assert diagonal.trace == pytest.approx(full.trace, rel=1e-12)
    one = [TraceInterval.of(Moments.of(x[:, :1], flag), 0.95).high for flag in (False, True)]
    assert one[0] == pytest.approx(one[1], rel=1e-12)  # in one dimension the bound is attained


@pytest.mark.usefixtures("unchecked_shapes")  # a long loop
@pytest.mark.statistical
def test_far_out_the_interval_keeps_its_rate_only_with_the_correction(count_bounds) -> None:
    """Traces of 100 normal pairs, n q̄ ~ χ²: at 1e-3 the delta method alone fails more often than it says.

    False-fail rate below 1e-9: for a true rate of at most 1e-3 with the correction.
    """
    rng, runs, n, missed, bare = np.random.default_rng(12), 20_000, 100, 0, 0
    t = stats.t.isf(5e-4, n - 1)
    for _ in range(runs):
        x = rng.normal(size=(n, 2))
        centred = x - x.mean(axis=0)
        q = (centred**2).sum(axis=1)
        trace, se = q.sum() / (n - 1), q.std(ddof=1) / (np.sqrt(n) * q.mean())
        reach = se * t
        bare += abs(np.log(trace / 2.0)) > reach
        missed += abs(np.log(trace / 2.0)) > reach + se**2 * (2 * t**2 + 1) / 3
    assert missed <= count_bounds(runs, 1e-3)[1]
    assert bare > missed
    found = TraceInterval.of(Moments.of(x), 1 - 1e-3)
    assert found.high == pytest.approx(trace * np.exp(reach + se**2 * (2 * t**2 + 1) / 3), rel=1e-9)


def test_zero_variance_has_a_zero_interval() -> None:
    x = np.column_stack([np.full(5, 0.1), np.arange(5.0)])
    region = VarianceRegion.of(Moments.of(x), 1 - 1e-4)
    assert (region.low[0], region.high[0]) == (0.0, 0.0)
    assert region.contains([0.0, 2.5])
    assert not region.contains([1e-9, 2.5])
    scarce = Moments.of(np.column_stack([np.full(7, 0.1), np.arange(7.0)]))
    confidence = 1 - 4 * stats.norm.sf(6.99)  # z = 6.99, n − z = 0.01: the factor overflows
    region = VarianceRegion.of(scarce, confidence)
    np.testing.assert_array_equal([region.low[0], region.high[0]], 0.0)
    assert region.high[1] > 1e300
    trace = TraceInterval.of(Moments.of(x[:, :1]), 0.9)
    assert (trace.trace, trace.low, trace.high) == (0.0, 0.0, 0.0)


def coverage(draw: Callable[[np.random.Generator], np.ndarray], variance: list[float], runs: int) -> tuple[int, int]:
    rng = np.random.default_rng(11)
    variances = traces = 0
    for _ in range(runs):
        moments = Moments.of(draw(rng))
        variances += VarianceRegion.of(moments, 0.9).contains(variance)
        traces += TraceInterval.of(moments, 0.9).contains(sum(variance))
    return variances, traces


@pytest.mark.usefixtures("unchecked_shapes")  # a long loop
@pytest.mark.statistical
def test_coverage_on_normal_samples(count_bounds) -> None:
    """False-fail rate below 4e-9: 1e-9 for each bound, for true coverages of 0.88 to 0.93 (n = 200)."""
    found = coverage(lambda rng: rng.normal(size=(200, 2)) * [1, 3], [1.0, 9.0], 300)
    for count in found:
        assert count_bounds(300, 0.88)[0] <= count <= count_bounds(300, 0.93)[1]


@pytest.mark.usefixtures("unchecked_shapes")  # a long loop
@pytest.mark.statistical
def test_coverage_on_skewed_samples_and_the_normal_interval_beside_it(count_bounds) -> None:
    """False-fail rate below 3e-9: coverages above 0.86, the χ² interval's below 0.65 (kurtosis 9 for 3)."""
    found = coverage(lambda rng: rng.exponential(size=(1000, 2)) * [1, 3], [1.0, 9.0], 300)
    for count in found:
        assert count >= count_bounds(300, 0.86)[0]
    rng, inside = np.random.default_rng(11), 0
    low, high = stats.chi2.ppf([0.05, 0.95], 999)
    for _ in range(300):
        inside += low <= 999 * rng.exponential(size=1000).var(ddof=1) <= high
    assert inside <= count_bounds(300, 0.65)[1]


def test_too_few_samples_are_refused() -> None:
    few = Moments.of(np.arange(3.0)[:, None])
    with pytest.raises(InvalidData, match=r"moments.count is 3, must be an integer of at least 4"):
        VarianceRegion.of(few, 0.9)
    with pytest.raises(InvalidData, match="at least 4"):
        TraceInterval.of(few, 0.9)
    with pytest.raises(InvalidData, match="at least 7"):  # z = 6.1 for 1e-9
        VarianceRegion.of(Moments.of(np.arange(6.0)[:, None]), 1 - 1e-9)
    with pytest.raises(InvalidData, match=r"variance\[0\] is nan"):
        VarianceRegion.of(Moments.of(np.arange(6.0)[:, None]), 0.9).contains([np.nan])
