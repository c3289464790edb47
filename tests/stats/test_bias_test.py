from __future__ import annotations

import numpy as np
import pytest

from pgverify.errors import InvalidData
from pgverify.stats import BiasTest, CoordinateTest, HotellingTest, Moments
from pgverify.stats.bias_test import DIAGONAL, TOO_FEW


def test_is_both_tests_at_half_the_rate() -> None:
    m = Moments.of(np.random.default_rng(0).normal(size=(30, 3)))
    found = BiasTest(0.02).run(m, [0.4, 0.1, 0.0])
    coordinate = CoordinateTest(0.01).run(m, [0.4, 0.1, 0.0])
    hotelling = HotellingTest(0.01).run(m, [0.4, 0.1, 0.0])
    assert found.p_value == 2 * min(coordinate.p_value, hotelling.p_value)
    assert found.rejected == (coordinate.rejected or hotelling.rejected) == (found.p_value <= 0.02)
    assert (found.note, found.rests_on_deterministic) == ("", False)


def test_each_finds_what_the_other_misses() -> None:
    """Twelve coordinates, mean zero exactly, unit covariance exactly: one bias of 4.2 standard errors in a
    single coordinate, and one of 2.2 in every coordinate."""
    x = np.random.default_rng(1).normal(size=(200, 12))
    x = x - x.mean(axis=0)
    m = Moments.of(x @ np.linalg.inv(np.linalg.cholesky(np.cov(x.T))).T)
    test = BiasTest(0.01)
    single = test.run(m, np.eye(12)[0] * 4.2 / np.sqrt(200))
    spread = test.run(m, np.full(12, 2.2) / np.sqrt(200))
    assert single.rejected
    assert spread.rejected
    assert (single.coordinate.rejected, single.hotelling.rejected) == (True, False)
    assert (spread.coordinate.rejected, spread.hotelling.rejected) == (False, True)
    assert not test.run(m, np.zeros(12)).rejected


def test_too_few_samples_leave_the_coordinates() -> None:
    x = np.random.default_rng(2).normal(size=(6, 10))
    found = BiasTest(0.05).run(Moments.of(x), np.zeros(10))
    assert found.hotelling is None
    assert found.note == TOO_FEW
    assert not found.rejected
    assert found.p_value == min(1.0, 2 * found.coordinate.p_value)
    assert BiasTest(0.05).run(Moments.of(x), np.full(10, 50.0)).rejected
    assert BiasTest(0.05).run(Moments.of(x, diagonal=True), np.zeros(10)).note == DIAGONAL


def test_the_estimator_that_forgets_the_sum_is_decisive() -> None:
    x = np.random.default_rng(3).normal(size=(50, 3)) @ (np.eye(3) - 1 / 3)
    m = Moments.of(x)
    found = BiasTest(1e-9, deterministic=True).run(m, m.mean + 1e-3)
    assert found.rejected
    assert found.rests_on_deterministic
    # Of 50 samples nobody knows whether what did not vary cannot: unless that is vouched, or bounded.
    refused = BiasTest(1e-9).run(m, m.mean + 1e-3)
    assert (refused.rejected, refused.rests_on_deterministic) == (False, True)
    assert "did not vary in 50 samples, where an event rarer than 0.34 may hide" in refused.note  # 1 − 1e-9^(1/50)
    assert not BiasTest(1e-9).run(m, m.mean).rests_on_deterministic


@pytest.mark.usefixtures("unchecked_shapes")  # a long loop
@pytest.mark.statistical
def test_false_alarms_on_skewed_samples_and_power(count_bounds) -> None:
    """False-fail rate below 3e-9: for true alarms of at most 0.06 (0.043 in 4000 runs) and a power
    of at least 0.85 (0.9 promised), with n = 400 exponential samples.
    """
    n, rng, test = 400, np.random.default_rng(4), BiasTest(0.05)
    mix = np.array([[1.0, 1.0, 0.0], [0.0, 2.0, 1.0], [0.0, 0.0, 0.5]])
    covariance = mix.T @ mix
    top = np.linalg.eigh(covariance)[1][:, -1]
    bias = top * test.detectable_bias(covariance, n, top)
    alarms = found = 0
    for _ in range(140):
        m = Moments.of((rng.exponential(size=(n, 3)) - 1) @ mix)
        alarms += test.run(m, np.zeros(3)).rejected
        found += test.run(m, bias).rejected
    assert alarms <= count_bounds(140, 0.06)[1]
    assert found >= count_bounds(140, 0.85)[0]


def test_the_triad_takes_the_better_part() -> None:
    test = BiasTest(0.01)
    covariance = np.diag([1.0, 1.0, 1.0, 1.0])
    for direction in (np.eye(4)[0], np.ones(4)):
        parts = [part.detectable_bias(covariance, 60, direction) for part in (test.coordinate, test.hotelling)]
        assert test.detectable_bias(covariance, 60, direction) == min(parts)
        bias = direction / np.linalg.norm(direction) * min(parts) * (1 + 1e-6)
        assert test.samples_needed(covariance, bias) == 60
    assert test.samples_needed(covariance, np.zeros(4)) is None
    diagonal = Moments.of(np.random.default_rng(5).normal(size=(20, 4)), diagonal=True)
    assert test.detectable_bias(diagonal, 60) == test.coordinate.detectable_bias(diagonal, 60)
    assert test.samples_needed(diagonal, np.ones(4)) == test.coordinate.samples_needed(diagonal, np.ones(4))
    assert test.detectable_bias(covariance, 4) == test.coordinate.detectable_bias(covariance, 4)


def test_bad_input_is_refused() -> None:
    with pytest.raises(InvalidData, match="alpha is nan"):
        BiasTest(float("nan"))
    with pytest.raises(InvalidData, match=r"target\[0\] is inf"):
        BiasTest(0.1).run(Moments.of(np.eye(2)), [np.inf, 0])
