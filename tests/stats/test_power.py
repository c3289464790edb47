from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from pgverify.errors import InvalidData
from pgverify.stats.power import (
    f_critical,
    f_noncentrality,
    f_power,
    nonnegative,
    normal_critical,
    open_unit,
    smallest_count,
    t_critical,
)


@pytest.mark.parametrize("alpha", [0.5, 0.05, 1e-4, 1e-9])
@pytest.mark.parametrize("freedom", [3, 17, 10_000])
def test_critical_values_equal_scipy(alpha: float, freedom: int) -> None:
    assert normal_critical(alpha) == pytest.approx(stats.norm.isf(alpha / 2), rel=1e-10)
    assert t_critical(freedom, alpha) == pytest.approx(stats.t.isf(alpha / 2, freedom), rel=1e-9)
    for directions in (1, 6):
        assert f_critical(directions, freedom, alpha) == pytest.approx(
            stats.f.isf(alpha, directions, freedom), rel=1e-7
        )
    assert f_critical(1, freedom, alpha) == pytest.approx(stats.t.isf(alpha / 2, freedom) ** 2, rel=1e-10)


def test_one_direction_is_the_two_sided_noncentral_t() -> None:
    """t² ~ F(1, m): P(|t(δ)| > c) by scipy's noncentral t, a second route."""
    m, alpha, delta = 12, 0.01, 3.3
    c = stats.t.isf(alpha / 2, m)
    expected = stats.nct.sf(c, m, delta) + stats.nct.cdf(-c, m, delta)
    assert f_power(1, m, alpha, delta**2) == pytest.approx(expected, rel=1e-8)


def test_noncentrality_is_the_inverse_of_power() -> None:
    for r, m, alpha, power in [(1, 5, 0.05, 0.9), (7, 40, 1e-6, 0.5), (30, 10**7, 1e-9, 0.99)]:
        found = f_noncentrality(r, m, alpha, power)
        assert f_power(r, m, alpha, found) == pytest.approx(power, abs=1e-9)
        assert f_power(r, m, alpha, 0.99 * found) < power


def test_noncentrality_tends_to_the_normal_equation() -> None:
    """For one direction and many samples (z_{α/2} + z_{power})², up to the far tail."""
    expected = (stats.norm.isf(0.0005) + stats.norm.ppf(0.9)) ** 2
    assert f_noncentrality(1, 10**9, 0.001, 0.9) == pytest.approx(expected, rel=1e-6)


def test_power_is_never_nan() -> None:
    assert f_power(1, 1, 1e-300, 50.0) == 0.0
    assert f_power(3, 9, 0.02, 0.0) == 0.02
    assert f_noncentrality(1, 1, 1e-300, 0.9) == math.inf


def test_smallest_count_is_the_smallest() -> None:
    assert smallest_count(lambda n: n / 1000, 0.9, 2) == 900
    assert smallest_count(lambda _: 1.0, 0.9, 7) == 7
    assert smallest_count(lambda _: 0.1, 0.9, 2) is None


@pytest.mark.parametrize("value", [0.0, 1.0, -1.0, np.nan, True, "a", None])
def test_probabilities_outside_the_open_interval_are_refused(value) -> None:
    with pytest.raises(InvalidData, match=r"alpha is .*, must be a number in \(0, 1\)"):
        open_unit("alpha", value)


@pytest.mark.parametrize("value", [-1e-9, np.nan, np.inf])
def test_negative_or_infinite_sizes_are_refused(value) -> None:
    with pytest.raises(InvalidData, match=r"size is .* at least 0"):
        nonnegative("size", value)
