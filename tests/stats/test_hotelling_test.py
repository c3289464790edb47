from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from pgverify.errors import InvalidData
from pgverify.stats import HotellingTest, Moments

MIX = np.array([[2.0, 0.5, 0.0], [0.0, 1.0, -1.0]])
SUM_ZERO = np.eye(3) - 1 / 3


def test_equals_its_formula_written_out() -> None:
    x = np.random.default_rng(0).normal(size=(20, 2)) @ MIX[:, :2]
    target = np.array([0.5, -0.5])
    found = HotellingTest(0.05).run(Moments.of(x), target)
    b = x.mean(axis=0) - target
    t2 = 20 * b @ np.linalg.solve(np.cov(x.T), b)
    assert found.statistic == pytest.approx(t2, rel=1e-6)
    assert found.p_value == pytest.approx(stats.f.sf(t2 * 18 / (2 * 19), 2, 18), rel=1e-6)
    assert found.rank == 2


def test_one_dimension_is_students_t() -> None:
    x = np.random.default_rng(1).normal(size=(9, 1)) + 0.4
    found = HotellingTest(0.05).run(Moments.of(x), [0.0])
    assert found.p_value == pytest.approx(stats.ttest_1samp(x[:, 0], 0).pvalue, rel=1e-6)


def test_a_singular_covariance_is_tested_in_its_own_space() -> None:
    """Two free numbers mapped into three coordinates give the T² of the two, whatever the map."""
    z = np.random.default_rng(2).normal(size=(15, 2))
    inside = HotellingTest(0.05).run(Moments.of(z), [0.3, -0.4])
    mapped = HotellingTest(0.05).run(Moments.of(z @ MIX + 5), np.array([0.3, -0.4]) @ MIX + 5)
    assert mapped.rank == 2
    assert mapped.p_value == pytest.approx(inside.p_value, rel=1e-4)
    assert mapped.deterministic_bias == 0.0


def test_a_bias_across_the_sum_is_decisive() -> None:
    """Samples sum to zero, the target to 1e-3: no spread can explain it, though every coordinate varies."""
    x = np.random.default_rng(3).normal(size=(40, 3)) @ SUM_ZERO
    m, test = Moments.of(x), HotellingTest(1e-9)
    found = test.run(m, m.mean + 1e-3)
    assert (found.p_value, found.statistic, found.rests_on_deterministic) == (0.0, math.inf, True)
    assert found.deterministic_bias == pytest.approx(1e-3 * np.sqrt(3), rel=0.01)
    assert not test.run(m, m.mean).rejected
    assert not test.run(m, m.mean + 1e-12).rejected


def test_nothing_varies() -> None:
    m, test = Moments.of(np.full((4, 2), 3.0)), HotellingTest(0.01)
    assert (test.run(m, [3, 3]).p_value, test.run(m, [3, 3.1]).p_value) == (1.0, 0.0)
    assert test.run(m, [3, 3]).rank == 0


def test_too_few_samples_are_refused_not_believed() -> None:
    """Five samples in ten dimensions span only four directions: nothing about the other six is known."""
    m = Moments.of(np.random.default_rng(4).normal(size=(5, 10)))
    assert not HotellingTest(0.1).applicable(m)
    with pytest.raises(InvalidData, match="count is 5, must be at least 6 for 4 directions"):
        HotellingTest(0.1).run(m, np.zeros(10))
    assert not HotellingTest(0.1).applicable(Moments.of(np.zeros((9, 2)), diagonal=True))


def test_jump_is_the_stated_bound() -> None:
    """All of 50 samples at 0, target at distance 0.5 = (.3, .4), |jump| = 1: d C(50, 1) (1/2)^49, doubled."""
    m = Moments.of(np.zeros((50, 2)))
    found = HotellingTest(0.01).run(m, [0.3, 0.4], jump=[0.6, 0.8])
    assert found.p_value == pytest.approx(2 * 2 * 50 * 0.5**49, rel=1e-6)
    assert found.rejected
    near = HotellingTest(0.01).run(m, [0.003, 0.004], jump=[0.6, 0.8])
    assert near.p_value == 1.0
    assert HotellingTest(0.01).run(m, [0.003, 0.004]).rejected  # negative control: believed without a bound
    assert HotellingTest(0.01).run(m, [3, 4], jump=[0.6, 0.8]).p_value == 0.0


def test_jump_where_one_direction_varies() -> None:
    """The line of (z, 0) in two dimensions, r = 1: 2 min(p of t, d C(n, 2) (1 − δ/|jump|)^(n−2))."""
    z = np.random.default_rng(8).normal(size=60)
    m, test = Moments.of(np.column_stack([z, np.zeros(60)])), HotellingTest(0.01)
    along = test.run(m, [z.mean() + 0.3, 0.0], jump=2.0)
    across = test.run(m, [z.mean(), 1.0], jump=2.0)
    assert along.p_value == pytest.approx(2 * stats.ttest_1samp(z, z.mean() + 0.3).pvalue, rel=1e-6)
    assert across.p_value == pytest.approx(2 * 2 * math.comb(60, 2) * (1 - 1 / 8**0.5) ** 58, rel=1e-4)


@pytest.mark.usefixtures("unchecked_shapes")  # a long loop
@pytest.mark.statistical
def test_a_rare_action_is_no_false_alarm_with_jump(count_bounds) -> None:
    """False-fail rate below 1e-9. One-hot of three actions with probabilities (.499, .499, .002), minus them.

    60 samples mostly lack the third action: they lie on a line that misses the true mean, 0.
    """
    p = np.array([0.499, 0.499, 0.002])
    rng, test, alarms = np.random.default_rng(5), HotellingTest(0.05), np.zeros(2)
    for _ in range(120):
        m = Moments.of(np.eye(3)[rng.choice(3, size=60, p=p)] - p)
        alarms += [test.run(m, np.zeros(3), jump=1.0).rejected, test.run(m, np.zeros(3)).rejected]
    assert alarms[0] <= count_bounds(120, 0.05)[1]
    assert alarms[1] >= count_bounds(120, 0.8)[0]


@pytest.mark.usefixtures("unchecked_shapes")  # a long loop
@pytest.mark.statistical
def test_false_alarms_and_the_triad(count_bounds) -> None:
    """False-fail rate below 5e-9: for normal samples of rank two, alarms are exactly alpha, power exactly
    0.9 in the worst direction and along a given one.
    """
    n, test, rng = 12, HotellingTest(0.05), np.random.default_rng(6)
    covariance = MIX.T @ MIX
    _, vectors = np.linalg.eigh(covariance)
    given = np.array([1.0, 1.0]) @ MIX
    worst = vectors[:, -1] * test.detectable_bias(covariance, n, vectors[:, -1])
    assert np.linalg.norm(worst) == pytest.approx(test.detectable_bias(covariance, n), rel=1e-6)
    along = given / np.linalg.norm(given) * test.detectable_bias(covariance, n, given)
    counts = np.zeros(3)
    for _ in range(250):
        m = Moments.of(rng.normal(size=(n, 2)) @ MIX)
        counts += [test.run(m, target).rejected for target in (np.zeros(3), worst, along)]
    for count, rate in zip(counts, (0.05, 0.9, 0.9), strict=True):
        low, high = count_bounds(250, rate)
        assert low <= count <= high
    for bias in (worst, along):
        assert test.samples_needed(covariance, bias * (1 + 1e-6)) == n


def test_detectable_bias_solves_the_noncentral_f() -> None:
    n, alpha, test = 30, 1e-3, HotellingTest(1e-3, power=0.7)
    found = test.detectable_bias(np.diag([4.0, 1.0]), n)
    c = stats.f.isf(alpha, 2, n - 2)
    assert stats.ncf.sf(c, 2, n - 2, n * found**2 / 4) == pytest.approx(0.7, abs=1e-6)
    easy = test.detectable_bias(np.diag([4.0, 1.0]), n, [0, 5])
    assert easy == pytest.approx(found / 2, rel=1e-6)


def test_samples_needed() -> None:
    test = HotellingTest(0.01)
    covariance = np.diag([4.0, 1.0, 0.0])
    n = test.samples_needed(covariance, [0.1, 0.1, 0.0])
    length = np.hypot(0.1, 0.1)
    assert test.detectable_bias(covariance, n, [1, 1, 0]) <= length * (1 + 1e-6)
    assert test.detectable_bias(covariance, n - 1, [1, 1, 0]) > length
    assert test.samples_needed(covariance, [0.0, 0.0, 0.1]) == 4
    assert test.samples_needed(covariance, [0.0, 0.0, 1e-12]) is None
    assert test.samples_needed(np.zeros((2, 2)), [0.0, 0.0]) is None
    assert test.detectable_bias(covariance, 3) == math.inf
    assert test.detectable_bias(covariance, 50, [0, 0, 1]) < 1e-4
    assert test.detectable_bias(np.zeros((2, 2)), 50) < 1e-100


def test_moments_stand_for_their_covariance() -> None:
    m = Moments.of(np.random.default_rng(7).normal(size=(30, 3)))
    test = HotellingTest(0.01)
    assert test.detectable_bias(m, 99) == pytest.approx(test.detectable_bias(m.covariance, 99), rel=1e-6)
    assert test.samples_needed(m, [0.1, 0, 0]) == test.samples_needed(m.covariance, [0.1, 0, 0])
