"""Moments by listing every batch: against plain sums, and what it refuses before it calls anything."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from moment_cases import listed, listed_moments, moment_error, small_problem
from reference import bandit

from pgverify import Discounted, FiniteHorizon, Problem, SoftmaxPolicy, Trajectories, exact
from pgverify.errors import InvalidEstimator, InvalidObjective, InvalidSampling, TooLarge
from pgverify.estimators import RewardToGo, StandardizedAdvantage, StandardizedReturn, TotalReturn


def arms(logits: tuple[float, ...] = (0.2, -0.4, 0.7)) -> Problem:
    return Problem(bandit(), SoftmaxPolicy([list(logits)]), FiniteHorizon(1))


@pytest.mark.usefixtures("unchecked_shapes")
@pytest.mark.parametrize("seed", range(12))
def test_single_trajectories(seed: int) -> None:
    problem = small_problem(seed, limit=200)
    for estimator in (TotalReturn(), RewardToGo(discount_weighting=False)):
        found = exact.enumerated_moments(estimator, problem)
        assert moment_error(found, *listed_moments(estimator, *listed(problem))) <= 1e-14
        assert found.variance == pytest.approx(np.maximum(np.diag(found.covariance), 0.0))


def test_group_standard_deviations_by_hand() -> None:
    """Two pulls of the bandit: (R_i − R̄)/σ = ±1 where the rewards differ, 0/(0 + ε) where they do not.

    ĝ(a,b) = ½ (ψ_a − ψ_b) sign(r_a − r_b) · s, with s = h/(h + ε), h = |r_a − r_b|/2.
    """
    reward, logits = np.array([1.0, 0.7, 0.0]), np.array([0.2, -0.4, 0.7])
    p = np.exp(logits) / np.exp(logits).sum()
    psi = np.eye(3) - p
    for epsilon in (0.0, 1e-8, 0.5):
        mean, second = np.zeros(3), np.zeros((3, 3))
        for a, b in product(range(3), repeat=2):
            half = abs(reward[a] - reward[b]) / 2
            size = half / (half + epsilon) if half > 0 else 0.0
            estimate = (psi[a] - psi[b]) / 2 * np.sign(reward[a] - reward[b]) * size
            mean += p[a] * p[b] * estimate
            second += p[a] * p[b] * np.outer(estimate, estimate)
        found = exact.enumerated_moments(StandardizedReturn(epsilon), arms(), 2)
        assert found.mean == pytest.approx(mean, rel=1e-13)
        assert found.covariance == pytest.approx(second - np.outer(mean, mean), rel=1e-12, abs=1e-16)


@pytest.mark.parametrize("estimator", [StandardizedReturn(), StandardizedAdvantage()])
def test_standardised_estimators_are_biased(estimator: StandardizedReturn | StandardizedAdvantage) -> None:
    """No multiple of ∇J on the bandit, for any n tried: the direction itself is off; one trajectory gives nothing."""
    gradient = exact.gradient(arms())
    for n in (2, 3, 4):
        mean = exact.enumerated_moments(estimator, arms(), n).mean
        cosine = mean @ gradient / np.linalg.norm(mean) / np.linalg.norm(gradient)
        assert 0.5 < cosine < 1.0 - 1e-5
    assert exact.enumerated_moments(estimator, arms(), 1).trace == 0.0


def test_an_estimate_may_be_one_row_or_many() -> None:
    problem = small_problem(1, limit=10)
    rows = exact.enumerated_moments(TotalReturn(), problem, 2)
    one = exact.enumerated_moments(lambda batch: TotalReturn()(batch).mean(axis=0), problem, 2)
    assert np.array_equal(rows.mean, one.mean)
    assert np.array_equal(rows.covariance, one.covariance)


def test_refuses_with_the_count_before_anything_is_called() -> None:
    def never(batch: Trajectories) -> np.ndarray:
        raise AssertionError("called")

    message = r"has 3 trajectories, that is 243 batches of 5, at most limit=242 are listed; .* or sample"
    with pytest.raises(TooLarge, match=message):
        exact.enumerated_moments(never, arms(), 5, limit=242)
    with pytest.raises(TooLarge, match=r"3 trajectories, that is 59,049 batches of 10, at most limit=20,000"):
        exact.enumerated_moments(never, arms(), 10)
    assert exact.enumerated_moments(TotalReturn(), arms(), 5, limit=243).trace > 0


def test_refuses_problems_without_a_horizon() -> None:
    problem = Problem(bandit(), SoftmaxPolicy([[0.0, 0.0, 0.0]]), Discounted(0.5))
    with pytest.raises(InvalidObjective, match="must be FiniteHorizon"):
        exact.enumerated_moments(TotalReturn(), problem)


@pytest.mark.parametrize("n", [0, -2, 1.5])
def test_refuses_batch_sizes(n: object) -> None:
    with pytest.raises((InvalidSampling, TypeError), match="batch_size"):
        exact.enumerated_moments(TotalReturn(), arms(), n)


def test_refuses_estimates_that_are_not_d_numbers() -> None:
    with pytest.raises(InvalidEstimator, match=r"shape \(2,\) for trajectories \(0,\), must be \[d\] = \(3,\)"):
        exact.enumerated_moments(lambda batch: np.zeros((len(batch), 2)), arms())

    def sometimes(batch: Trajectories) -> np.ndarray:
        return np.where(batch.actions[:, :1] == 2, np.nan, np.zeros((len(batch), 3)))

    with pytest.raises(InvalidEstimator, match=r"estimate for trajectories \(2,\)\[0\] is nan, every entry must be"):
        exact.enumerated_moments(sometimes, arms())
