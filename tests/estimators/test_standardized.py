"""Standardised returns and advantages: the arithmetic, the degenerate batches, and the bias that they admit to."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from reference import bandit

from pgverify import (
    AverageReward,
    Discounted,
    FiniteHorizon,
    Problem,
    SoftmaxPolicy,
    TabularMDP,
    Trajectories,
    exact,
    sample,
)
from pgverify.baselines import Constant, StateValue
from pgverify.errors import InvalidEstimator
from pgverify.estimators import (
    GeneralizedAdvantage,
    RewardToGo,
    StandardizedAdvantage,
    StandardizedReturn,
    TotalReturn,
)
from pgverify.recursion import DeclaresRecursion


def batch(cut: bool = True) -> Trajectories:
    rng = np.random.default_rng(1)
    transition, reward = rng.dirichlet(np.ones(3), (3, 2)), rng.normal(size=(3, 2, 3))
    transition[2], reward[2] = [0.0, 0.0, 1.0], 0.0
    mdp = TabularMDP([0.5, 0.3, 0.2], transition, reward, [False, False, True])
    policy = SoftmaxPolicy(rng.normal(size=(3, 2)))
    return sample(Problem(mdp, policy, Discounted(0.8)), 30, 2, max_steps=5 if cut else None)


@pytest.mark.parametrize("cut", [True, False])
@pytest.mark.parametrize("epsilon", [0.0, 1e-8, 0.1])
def test_standardised_returns(cut: bool, epsilon: float) -> None:
    """(R_i − R̄)/(σ + ε) on every step taken, with the population standard deviation."""
    drawn = batch(cut)
    returns = [sum(drawn.discount**t * drawn.rewards[i, t] for t in range(drawn.lengths[i])) for i in range(len(drawn))]
    expected = (returns - np.mean(returns)) / (np.std(returns) + epsilon)
    found = StandardizedReturn(epsilon).weights(drawn)
    assert found == pytest.approx(np.where(drawn.mask, expected[:, None], 0.0), abs=1e-12)
    assert StandardizedReturn(epsilon)(drawn) == pytest.approx(drawn.score_weighted(found))


@pytest.mark.parametrize("base", [RewardToGo(), RewardToGo(StateValue()), TotalReturn(), GeneralizedAdvantage(0.9)])
@pytest.mark.parametrize("epsilon", [0.0, 1e-8, 0.1])
def test_standardised_advantages(base: RewardToGo, epsilon: float) -> None:
    """Mean 0 and variance (σ/(σ+ε))² over the steps that were taken; padding counts for nothing."""
    drawn = batch()
    weights, found = base.weights(drawn), StandardizedAdvantage(base, epsilon).weights(drawn)
    real = weights[drawn.mask]
    assert found[drawn.mask] == pytest.approx((real - real.mean()) / (real.std() + epsilon), abs=1e-12)
    assert not found[~drawn.mask].any()
    assert found[drawn.mask].mean() == pytest.approx(0.0, abs=1e-14)
    assert (drawn.lengths < drawn.num_steps).any()


def test_under_the_average_reward_contributions_are_means_over_steps() -> None:
    """Whatever the base divides by is divided out again by σ: the factor 1/T is put back, once."""
    problem = batch().problem
    continuing = TabularMDP([0.5, 0.5], np.full((2, 2, 2), 0.5), np.random.default_rng(2).normal(size=(2, 2)))
    policy = SoftmaxPolicy(np.asarray(problem.policy.logits)[:2])
    drawn = sample(Problem(continuing, policy, AverageReward()), 20, 1, max_steps=4)
    for estimator in (StandardizedReturn(0.0), StandardizedAdvantage(epsilon=0.0)):
        assert estimator.weights(drawn).std() == pytest.approx(0.25, rel=1e-12)


def test_scale_and_offset_of_the_rewards_do_not_matter() -> None:
    """What standardising is for; with ε = 0 exactly."""
    problem = Problem(bandit(), SoftmaxPolicy([[0.2, -0.4, 0.7]]), FiniteHorizon(1))
    drawn = sample(problem, 30, 1)
    moved = replace(drawn, rewards=5.0 * drawn.rewards - 3.0)
    for estimator in (StandardizedReturn(0.0), StandardizedAdvantage(epsilon=0.0)):
        assert estimator(moved) == pytest.approx(estimator(drawn), rel=1e-12, abs=1e-13)


@pytest.mark.parametrize("epsilon", [0.0, 1e-8])
def test_a_batch_without_variation_gives_nothing(epsilon: float) -> None:
    """No division by zero: equal returns, a single trajectory, no steps at all."""
    drawn = batch()
    for same in (
        replace(drawn, rewards=np.zeros_like(drawn.rewards)),
        drawn.select([0]),
        drawn.select(drawn.lengths == 0),
    ):
        assert not StandardizedReturn(epsilon)(same).any()
    for same in (replace(drawn, rewards=np.zeros_like(drawn.rewards)), drawn.select(drawn.lengths == 0)):
        assert not StandardizedAdvantage(epsilon=epsilon)(same).any()


def test_a_baseline_in_the_base_changes_the_result_only_where_it_varies() -> None:
    """A constant is taken off again with the mean, if every step is weighted alike (γ = 1)."""
    problem = batch().problem
    finite = Problem(problem.mdp, problem.policy, FiniteHorizon(4))
    drawn = sample(finite, 30, 3)
    plain, shifted = (StandardizedAdvantage(RewardToGo(b)).weights(drawn) for b in (Constant(0.0), Constant(7.0)))
    assert shifted == pytest.approx(plain, abs=1e-12)
    varied = StandardizedAdvantage(RewardToGo(StateValue([1.0, -1.0, 0.0]))).weights(drawn)
    assert np.abs(varied - plain).max() > 0.1


def test_they_declare_no_recursion() -> None:
    for estimator in (StandardizedReturn(), StandardizedAdvantage()):
        assert not isinstance(estimator, DeclaresRecursion)


@pytest.mark.usefixtures("unchecked_shapes")
def test_the_bias_falls_as_the_batch_grows_to_a_multiple() -> None:
    """σ of the batch tends to σ of the reward: E ĝ → ∇J/σ, σ² = E r² − J². Listed exactly up to n = 6."""
    logits, reward = np.array([0.2, -0.4, 0.7]), np.array([1.0, 0.7, 0.0])
    p = np.exp(logits) / np.exp(logits).sum()
    problem = Problem(bandit(), SoftmaxPolicy(logits[None, :]), FiniteHorizon(1))
    limit = exact.gradient(problem) / np.sqrt(p @ reward**2 - (p @ reward) ** 2)
    for estimator in (StandardizedAdvantage(), StandardizedReturn()):
        gaps = [np.linalg.norm(exact.enumerated_moments(estimator, problem, n).mean - limit) for n in (2, 4, 6)]
        assert gaps[1] < 0.6 * gaps[0]
        assert gaps[2] < 0.8 * gaps[1]
        assert gaps[2] > 0.01


@pytest.mark.parametrize("kind", [StandardizedReturn, lambda epsilon: StandardizedAdvantage(epsilon=epsilon)])
@pytest.mark.parametrize("epsilon", [-1e-9, np.nan])
def test_refuses_a_negative_epsilon(kind: type[StandardizedReturn], epsilon: float) -> None:
    with pytest.raises(InvalidEstimator, match=r"epsilon is .*, must be a number in \[0, inf\]"):
        kind(epsilon)
