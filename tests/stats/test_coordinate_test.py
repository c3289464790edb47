from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from pgverify.errors import InvalidData
from pgverify.stats import CoordinateTest, Moments

SCALES = np.array([1.0, 3.0, 0.2])


def test_equals_scipy_and_bonferroni() -> None:
    x = np.random.default_rng(0).normal(size=(25, 3)) * SCALES
    target = [0.3, -0.2, 0.01]
    found = CoordinateTest(0.05).run(Moments.of(x, diagonal=True), target)
    expected = stats.ttest_1samp(x, target)
    assert found.statistic == pytest.approx(np.abs(expected.statistic).max(), rel=1e-6)  # less the rounding
    assert found.p_value == pytest.approx(min(1, 3 * expected.pvalue.min()), rel=1e-6)
    np.testing.assert_allclose(found.bias, x.mean(axis=0) - target)


def test_holm_by_hand() -> None:
    """p = (.01, .03, .02) → sorted .01·3, .02·2, .03·1, made rising: (.03, .04, .04)."""
    p = np.array([0.01, 0.03, 0.02])
    t = stats.t.isf(p / 2, 9)
    base = np.random.default_rng(1).normal(size=10)
    base = (base - base.mean()) / base.std(ddof=1)
    x = base[:, None] + t / np.sqrt(10)
    found = CoordinateTest(0.035).run(Moments.of(x), np.zeros(3))
    np.testing.assert_allclose(found.p_values, [0.03, 0.04, 0.04], rtol=1e-6)
    np.testing.assert_array_equal(found.coordinates, [True, False, False])
    assert found.p_value == pytest.approx(0.03, rel=1e-6)
    assert found.rejected
    assert not CoordinateTest(0.029).run(Moments.of(x), np.zeros(3)).rejected


def test_a_deterministic_coordinate_is_decisive_beyond_rounding_only() -> None:
    x = np.column_stack([np.random.default_rng(2).normal(size=8), np.full(8, 0.7)])
    m = Moments.of(x)
    test = CoordinateTest(1e-6)
    right = test.run(m, [0.0, 0.7 * (1 + 1e-12)])
    wrong = test.run(m, [0.0, 0.7 + 1e-6])
    assert not right.rejected
    assert (wrong.p_value, wrong.statistic, wrong.rejected) == (0.0, np.inf, True)
    assert wrong.rests_on_deterministic
    np.testing.assert_array_equal(wrong.deterministic, [False, True])
    np.testing.assert_array_equal(wrong.coordinates, [False, True])
    assert not CoordinateTest(1e-6, rounding=1e-5).run(m, [0.0, 0.7 + 1e-6]).rejected


def test_all_zero_samples() -> None:
    m = Moments.of(np.zeros((5, 2)))
    assert not CoordinateTest(0.01).run(m, [0, 0]).rejected
    assert CoordinateTest(0.01).run(m, [0, 1e-8]).rejected


def test_jump_makes_a_rare_event_no_false_alarm() -> None:
    """x is 0, or 1 with probability 1e-3: 200 zeros have probability 0.82, and (1 − 1e-3)^199 is no evidence.

    Without `jump` the coordinate is believed to be deterministic: the false alarm that `jump` is for.
    """
    m = Moments.of(np.zeros((200, 1)))
    test = CoordinateTest(0.01)
    assert test.run(m, [1e-3]).rejected
    found = test.run(m, [1e-3], jump=1.0)
    assert found.p_value == pytest.approx(0.999**199, rel=1e-9)
    assert not found.rejected
    assert test.run(m, [0.1], jump=[1.0]).p_value == pytest.approx(0.9**199, rel=1e-9)
    assert test.run(m, [0.1], jump=0.0).p_value == 0.0


@pytest.mark.usefixtures("unchecked_shapes")  # a long loop
@pytest.mark.statistical
def test_false_alarms_with_rare_events_stay_below_alpha(count_bounds) -> None:
    """False-fail rate below 1e-9. x ∈ {0, 1}, P(1) = 1/300, n = 100: 72 % of the samples are all zero."""
    rng, test, alarms = np.random.default_rng(3), CoordinateTest(0.05), np.zeros(2)
    for _ in range(200):
        m = Moments.of((rng.random((100, 1)) < 1 / 300).astype(float))
        alarms += [test.run(m, [1 / 300], jump=1.0).rejected, test.run(m, [1 / 300]).rejected]
    assert alarms[0] <= count_bounds(200, 0.05)[1]
    assert alarms[1] >= count_bounds(200, 0.65)[0]  # the negative control: without the bound


@pytest.mark.usefixtures("unchecked_shapes")  # a long loop
@pytest.mark.statistical
def test_false_alarms_and_the_triad(count_bounds) -> None:
    """False-fail rate below 5e-9: alarms ≤ alpha (Bonferroni), power 0.9 along one coordinate up to the help
    of the other two (at most alpha more)."""
    n, test, rng = 15, CoordinateTest(0.05), np.random.default_rng(4)
    size = test.detectable_bias(SCALES**2, n, direction=[0, -2, 0])
    assert test.samples_needed(np.diag(SCALES**2), [0, size, 0]) == n
    alarms = found = half = 0
    for _ in range(250):
        m = Moments.of(rng.normal(size=(n, 3)) * SCALES, diagonal=True)
        alarms += test.run(m, [0, 0, 0]).rejected
        found += test.run(m, [0, size, 0]).rejected
        half += test.run(m, [0, size / 2, 0]).rejected
    assert count_bounds(250, 0.045)[0] <= alarms <= count_bounds(250, 0.05)[1]
    assert count_bounds(250, 0.9)[0] <= found <= count_bounds(250, 0.95)[1]
    assert half <= count_bounds(250, 0.6)[1]


def test_detectable_bias_against_the_noncentral_t() -> None:
    """P(|t_{n−1}(δ)| > c) = power by scipy, a second route; then its worst direction, ∝ the deviations."""
    n, alpha, test = 12, 0.01, CoordinateTest(0.01)
    sizes = [test.detectable_bias(SCALES**2, n, direction=row) for row in np.eye(3)]
    c = stats.t.isf(alpha / 6, n - 1)
    for size, scale in zip(sizes, SCALES, strict=True):
        delta = size / scale * np.sqrt(n)
        assert stats.nct.sf(c, n - 1, delta) == pytest.approx(0.9, abs=1e-6)
    worst = test.detectable_bias(SCALES**2, n)
    assert worst == pytest.approx(np.linalg.norm(sizes))
    assert worst == pytest.approx(test.detectable_bias(SCALES**2, n, direction=SCALES))
    assert all(worst >= test.detectable_bias(SCALES**2, n, d) for d in np.random.default_rng(0).normal(size=(50, 3)))


def test_samples_needed_is_the_smallest() -> None:
    test = CoordinateTest(1e-3)
    n = test.samples_needed(SCALES**2, [0.05, 0.0, 0.01])
    direction = [0.05, 0, 0.01]
    assert test.detectable_bias(SCALES**2, n, direction) <= np.linalg.norm(direction)
    assert test.detectable_bias(SCALES**2, n - 1, direction) > np.linalg.norm(direction)
    assert test.samples_needed(SCALES**2, [0, 0, 0]) is None
    assert test.samples_needed([1.0, 0.0], [0.0, 0.1]) == 2
    assert test.samples_needed([1.0, 0.0], [1e-12, 1e-12]) is None


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda _: CoordinateTest(0.0), "alpha is 0.0, must be a number in"),
        (lambda _: CoordinateTest(0.1, power=1.0), "power is 1.0"),
        (lambda _: CoordinateTest(0.1, rounding=-1.0), "rounding is -1.0"),
        (lambda m: CoordinateTest(0.1).run(m, [0.0, np.nan]), r"target\[1\] is nan"),
        (lambda m: CoordinateTest(0.1).run(m, [0.0]), r"target has shape \(1,\), must be \[d\] = \(2,\)"),
        (lambda _: CoordinateTest(0.1).run(Moments.empty(2), [0.0, 0.0]), "count is 0"),
        (lambda m: CoordinateTest(0.1).detectable_bias(m, 1), "n is 1, must be an integer of at least 2"),
        (lambda m: CoordinateTest(0.1).detectable_bias(m, 9, [0, 0]), "direction is zero in every entry"),
    ],
)
def test_bad_input_is_refused(call, message: str) -> None:
    with pytest.raises(InvalidData, match=message):
        call(Moments.of(np.eye(2)))
