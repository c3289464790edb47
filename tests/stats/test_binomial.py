from __future__ import annotations

from fractions import Fraction
from math import comb

import pytest
from scipy.stats import binomtest

from pgverify.errors import InvalidData
from pgverify.stats import clopper_pearson


def at_least(k: int, n: int, p: float) -> float:
    """P(X ≥ k) by summing the definition in exact arithmetic."""
    q = Fraction(p)
    return float(sum(comb(n, i) * q**i * (1 - q) ** (n - i) for i in range(k, n + 1)))


@pytest.mark.parametrize(("k", "n"), [(1, 5), (3, 10), (9, 10), (17, 40)])
def test_the_ends_solve_their_equations(k: int, n: int) -> None:
    low, high = clopper_pearson(k, n, 0.9)
    assert at_least(k, n, low) == pytest.approx(0.05, rel=1e-9)
    assert 1 - at_least(k + 1, n, high) == pytest.approx(0.05, rel=1e-9)


@pytest.mark.parametrize(("k", "n"), [(0, 7), (7, 7), (1, 1), (250, 1000)])
def test_equals_scipy(k: int, n: int) -> None:
    expected = binomtest(k, n).proportion_ci(0.99, method="exact")
    assert clopper_pearson(k, n, 0.99) == pytest.approx((expected.low, expected.high), abs=1e-12)


def test_none_of_n_is_the_closed_form() -> None:
    """(1 − high)^n = α/2."""
    assert clopper_pearson(0, 30, 0.95) == (0.0, pytest.approx(1 - 0.025 ** (1 / 30)))


def test_covers_at_least_as_stated_for_every_p() -> None:
    """Coverage summed exactly over all outcomes; a normal interval (negative control) falls short."""
    n = 12
    intervals = [clopper_pearson(k, n, 0.9) for k in range(n + 1)]
    normal = [(k / n - 1.645 * (k / n * (1 - k / n) / n) ** 0.5, 1.0) for k in range(n + 1)]
    for p in (0.01, 0.1, 0.37, 0.5, 0.9, 0.99):
        chance = [comb(n, k) * p**k * (1 - p) ** (n - k) for k in range(n + 1)]
        assert sum(c for c, (low, high) in zip(chance, intervals, strict=True) if low <= p <= high) >= 0.9
    chance = [comb(n, k) * 0.99**k * 0.01 ** (n - k) for k in range(n + 1)]
    assert sum(c for c, (low, high) in zip(chance, normal, strict=True) if low <= 0.99 <= high) < 0.9


def test_bad_counts_are_refused() -> None:
    with pytest.raises(InvalidData, match="successes is 4, must be at most trials = 3"):
        clopper_pearson(4, 3, 0.9)
    with pytest.raises(InvalidData, match="trials is 0"):
        clopper_pearson(0, 0, 0.9)
