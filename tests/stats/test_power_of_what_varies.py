"""`BiasTest` promises to find only what its verdict counts: a bias in what varies, unless the rest is vouched for."""

from __future__ import annotations

import math

import numpy as np
import pytest

from pgverify.stats import BiasTest, Moments

STILL = np.diag([1.0, 0.0])
SPLIT = np.array([[1.0, -1.0], [-1.0, 1.0]])
"""Each coordinate varies, their sum does not: scores of a softmax."""

OURS, VOUCHED = BiasTest(0.05), BiasTest(0.05, deterministic=True)


def test_a_bias_of_what_does_not_vary_is_never_found() -> None:
    """The verdict does not count it, however many samples there are: no number is enough, and no length."""
    constant = Moments.of(np.ones((50, 2)))
    assert not OURS.run(constant, np.zeros(2)).rejected
    assert OURS.samples_needed(constant, np.ones(2)) is None
    assert OURS.detectable_bias(constant, 50) == math.inf
    assert OURS.samples_needed(STILL, [0.0, 1.0]) is None
    assert OURS.detectable_bias(STILL, 100, [0.0, 1.0]) == math.inf


def test_whoever_vouches_for_it_is_told_so() -> None:
    constant = Moments.of(np.ones((50, 2)))
    assert VOUCHED.run(constant, np.zeros(2)).rejected
    assert VOUCHED.samples_needed(constant, np.ones(2)) == 2
    assert VOUCHED.detectable_bias(constant, 50) < 1e-6


def test_only_the_part_that_varies_counts() -> None:
    """Along (1, 1)/√2 the first coordinate is off by 1/√2 of the length."""
    alone = OURS.detectable_bias(STILL, 100, [1.0, 0.0])
    assert OURS.detectable_bias(STILL, 100, [1.0, 1.0]) == pytest.approx(alone * math.sqrt(2), rel=1e-9)
    assert OURS.samples_needed(STILL, [0.1, 5.0]) == OURS.samples_needed(STILL, [0.1, 0.0])


def test_coordinates_that_vary_find_what_cancels_in_no_direction() -> None:
    """A bias along (1, 1) moves two coordinates that vary, though nothing varies along it."""
    length = OURS.detectable_bias(SPLIT, 100, [1.0, 1.0])
    assert length == pytest.approx(OURS.coordinate.detectable_bias(SPLIT, 100, [1.0, 1.0]))
    samples = np.random.default_rng(0).normal(size=(100, 1)) * [1.0, -1.0]
    assert OURS.run(Moments.of(samples), np.full(2, 2.0 * length)).rejected
    assert OURS.detectable_bias(SPLIT, 100) == pytest.approx(OURS.coordinate.detectable_bias(SPLIT, 100))


def test_where_everything_varies_nothing_is_to_be_vouched_for() -> None:
    """Negative control."""
    moments = Moments.of(np.random.default_rng(1).normal(size=(300, 3)))
    for ask in (
        lambda test: test.samples_needed(moments, [0.1, 0.05, 0.0]),
        lambda test: test.detectable_bias(moments, 100),
        lambda test: test.detectable_bias(moments, 100, [1.0, 2.0, 3.0]),
    ):
        assert ask(OURS) == pytest.approx(ask(VOUCHED), rel=1e-9)
