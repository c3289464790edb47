from __future__ import annotations

import math

import numpy as np
import pytest

from pgverify.errors import InvalidData
from pgverify.stats import Tails
from pgverify.stats.sequential_tails import GATE, guard_factor

MIX = np.array([[2.0, 0.5, 0.0], [0.0, 1.0, -1.0]])


def skewed(n: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).exponential(size=(n, 2)) @ MIX


def test_equals_its_formula_written_out() -> None:
    """The metric is that of the plane in which the samples lie: the pseudo-inverse serves as Σ⁻¹."""
    x = skewed(200)
    found = Tails.of(x)
    y = x - x.mean(axis=0)
    squares = np.einsum("ij,jk,ik->i", y, np.linalg.pinv(np.cov(x.T), rcond=1e-10), y)
    assert found.squared_radius == pytest.approx(squares.max(), rel=1e-9)
    values, vectors = np.linalg.eigh(np.cov(x.T))
    z = y @ vectors[:, 1:] / np.sqrt(values[1:])
    assert found.kurtosis == pytest.approx(np.linalg.eigvalsh((z * squares[:, None]).T @ z / 200)[-1], rel=1e-9)


def test_one_dimension_is_the_sample_kurtosis() -> None:
    """Moments divides by n, the covariance by n − 1: a factor ((n − 1)/n)²."""
    found = Tails.of(skewed(50)[:, :1])
    assert found.kurtosis == pytest.approx(found.moments.kurtosis[0] * (49 / 50) ** 2, rel=1e-9)


def test_bounds_every_direction() -> None:
    x = skewed(300)
    found = Tails.of(x)
    for u in np.random.default_rng(1).normal(size=(20, 3)):
        y = (x - x.mean(axis=0)) @ u
        y /= y.std(ddof=1)
        assert (y**4).mean() <= found.kurtosis * (1 + 1e-9)
        assert (y**2).max() <= found.squared_radius * (1 + 1e-9)


def test_streamed_is_an_upper_bound_and_a_close_one() -> None:
    x = skewed(4000)
    whole, streamed = Tails.of(x), Tails.of(x[:300])
    for part in np.split(x[300:], [100, 101, 900, 2000]):
        streamed = streamed.extended(part)
    assert whole.kurtosis * 0.999 <= streamed.kurtosis <= 1.6 * whole.kurtosis
    assert whole.squared_radius * (1 - 1e-9) <= streamed.squared_radius <= 1.6 * whole.squared_radius
    assert streamed.moments.covariance == pytest.approx(whole.moments.covariance, abs=1e-9)
    assert streamed.low == pytest.approx(x.min(axis=0))
    assert streamed.high == pytest.approx(x.max(axis=0))
    assert streamed.extended(np.empty((0, 3))) is streamed


def test_a_direction_that_wakes_late_is_seen() -> None:
    x = np.column_stack([np.random.default_rng(2).normal(size=1000), np.zeros(1000)])
    x[-1, 1] = 5.0
    streamed = Tails.of(x[:500]).extended(x[500:])
    assert streamed.kurtosis == pytest.approx(Tails.of(x).kurtosis, rel=0.1)
    assert streamed.kurtosis > 900  # one event in a thousand: kurtosis about 1/p
    assert Tails.of(x[:500]).kurtosis < 10  # negative control: without it


def test_nothing_varies() -> None:
    found = Tails.of(np.ones((5, 2))).extended(np.ones((5, 2)))
    assert (found.kurtosis, found.squared_radius) == (1.0, 0.0)


def test_guard_factor_is_its_formula_and_closes() -> None:
    """s = √(2·3·10/6000) = 0.1, U = 2·20·10/6000."""
    assert guard_factor(3.0, 20.0, 6000, 10.0) == pytest.approx((1 + 2 * (1 / 0.9 + 400 / 6000)) / 3)
    assert guard_factor(3.0, 20.0, 10**9, 10.0) == pytest.approx(1.0, abs=1e-3)
    n = math.ceil(60 / GATE**2)
    assert math.isfinite(guard_factor(3.0, 0.0, n, 10.0))
    assert math.isinf(guard_factor(3.0, 0.0, n - 1, 10.0))


def test_guard_factor_covers_the_correction_for_skewness() -> None:
    """Exp(z²/2 (f − 1)) ≥ exp(γ z³ / (3√n)) with z² = 2L and γ² = kurtosis − 1, the largest there is."""
    for kurtosis in (1.5, 3.0, 9.0, 100.0):
        for n in (10**4, 10**6, 10**8):
            for odds in (3.0, 10.0, 20.0):
                f, z = guard_factor(kurtosis, 0.0, n, odds), math.sqrt(2 * odds)
                assert odds * (f - 1) >= math.sqrt(kurtosis - 1) * z**3 / (3 * math.sqrt(n))


def test_guarded_covariance() -> None:
    tails = Tails.of(skewed(5000))
    plain = tails.guarded_covariance(5.0, None)
    factor = guard_factor(tails.kurtosis, tails.squared_radius, 5000, 5.0)
    assert plain == pytest.approx(factor * tails.moments.covariance)
    jump = np.array([3.0, 0.0, 1.0])
    bounded = tails.guarded_covariance(5.0, jump)
    factor = guard_factor(tails.kurtosis, 0.0, 5000, 5.0)
    expected = factor * tails.moments.covariance + 2 / 3 * 5 / 5000 * 3 * np.diag(jump**2)
    assert bounded == pytest.approx(expected)
    assert tails.guarded_covariance(500.0, None) is None
    one = tails.guarded_variance(5.0, None)
    assert (one < np.diagonal(plain)).all()  # a coordinate knows its own tails better
    assert np.isinf(tails.guarded_variance(5e3, None)).all()


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_refuses_what_is_not_a_number(bad: float) -> None:
    x = skewed(4)
    x[2, 1] = bad
    with pytest.raises(InvalidData, match=r"samples\[2, 1\] is"):
        Tails.of(x)
    with pytest.raises(InvalidData, match=r"samples\[2, 1\] is"):
        Tails.of(skewed(4)).extended(x)
    with pytest.raises(InvalidData, match="number of samples is 1"):
        Tails.of(skewed(1))
