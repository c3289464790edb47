"""Backward sums: few rows are added up in plain numbers, many in arrays, and both say the same to the last bit."""

from __future__ import annotations

import numpy as np
import pytest

from pgverify.estimators.discounted_sum import discounted_sum
from pgverify.validation import Array

SHAPES = ((1, 1), (1, 2), (1, 40), (2, 3), (6, 3), (7, 3), (30, 3))
"""On both sides of where arrays are the faster: six rows of three steps are the last in plain numbers."""


def step_by_step(steps: Array, factor: float) -> Array:
    """Return Y_t = x_t + κ Y_{t+1}, one entry after another, as the equation has it."""
    sums = np.zeros(steps.shape)
    for row in range(steps.shape[0]):
        following = np.float64(0.0)
        for t in reversed(range(steps.shape[1])):
            following = steps[row, t] + factor * following
            sums[row, t] = following
    return sums


@pytest.mark.parametrize("factor", [0.0, 0.9, 1.0])
@pytest.mark.parametrize("shape", SHAPES)
def test_few_rows_and_many_have_the_same_bits(shape: tuple[int, int], factor: float) -> None:
    steps = np.random.default_rng(sum(shape)).normal(size=shape) * 10.0 ** np.arange(shape[1])
    found = discounted_sum(steps, factor)
    assert found.dtype == np.float64
    assert found.flags.c_contiguous
    assert found.tobytes() == step_by_step(steps, factor).tobytes()
    many = discounted_sum(np.repeat(steps, 100, axis=0), factor)[::100]
    assert found.tobytes() == many.tobytes()


@pytest.mark.parametrize("shape", [(0, 3), (2, 0), (0, 0)])
def test_nothing_has_no_sum(shape: tuple[int, int]) -> None:
    assert discounted_sum(np.zeros(shape), 0.9).shape == shape


@pytest.mark.parametrize("rows", [1, 100])
def test_what_is_not_finite_is_in_all_sums_before_it_and_in_no_other(rows: int) -> None:
    steps = np.repeat([[1.0, np.nan, 2.0], [1.0, np.inf, 2.0]], rows, axis=0)
    found = discounted_sum(steps, 0.5)
    # 2; NaN + 0.5·2 and 1 + 0.5·NaN; likewise ∞.
    assert np.isnan(found[0, :2]).all()
    assert np.isposinf(found[-1, :2]).all()
    assert (found[:, 2] == 2.0).all()
