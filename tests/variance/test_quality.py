"""The expected cosine against every batch there is, and against the number that the whole trace would give."""

from __future__ import annotations

from math import comb, lgamma

import numpy as np
import pytest
from reference import bandit

from pgverify import FiniteHorizon, Problem, SoftmaxPolicy, exact, plan
from pgverify.estimators import RewardToGo
from pgverify.variance.quality import Quality, quality_of

BANDIT = Problem(bandit(), SoftmaxPolicy([[0.2, -0.4, 0.7]]), FiniteHorizon(1))


def expected_cosine(size: int) -> float:
    """Return E cos(ĝ, ∇J) over all batches of a three-armed bandit, by the multinomial law of the arms' counts."""
    batch, probability = exact.enumerate_trajectories(BANDIT)
    rows, truth = RewardToGo()(batch), exact.gradient(BANDIT)
    total = 0.0
    for first in range(size + 1):
        for second in range(size + 1 - first):
            counts = np.array([first, second, size - first - second])
            chance = lgamma(size + 1) - sum(lgamma(k + 1) for k in counts) + counts @ np.log(probability)
            estimate = counts @ rows / size
            length = np.linalg.norm(estimate)
            if length > 0:
                total += np.exp(chance) * (estimate @ truth) / length / np.linalg.norm(truth)
    return float(total)


def test_the_perpendicular_noise_gives_the_cosine_and_the_whole_trace_understates_it() -> None:
    """Published for this bandit: .9925 true, .9928 with the perpendicular noise, .9856 with the whole trace."""
    made = plan(RewardToGo(), BANDIT)
    quality = quality_of(exact.gradient(BANDIT), exact.gradient(BANDIT), made.trace, made.parallel)
    true = expected_cosine(100)
    assert comb(102, 2) == 5151  # batches without their order
    assert true == pytest.approx(0.9925, abs=5e-5)
    assert quality.cosine(100) == pytest.approx(0.9928, abs=5e-5)
    assert quality.cosine(100) == pytest.approx(made.cosine(100), rel=1e-12)
    whole = Quality(quality.norm, quality.along, 0.0, quality.trace, 0.0).cosine(100)
    assert whole == pytest.approx(0.9856, abs=5e-5)
    assert abs(whole - true) > 20 * abs(quality.cosine(100) - true)


def test_the_error_is_that_of_all_batches() -> None:
    """E|ĝ − ∇J|² from a batch of two, listed: half of what one trajectory has, plus the square of the bias."""
    batch, probability = exact.enumerate_trajectories(BANDIT)
    truth = exact.gradient(BANDIT)
    rows = 0.7 * RewardToGo()(batch)  # biased: 0.7 ∇J
    pairs = (rows[:, None] + rows[None]) / 2 - truth
    square = np.einsum("i,j,ijd,ijd->", probability, probability, pairs, pairs)
    mean = probability @ rows
    spread = float(probability @ ((rows - mean) ** 2).sum(axis=1))
    quality = quality_of(mean, truth, spread, 0.0)
    assert quality.relative_error(2) == pytest.approx(np.sqrt(square) / np.linalg.norm(truth), rel=1e-12)
    assert quality.relative_bias == pytest.approx(0.3, rel=1e-12)


def test_the_limit_of_many_trajectories_is_the_cosine_of_the_mean() -> None:
    quality = quality_of(np.array([3.0, 4.0]), np.array([2.0, 0.0]), 5.0, 1.0)
    assert quality.cosine(10**15) == pytest.approx(0.6, abs=1e-12)
    assert (quality.along, quality.across) == (3.0, 4.0)
    opposite = quality_of(np.array([-1.0, 0.0]), np.array([2.0, 0.0]), 1.0, 1.0)
    assert opposite.cosine(10) == -1.0


def test_without_a_gradient_there_is_no_direction() -> None:
    quality = quality_of(np.zeros(2), np.zeros(2), 1.0, 0.0)
    assert np.isnan([quality.cosine(10), quality.relative_error(10), quality.relative_bias]).all()
