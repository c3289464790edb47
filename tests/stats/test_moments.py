from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import stats as scipy_stats

from pgverify.errors import InvalidData
from pgverify.stats import Moments

FIELDS = ("mean", "scatter", "third", "fourth", "norm_third", "norm_fourth")
SAMPLES = arrays(float, st.tuples(st.integers(0, 12), st.just(3)), elements=st.floats(-100, 100, allow_subnormal=False))


def assert_same(a: Moments, b: Moments, scale: float) -> None:
    """Order k sums agree within rounding of n scale^k, with n ≤ 36 and thirty operations of ε each."""
    assert a.count == b.count
    orders = {"mean": 1, "scatter": 2, "third": 3, "fourth": 4, "norm_third": 3, "norm_fourth": 4}
    for name in FIELDS:
        left, right = getattr(a, name), getattr(b, name)
        if left is None:
            assert right is None
            continue
        np.testing.assert_allclose(left, right, rtol=0, atol=1e-12 * (1 + scale) ** orders[name])


def exact_sums(rows: list[list[int]]) -> dict[str, list]:
    """The definition in exact arithmetic, no shortcut."""
    n, d = len(rows), len(rows[0])
    mean = [Fraction(sum(row[j] for row in rows), n) for j in range(d)]
    y = [[row[j] - mean[j] for j in range(d)] for row in rows]
    squared = [sum(v * v for v in row) for row in y]
    return {
        "mean": mean,
        "scatter": [[sum(row[i] * row[j] for row in y) for j in range(d)] for i in range(d)],
        "third": [sum(row[j] ** 3 for row in y) for j in range(d)],
        "fourth": [sum(row[j] ** 4 for row in y) for j in range(d)],
        "norm_third": [sum(q * row[j] for q, row in zip(squared, y, strict=True)) for j in range(d)],
        "norm_fourth": sum(q * q for q in squared),
    }


ROWS = [[1, 5, -2], [4, 0, 7], [4, -3, 1], [9, 2, 2], [-6, 1, 3], [0, 0, 11], [2, 8, -5]]


@pytest.mark.parametrize("cuts", [[], [3], [1, 2, 6], [0, 4, 4]])
def test_equals_exact_arithmetic_however_cut(cuts: list[int]) -> None:
    parts = [Moments.of(part) for part in np.split(np.array(ROWS, float), cuts)]
    found = Moments.merge_all(parts)
    for name, value in exact_sums(ROWS).items():
        np.testing.assert_allclose(getattr(found, name), np.array(value, dtype=float), rtol=1e-13, atol=1e-11)


def test_a_wrong_weight_in_a_merge_would_be_seen() -> None:
    """Negative control: the average of two means, unweighted, is not the mean."""
    a, b = Moments.of(np.array(ROWS[:2], float)), Moments.of(np.array(ROWS[2:], float))
    wrong = (a.mean + b.mean) / 2
    assert np.abs(wrong - a.merge(b).mean).max() > 0.1
    assert np.abs(a.scatter + b.scatter - a.merge(b).scatter).max() > 0.1


@pytest.mark.usefixtures("unchecked_shapes")  # a long loop
@given(SAMPLES, SAMPLES, SAMPLES, st.booleans())
def test_merge_is_associative_and_equals_one_pass(x, y, z, diagonal: bool) -> None:
    a, b, c = (Moments.of(part, diagonal) for part in (x, y, z))
    scale = max((np.abs(part).max(initial=0.0) for part in (x, y, z)), default=0.0)
    whole = Moments.of(np.concatenate([x, y, z]), diagonal)
    assert_same(a.merge(b).merge(c), a.merge(b.merge(c)), 8 * scale)
    assert_same(Moments.merge_all([a, b, c]), whole, 8 * scale)
    assert_same(a.merge(b), b.merge(a), 8 * scale)


@given(SAMPLES, st.booleans())
def test_empty_is_neutral_and_merging_is_deterministic(x, diagonal: bool) -> None:
    a, empty = Moments.of(x, diagonal), Moments.empty(3, diagonal)
    for merged in (a.merge(empty), empty.merge(a)):
        assert merged.count == a.count
        for name in FIELDS:
            np.testing.assert_array_equal(getattr(merged, name), getattr(a, name))


def test_derived_quantities_equal_scipy() -> None:
    x = np.random.default_rng(0).exponential(size=(40, 3)) + 5
    m = Moments.of(x)
    np.testing.assert_allclose(m.covariance, np.cov(x.T), rtol=1e-12)
    np.testing.assert_allclose(m.variance, x.var(axis=0, ddof=1), rtol=1e-12)
    np.testing.assert_allclose(m.trace, np.trace(np.cov(x.T)), rtol=1e-12)
    np.testing.assert_allclose(m.standard_error, scipy_stats.sem(x), rtol=1e-12)
    np.testing.assert_allclose(m.skewness, scipy_stats.skew(x), rtol=1e-11)
    np.testing.assert_allclose(m.kurtosis, scipy_stats.kurtosis(x, fisher=False), rtol=1e-11)


def test_stable_far_from_zero() -> None:
    """Var{0, 1, 2} = 1; with an offset of 1e9 the textbook Σx² − (Σx)²/n keeps no digit of it."""
    x = np.array([[0.0], [1.0], [2.0]]) + 1e9
    merged = Moments.merge_all(Moments.of(row[None]) for row in x)
    np.testing.assert_allclose(merged.variance, 1.0, rtol=1e-12)
    naive = (x**2).sum() - x.sum() ** 2 / 3
    assert abs(naive / 2 - 1) > 1e-3


@given(st.floats(-1e60, 1e60), st.integers(2, 50))
def test_a_constant_column_has_zero_scatter_exactly(value: float, count: int) -> None:
    m = Moments.of(np.full((count, 1), value))
    assert m.variance[0] == 0.0
    assert m.mean[0] == value
    assert (m.skewness[0], m.kurtosis[0]) == (0.0, 1.0)
    assert m.merge(m).variance[0] == 0.0


def test_arrays_are_read_only_copies() -> None:
    x = np.eye(3)
    m = Moments.of(x)
    x[0, 0] = 7
    assert m.mean[0] == pytest.approx(1 / 3)
    with pytest.raises(ValueError, match="read-only"):
        m.scatter[0, 0] = 1.0


@pytest.mark.parametrize(
    ("samples", "message"),
    [
        ([[0.0, 1.0], [0.0, np.nan]], r"samples\[1, 1\] is nan, every entry must be finite"),
        ([[0.0, np.inf]], r"samples\[0, 1\] is inf"),
        ([[0.0, -1e80]], r"samples\[0, 1\] is -1e\+80, must be at most 1e\+70"),
        ([0.0, 1.0], r"samples has shape \(2,\), must be \[n, d\]"),
        (np.zeros((3, 0)), r"samples has shape \(3, 0\)"),
        ([["a"]], "samples must be an array of real numbers"),
    ],
)
def test_bad_samples_are_refused(samples, message: str) -> None:
    with pytest.raises(InvalidData, match=message):
        Moments.of(samples)


def test_misfits_are_refused() -> None:
    full, diagonal = Moments.of(np.eye(2)), Moments.of(np.eye(2), diagonal=True)
    with pytest.raises(InvalidData, match=r"other.scatter has shape \(2,\), must be that of self, \(2, 2\)"):
        full.merge(diagonal)
    with pytest.raises(InvalidData, match="parts is empty"):
        Moments.merge_all([])
    with pytest.raises(InvalidData, match="diagonal=False"):
        _ = diagonal.covariance
    with pytest.raises(InvalidData, match="count is 1, must be an integer of at least 2"):
        _ = Moments.of([[1.0]]).variance
    with pytest.raises(InvalidData, match=r"mean\[0\] is nan"):
        Moments(2, np.full(2, np.nan), np.zeros(2), np.zeros(2), np.zeros(2))
    with pytest.raises(InvalidData, match="exactly when scatter"):
        Moments(2, np.zeros(2), np.zeros((2, 2)), np.zeros(2), np.zeros(2))
