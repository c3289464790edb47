from __future__ import annotations

import numpy as np
import pytest

from pgverify.errors import InvalidData
from pgverify.stats import Moments
from pgverify.stats.directions import (
    beyond,
    covariance_array,
    jump_array,
    quiet,
    rounding_noise,
    variance_array,
    varying_directions,
)


def test_a_sum_of_zero_is_a_deterministic_direction() -> None:
    """x − mean over coordinates: covariance I − 11ᵀ/3, eigenvalues 1, 1, 0, the last along (1, 1, 1)."""
    axes = varying_directions(np.eye(3) - 1 / 3, noise=1e-9)
    assert axes.rank == 2
    np.testing.assert_allclose(axes.variances, [1, 1])
    np.testing.assert_allclose(axes.basis.T @ np.ones(3), 0, atol=1e-15)
    assert axes.across(np.array([1.0, 1.0, 1.0])) == pytest.approx(np.sqrt(3))
    assert axes.across(np.array([1.0, -1.0, 0.0])) == pytest.approx(0, abs=1e-15)


def test_the_boundary_between_varying_and_rounding() -> None:
    """λ > 64 d ε λ_max = 2.8e-14 for d = 2, or above (noise/10)² = 1e-8 when that is larger."""
    for small, noise, rank in [(1e-13, 1e-9, 2), (1e-14, 1e-9, 1), (2e-8, 1e-3, 2), (0.5e-8, 1e-3, 1)]:
        assert varying_directions(np.diag([1.0, small]), noise).rank == rank
    assert varying_directions(np.zeros((2, 2)), 1e-150).rank == 0


def test_what_hides_is_below_what_is_decisive() -> None:
    """A direction taken as deterministic has a standard deviation of at most hidden / 10."""
    for small in (1e-13, 1e-14, 1e-15):
        axes = varying_directions(np.diag([1.0, small]), 1e-12)
        assert axes.rank == 2 or np.sqrt(small) <= axes.hidden / 10


def test_noise_is_relative_to_the_largest_coordinate() -> None:
    noise = rounding_noise(np.array([3.0, 0.0]), np.array([16.0, 1.0]), 1e-3)
    assert noise == pytest.approx(5e-3)
    np.testing.assert_array_equal(quiet(np.array([0.0, 2e-7, 3e-7]), noise), [True, True, False])
    np.testing.assert_allclose(beyond(np.array([-0.006, 0.004]), noise), [0.001, 0.0], atol=1e-15)
    assert rounding_noise(np.zeros(2), np.zeros(2), 1e-3) > 0


def test_covariances_and_variances_are_read_from_all_forms() -> None:
    m = Moments.of(np.random.default_rng(0).normal(size=(9, 2)))
    np.testing.assert_array_equal(covariance_array(m), m.covariance)
    for form in (m, m.covariance, m.variance):
        np.testing.assert_array_equal(variance_array(form), m.variance)


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ([[1.0, 0.5], [0.4, 1.0]], r"covariance\[0, 1\] is 0.5 and covariance\[1, 0\] is 0.4, must be equal"),
        ([[1.0, 0.0], [0.0, -1.0]], r"covariance\[1\] is -1, a variance must be at least 0"),
        ([[1.0, 0.0]], r"covariance has shape \(1, 2\), must be \[d, d\]"),
        ([[np.nan]], r"covariance\[0, 0\] is nan"),
    ],
)
def test_bad_covariances_are_refused(value, message: str) -> None:
    for read in (covariance_array, variance_array):
        with pytest.raises(InvalidData, match=message):
            read(value)


def test_bad_jumps_are_refused() -> None:
    assert jump_array(None, 2) is None
    np.testing.assert_array_equal(jump_array(2.0, 2), [2.0, 2.0])
    with pytest.raises(InvalidData, match=r"jump\[1\] is -1, must be at least 0"):
        jump_array([0.0, -1.0], 2)
    with pytest.raises(InvalidData, match="jump is -1"):
        jump_array(-1.0, 2)
    with pytest.raises(InvalidData, match=r"jump has shape \(3,\)"):
        jump_array(np.zeros(3), 2)
