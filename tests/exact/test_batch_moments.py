"""The closed forms of batches against the listing of every batch, which assumes nothing about the estimator.

Errors are relative to E|g|² of the estimator without its baseline, a batch of n: leaving one out subtracts returns of
that size, and rounding is relative to them.
"""

from __future__ import annotations

import numpy as np
import pytest
from moment_cases import (
    every_estimator,
    listed,
    listed_moments,
    small_problem,
    tables,
    with_discrete_noise,
    with_explicit_end,
)
from slow_cases import some_slow

from pgverify import AverageReward, Discounted, FiniteHorizon, Problem, SoftmaxPolicy, TabularMDP, exact
from pgverify.baselines import AverageReturn, Constant
from pgverify.errors import InvalidEstimator, InvalidSampling, TooLarge
from pgverify.estimators import (
    GeneralizedAdvantage,
    RewardToGo,
    StandardizedAdvantage,
    StandardizedReturn,
    TotalReturn,
)
from pgverify.trajectories import Trajectories

TOLERANCE = 1e-10
OTHERS, ALL = AverageReturn(leave_one_out=True), AverageReturn()
COUPLED = (
    TotalReturn(OTHERS),
    TotalReturn(ALL),
    RewardToGo(OTHERS),
    RewardToGo(ALL),
    RewardToGo(OTHERS, discount_weighting=False),
    RewardToGo(ALL, discount_weighting=False),
)

LIMIT = {1: 30, 2: 12, 3: 6}
"""Trajectories: batches of n are this to the power of n."""


def few(seed: int, limit: int = 12, objective: str = "finite", noisy: bool = False) -> Problem:
    """Return a problem with few trajectories in which there is something to choose."""
    while True:
        problem = small_problem(seed, objective, limit=limit, horizon=3, max_states=3, noisy=noisy)
        mdp = problem.mdp
        if (mdp.start @ ~mdp.terminal > 0.1) and (problem.policy.probabilities()[~mdp.terminal] < 0.99).all():
            return problem
        seed += 1000


def size_of(problem: Problem, n: int, max_steps: int | None = None) -> float:
    single = exact.moments(TotalReturn(), problem, "trace", max_steps)
    return (single.trace + float(single.mean @ single.mean)) / n + 1e-290


@pytest.mark.usefixtures("unchecked_shapes")
@pytest.mark.parametrize("n", [1, 2, 3])
@pytest.mark.parametrize("block", some_slow(4, 1))
def test_the_mean_return_as_baseline(n: int, block: int) -> None:
    for seed in range(5 * block, 5 * block + 5):
        problem = few(seed, LIMIT[n])
        for estimator in COUPLED:
            if n == 1 and estimator.baseline.leave_one_out:
                continue
            expected = exact.enumerated_moments(estimator, problem, n)
            scale = size_of(problem, n) + expected.trace
            for form in ("full", "diagonal", "trace"):
                found = exact.batch_moments(estimator, problem, n, form)
                assert np.abs(found.mean - expected.mean).max() <= TOLERANCE * np.sqrt(n * scale)
                assert abs(found.trace - expected.trace) <= TOLERANCE * scale
                if form != "trace":
                    assert np.abs(found.variance - expected.variance).max() <= TOLERANCE * scale
                if form == "full":
                    assert np.abs(found.covariance - expected.covariance).max() <= TOLERANCE * scale


@pytest.mark.usefixtures("unchecked_shapes")
@pytest.mark.parametrize("n", [1, 2, 3])
@pytest.mark.parametrize("seed", some_slow(3, 1))
def test_independent_rows_average_out(n: int, seed: int) -> None:
    """Without coupling E ĝ = E g and Cov ĝ = Cov g / n, which the listing of batches confirms."""
    problem = few(seed, LIMIT[n])
    for estimator in every_estimator(tables(problem, seed, problem.objective.horizon))[::3]:
        found, expected = (f(estimator, problem, n) for f in (exact.batch_moments, exact.enumerated_moments))
        scale = expected.trace + float(expected.mean @ expected.mean) + 1e-290
        assert np.abs(found.mean - expected.mean).max() <= TOLERANCE * np.sqrt(scale)
        assert np.abs(found.covariance - expected.covariance).max() <= TOLERANCE * scale


def pairs(estimator: object, batch: Trajectories, probabilities: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return mean and covariance of the estimate over all pairs of listed trajectories."""
    rows = [(i, j) for i in range(len(batch)) for j in range(len(batch))]
    estimates = np.stack([estimator(batch.select(list(pair))).mean(axis=0) for pair in rows])
    weights = np.array([probabilities[i] * probabilities[j] for i, j in rows])
    mean = weights @ estimates
    return mean, (estimates * weights[:, None]).T @ estimates - np.outer(mean, mean)


@pytest.mark.usefixtures("unchecked_shapes")
@pytest.mark.parametrize("kind", ["cut", "average", "noise"])
@pytest.mark.parametrize("seed", some_slow(4, 2))
def test_other_rollouts(kind: str, seed: int) -> None:
    """Pairs of cut rollouts, of average-reward rollouts, and with ±σ for the noise as states of their own."""
    steps = None if kind == "noise" else 2
    objective = {"cut": "discounted", "average": "average", "noise": "finite"}[kind]
    while True:
        problem = small_problem(seed, objective, limit=40, horizon=2, max_states=2, noisy=kind == "noise")
        if kind == "noise" and not problem.mdp.reward_noise.any():
            seed += 100
            continue
        explicit = with_discrete_noise(problem) if kind == "noise" else problem
        batch, probabilities = listed(explicit, steps)
        if len(batch) <= 60:
            break
        seed += 100
    for estimator in COUPLED:
        mean, covariance = pairs(estimator, batch, probabilities)
        found = exact.batch_moments(estimator, problem, 2, max_steps=steps)
        scale = size_of(problem, 2, steps) + float(np.trace(covariance))
        assert np.abs(found.mean - mean).max() <= TOLERANCE * np.sqrt(scale)
        assert np.abs(found.covariance - covariance).max() <= TOLERANCE * scale


@pytest.mark.usefixtures("unchecked_shapes")  # a long loop
def test_a_random_horizon_has_the_moments_of_pairs() -> None:
    """γ = 1e-5: two steps leave 1e-10 of the probability."""
    problem = few(2, objective="discounted")
    problem = Problem(problem.mdp, problem.policy, Discounted(1e-5))
    explicit = with_explicit_end(problem, 2)
    batch, probabilities = listed(explicit)
    for estimator in COUPLED[:4]:
        found = exact.batch_moments(estimator, problem, 2)
        mean, covariance = pairs(estimator, batch, probabilities)
        scale = size_of(problem, 2)
        assert np.abs(found.mean - mean).max() <= 1e-8 * np.sqrt(scale)
        assert np.abs(found.covariance - covariance).max() <= 1e-8 * scale


def test_leaving_out_and_keeping_in_are_told_apart() -> None:
    """Negative control: the two baselines, and the two batch sizes next to each other, have other covariances."""
    problem = few(0, limit=30)
    scale = size_of(problem, 3)
    others, everyone = (exact.batch_moments(TotalReturn(b), problem, 3) for b in (OTHERS, ALL))
    assert np.abs(others.covariance - everyone.covariance).max() > 1e-3 * scale
    fewer = exact.batch_moments(TotalReturn(OTHERS), problem, 2)
    assert np.abs(others.covariance - fewer.covariance).max() > 1e-3 * scale


def test_a_large_leave_one_out_batch_has_the_baseline_j() -> None:
    """As n grows the mean of the others is J: n Cov → Cov of the total return with b = J, the rest being O(1/n)."""
    problem = small_problem(5, logit_scales=(1.0,))
    limit = exact.moments(TotalReturn(Constant(exact.expected_return(problem))), problem).trace
    gaps = [n * exact.batch_moments(TotalReturn(OTHERS), problem, n, "trace").trace - limit for n in (10, 100, 1000)]
    assert gaps[0] > 0
    assert gaps[0] / gaps[1] == pytest.approx(99 / 9, rel=1e-6)  # the excess is exactly (C Var R + ggᵀ)/(n−1)
    assert gaps[1] / gaps[2] == pytest.approx(999 / 99, rel=1e-4)


@pytest.mark.parametrize("estimator", [StandardizedReturn(), StandardizedAdvantage()])
def test_standardised_estimators_have_no_closed_form(estimator: StandardizedReturn | StandardizedAdvantage) -> None:
    problem = few(0)
    with pytest.raises(
        InvalidEstimator, match=r"must declare its recursion .* sample it .* or enumerate \(exact\.enum"
    ):
        exact.batch_moments(estimator, problem, 2)
    assert np.isfinite(exact.enumerated_moments(estimator, problem, 2).trace)


@pytest.mark.parametrize("n", [0, -1, 2.0, True, None])
def test_batch_sizes_that_are_refused(n: object) -> None:
    with pytest.raises((InvalidSampling, TypeError), match="batch_size"):
        exact.batch_moments(TotalReturn(), few(0), n)


@pytest.mark.parametrize("n", [0, 1])
def test_nothing_to_leave_out(n: int) -> None:
    with pytest.raises(InvalidSampling, match=rf"batch_size is {n}, must be an integer of at least 2"):
        exact.batch_moments(TotalReturn(OTHERS), few(0), n)
    with pytest.raises(InvalidEstimator, match=r"batch has 1 trajectory, must have at least 2 to leave one out"):
        exact.enumerated_moments(TotalReturn(OTHERS), few(0), 1)


def test_returns_that_differ_from_the_estimators_own_are_refused() -> None:
    """The mean return is discounted; a total return with the discount dropped has no closed form with it."""
    problem = small_problem(0)
    problem = Problem(problem.mdp, problem.policy, type(problem.objective)(2, 0.5))
    with pytest.raises(
        InvalidEstimator, match=r"mean of returns with γ = 0\.5, but the estimator's own .* γ = 1: no cl"
    ):
        exact.batch_moments(TotalReturn(ALL, discount_weighting=False), problem, 2)


def test_a_matrix_too_large_is_refused_with_its_size() -> None:
    mdp = TabularMDP(np.full(10, 0.1), np.full((10, 501, 10), 0.1), np.zeros((10, 501)))
    problem = Problem(mdp, SoftmaxPolicy(np.zeros((10, 501))), FiniteHorizon(1))
    with pytest.raises(TooLarge, match=r"d = 5,010 parameters, at most 5,000 for a \[d, d\] matrix \(0\.2 GB\)"):
        exact.batch_moments(TotalReturn(ALL), problem, 2)


@pytest.mark.usefixtures("unchecked_shapes")
def test_a_wrong_form_is_refused() -> None:
    with pytest.raises(InvalidEstimator, match=r"form is 'everything', must be 'full', 'diagonal' or 'trace'"):
        exact.batch_moments(TotalReturn(ALL), few(0), 2, "everything")


def test_cut_episodes_of_the_average_reward_need_steps() -> None:
    problem = few(0, objective="average")
    assert isinstance(problem.objective, AverageReward)
    with pytest.raises(InvalidSampling, match="max_steps is None"):
        exact.batch_moments(GeneralizedAdvantage(0.5), problem, 2)


def test_one_trajectory_is_the_row() -> None:
    problem = few(3)
    batch, probabilities = listed(problem)
    expected = listed_moments(TotalReturn(), batch, probabilities)
    found = exact.batch_moments(TotalReturn(), problem, 1)
    assert np.abs(found.covariance - expected[1]).max() <= 1e-12 * expected[2]
