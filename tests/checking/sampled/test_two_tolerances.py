"""The decision on one problem, of simulated estimates: what is said, and how many of them it takes."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from pgverify.checking.sampled.goal import Goal
from pgverify.checking.sampled.random_function import MODEST
from pgverify.checking.sampled.same_estimates import SameEstimates
from pgverify.checking.sampled.two_tolerances import SHARP, at_two_tolerances
from pgverify.stats import SequentialOutcome, SequentialResult, SequentialTest

TEST = SequentialTest(alpha=1e-6, **MODEST)  # type: ignore[arg-type]
TARGET = np.array([0.8, -0.6])
Noise = Callable[[np.random.Generator, int], np.ndarray]


def decided(bias: float, noise: Noise) -> tuple[SequentialResult, int]:
    """Return the result, and how many estimates were drawn."""
    rng, drawn = np.random.default_rng(0), [0]

    def draw(count: int, _call: int) -> np.ndarray:
        drawn[0] += count
        return np.asarray(TARGET * (1.0 + bias) + noise(rng, count))

    return at_two_tolerances(Goal(TARGET, 1.0, 1.0, ()), TEST, draw), drawn[0]


def normal(deviation: float) -> Noise:
    return lambda rng, count: deviation * rng.normal(size=(count, 2))


def heavy(rng: np.random.Generator, count: int) -> np.ndarray:
    """A hundred in one of 200 estimates: a deviation of 7, of which 64,000 estimates would bound the bias by .1."""
    return 100.0 * ((rng.random((count, 2)) < 5e-3) - 5e-3)


@pytest.mark.parametrize(
    ("bias", "deviation", "outcome", "limit"),
    [
        (0.0, 1e-4, SequentialOutcome.CONSISTENT, SHARP),
        (0.0, 0.05, SequentialOutcome.CONSISTENT, SHARP),
        (0.0, 0.3, SequentialOutcome.CONSISTENT, TEST.tolerance),
        (0.02, 1e-4, SequentialOutcome.BIASED, SHARP),
        (0.05, 0.2, SequentialOutcome.BIASED, SHARP),  # what is likely a bias is given all of the budget
        (0.3, 0.3, SequentialOutcome.BIASED, SHARP),
        (0.0, 4.0, SequentialOutcome.INCONCLUSIVE, SHARP),
    ],
)
def test_the_sharpest_that_the_budget_allows_is_said(
    bias: float, deviation: float, outcome: SequentialOutcome, limit: float
) -> None:
    result, drawn = decided(bias, normal(deviation))
    assert (result.outcome, result.limit) == (outcome, limit)
    assert drawn <= TEST.budget


def test_the_first_look_that_bounds_the_bias_is_the_last() -> None:
    _, drawn = decided(0.0, normal(0.3))
    assert drawn < TEST.budget / 4


def test_what_is_hopeless_costs_no_more_than_a_glance() -> None:
    result, drawn = decided(0.0, heavy)
    assert result.outcome is SequentialOutcome.INCONCLUSIVE
    assert drawn < TEST.budget / 4


def test_every_reader_sees_the_same_estimates_however_it_asks() -> None:
    rng = np.random.default_rng(0)
    same = SameEstimates(lambda count, _: rng.normal(size=(count, 2)))
    one, other = same.reader(), same.reader()
    long = one(7, 0)
    np.testing.assert_array_equal(np.concatenate([other(3, 0), other(2, 1), other(2, 2)]), long)
    np.testing.assert_array_equal(other(4, 3), one(4, 1))
    assert same.drawn == 11
