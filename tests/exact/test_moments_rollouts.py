"""Moments of rollouts that are no plain finite horizon: noise, cuts, random horizons, the average reward.

Each is held against a listing in which what is drawn besides actions and states has become a state (`moment_cases`).
Errors are relative to E|g|².
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from moment_cases import (
    every_estimator,
    listed,
    listed_moments,
    moment_error,
    small_problem,
    tables,
    with_discrete_noise,
    with_explicit_end,
)
from random_problems import random_problem
from slow_cases import some_slow

from pgverify import AverageReward, Discounted, FiniteHorizon, Problem, SoftmaxPolicy, TabularMDP, exact
from pgverify.baselines import Baseline, NoBaseline, StateValue, TimeStateValue
from pgverify.estimators import Estimator, GeneralizedAdvantage, NStepAdvantage, RewardToGo, TotalReturn

TOLERANCE = 1e-10
SEEDS = some_slow(16, 4)
FORMS = ("full", "diagonal")
"""The trace is part of both."""

pytestmark = pytest.mark.usefixtures("unchecked_shapes")


def assert_forms(
    estimator: Estimator,
    problem: Problem,
    expected: tuple[np.ndarray, np.ndarray, float],
    max_steps: int | None = None,
    tolerance: float = TOLERANCE,
) -> None:
    for form in FORMS:
        error = moment_error(exact.moments(estimator, problem, form, max_steps), *expected)
        assert error <= tolerance, f"{form}, {estimator}: {error:.2g}"


@pytest.mark.parametrize("seed", SEEDS)
def test_truncated_rollouts(seed: int) -> None:
    """Cut after three steps: nothing is bootstrapped by returns, critics are looked up in the last state."""
    problem = small_problem(seed, "discounted", horizon=3)
    batch, probabilities = listed(problem, 3)
    for estimator in every_estimator(tables(problem, seed, 3)):
        assert_forms(estimator, problem, listed_moments(estimator, batch, probabilities), max_steps=3)


@pytest.mark.usefixtures("unchecked_shapes")  # a long loop
@pytest.mark.parametrize("seed", SEEDS)
def test_the_average_reward(seed: int) -> None:
    """Stationary start, rewards relative to the gain, contributions divided by T."""
    problem = small_problem(seed, "average", horizon=3, logit_scales=(0.0, 1.0))
    batch, probabilities = listed(problem, 3)
    for estimator in every_estimator(tables(problem, seed, 3)):
        assert_forms(estimator, problem, listed_moments(estimator, batch, probabilities), max_steps=3)


def test_cuts_are_not_terminations() -> None:
    """Negative control of the two tests above: with an end in place of the cut the critics' moments are others."""
    problem = small_problem(4, "average", horizon=3, logit_scales=(1.0,))
    batch, probabilities = listed(problem, 3)
    ended = replace(batch, terminated=np.ones_like(batch.terminated))
    critic = tables(problem, 4, 3).by_state
    for estimator in (GeneralizedAdvantage(0.5, critic), NStepAdvantage(2, critic)):
        expected = listed_moments(estimator, ended, probabilities)
        assert moment_error(exact.moments(estimator, problem, max_steps=3), *expected) > 1e-3
    for estimator in (RewardToGo(critic), TotalReturn(critic)):  # these never look beyond the last reward
        expected = listed_moments(estimator, ended, probabilities)
        assert moment_error(exact.moments(estimator, problem, max_steps=3), *expected) <= TOLERANCE


def noisy(seed: int, objective: str, horizon: int) -> Problem:
    while True:
        problem = small_problem(seed, objective, limit=150, horizon=horizon, noisy=True, max_states=3)
        if problem.mdp.reward_noise.any():
            return problem
        seed += 1000


def twice(baseline: Baseline) -> Baseline:
    """Return a baseline for the problem with two copies of every state."""
    if isinstance(baseline, StateValue | TimeStateValue) and baseline.values is not None:
        return type(baseline)(np.repeat(np.asarray(baseline.values), 2, axis=-1))
    return baseline


def doubled(estimator: Estimator) -> Estimator:
    name = "baseline" if isinstance(estimator, TotalReturn | RewardToGo) else "critic"
    return replace(estimator, **{name: twice(getattr(estimator, name))})


@pytest.mark.parametrize("seed", SEEDS)
def test_reward_noise(seed: int) -> None:
    problem = noisy(seed, "finite", 3)
    explicit = with_discrete_noise(problem)
    batch, probabilities = listed(explicit)
    for estimator in every_estimator(tables(problem, seed, batch.num_steps)):
        assert_forms(estimator, problem, listed_moments(doubled(estimator), batch, probabilities))


@pytest.mark.parametrize("seed", range(8))
def test_reward_noise_of_cut_rollouts(seed: int) -> None:
    problem = noisy(seed, "discounted", 2)
    batch, probabilities = listed(with_discrete_noise(problem), 2)
    for estimator in every_estimator(tables(problem, seed, 2)):
        assert_forms(estimator, problem, listed_moments(doubled(estimator), batch, probabilities), max_steps=2)


@pytest.mark.parametrize("horizon", [1, 4])
def test_reward_noise_by_hand(horizon: int) -> None:
    """One state, π = (p, 1−p), no mean reward, noise σ; ψ_t = ±(…) with E|ψ|² = 2p(1−p) =: f, independent over time.

    Reward-to-go: g = Σ_t ψ_t Σ_{k≥t} γ^k η_k has mean 0 and, as E[ψ_t·ψ_s] = 0, E|g|² = f σ² Σ_t Σ_{k≥t} γ^2k.
    Total return: E|g|² = T f σ² Σ_k γ^2k.
    """
    p, noise, discount = 0.3, 1.7, 0.8
    mdp = TabularMDP([1.0], np.ones((1, 2, 1)), np.zeros((1, 2)), reward_noise=noise)
    policy = SoftmaxPolicy([[np.log(p), np.log(1.0 - p)]])
    problem = Problem(mdp, policy, FiniteHorizon(horizon, discount))
    powers = discount ** (2 * np.arange(horizon))
    score = 2 * p * (1 - p)
    to_go = exact.moments(RewardToGo(), problem)
    assert to_go.trace == pytest.approx(score * noise**2 * sum(powers[t:].sum() for t in range(horizon)), rel=1e-13)
    assert exact.moments(TotalReturn(), problem).trace == pytest.approx(
        horizon * score * noise**2 * powers.sum(), rel=1e-13
    )
    assert np.abs(to_go.mean).max() <= 1e-15
    quiet = Problem(TabularMDP([1.0], np.ones((1, 2, 1)), np.zeros((1, 2))), policy, FiniteHorizon(horizon, discount))
    assert exact.moments(RewardToGo(), quiet).trace == 0.0


@pytest.mark.parametrize("stays", [1.0, 0.6])
@pytest.mark.parametrize("horizon", [1, 4])
def test_the_noise_of_the_last_reward_counts(horizon: int, stays: float) -> None:
    """As above, but a step leads to a terminal state with probability 1 − q, and its noisy reward is paid all the same.

    With N steps, P(N > t) = q^t: E|g|² = f σ² Σ_k (k+1) q^k γ^2k for reward-to-go, f σ² E[N Σ_{k<N} γ^2k] for the total
    return.
    """
    p, noise, discount = 0.3, 1.7, 0.8
    transition = np.array([[[stays, 1.0 - stays]] * 2, [[0.0, 1.0]] * 2])
    sigma = np.where(np.arange(2)[:, None, None] == 0, noise, 0.0) * np.ones((2, 2, 2))
    mdp = TabularMDP([1.0, 0.0], transition, np.zeros((2, 2)), [False, True], sigma)
    policy = SoftmaxPolicy([[np.log(p), np.log(1.0 - p)], [0.0, 0.0]])
    problem = Problem(mdp, policy, FiniteHorizon(horizon, discount))
    steps = np.arange(horizon)
    powers, alive = discount ** (2 * steps), stays**steps
    score = 2 * p * (1 - p)
    to_go = score * noise**2 * ((steps + 1) * alive * powers).sum()
    assert exact.moments(RewardToGo(), problem).trace == pytest.approx(to_go, rel=1e-13)
    ends = np.append(alive * (1.0 - stays), 0.0)[:horizon]
    ends[-1] = alive[-1]  # P(N = t + 1)
    total = score * noise**2 * (ends * (steps + 1) * powers.cumsum()).sum()
    assert exact.moments(TotalReturn(), problem).trace == pytest.approx(total, rel=1e-13)


def test_the_noise_of_the_last_reward_counts_on_a_random_horizon() -> None:
    """γ is the probability to go on: E Σ_{t<N} (N − t) = E[N(N+1)]/2 = 1/(1−γ)² for a geometric N."""
    p, noise, discount = 0.3, 1.7, 0.8
    mdp = TabularMDP([1.0], np.ones((1, 2, 1)), np.zeros((1, 2)), reward_noise=noise)
    problem = Problem(mdp, SoftmaxPolicy([[np.log(p), np.log(1.0 - p)]]), Discounted(discount))
    expected = 2 * p * (1 - p) * noise**2 / (1.0 - discount) ** 2
    assert exact.moments(RewardToGo(), problem).trace == pytest.approx(expected, rel=1e-12)


def ended(baseline: Baseline) -> Baseline:
    """Return a baseline for the problem with an explicit end, 0 there."""
    if isinstance(baseline, StateValue) and baseline.values is not None:
        values = np.asarray(baseline.values)
        return StateValue(np.concatenate([values, np.zeros_like(values)]))
    return baseline


def unending(problem: Problem, estimator: Estimator) -> Estimator:
    """Return the estimator for the problem with an explicit end; V(s) of the random horizon is that without an end."""
    name = "baseline" if isinstance(estimator, TotalReturn | RewardToGo) else "critic"
    baseline = getattr(estimator, name)
    if isinstance(baseline, StateValue) and baseline.values is None:
        baseline = StateValue(exact.values(problem).state)
    return replace(estimator, **{name: ended(baseline)})


@pytest.mark.parametrize("seed", SEEDS)
def test_random_horizons_against_the_listing(seed: int) -> None:
    """γ = 0.003: six steps leave 0.003^6 = 7e-16 of the probability, so the listing is as good as complete."""
    rng = np.random.default_rng([seed, 9])
    while True:
        problem = random_problem(rng, "discounted", 2, 2, logit_scales=(0.0, 1.0))
        problem = Problem(problem.mdp, problem.policy, Discounted(0.003))
        explicit = with_explicit_end(problem, 6)
        if exact.count_trajectories(explicit) <= 12_000:
            break
    batch, probabilities = listed(explicit)
    for estimator in every_estimator(tables(problem, seed, 6), by_time=False):
        expected = listed_moments(unending(problem, estimator), batch, probabilities)
        assert_forms(estimator, problem, expected)


@pytest.mark.usefixtures("unchecked_shapes")  # a long loop
@pytest.mark.parametrize("seed", some_slow(18, 3))
def test_random_horizons_against_an_explicit_end(seed: int) -> None:
    """Any γ: the same moments as those of the finite-horizon problem in which the end is a state; γ^H = 1e-18."""
    rng = np.random.default_rng([seed, 10])
    problem = random_problem(rng, "discounted", 3, 3, noisy=True, logit_scales=(0.0, 1.0, 5.0))
    discount = (0.0, 0.3, 0.6)[seed % 3]
    problem = Problem(problem.mdp, problem.policy, Discounted(discount))
    horizon = 1 if discount == 0.0 else int(np.ceil(np.log(1e-18) / np.log(discount)))
    explicit = with_explicit_end(problem, horizon)
    for estimator in every_estimator(tables(problem, seed, 6), by_time=False)[seed // 3 % 2 :: 2]:
        expected = exact.moments(unending(problem, estimator), explicit)
        assert expected.covariance is not None
        scale = expected.trace + float(expected.mean @ expected.mean) + 1e-290
        error = moment_error(exact.moments(estimator, problem), expected.mean, expected.covariance, scale)
        assert error <= TOLERANCE, f"{estimator}: {error:.2g}"


def test_a_random_horizon_by_hand() -> None:
    """One state, action a pays r_a, the episode goes on with probability γ: every step sees the same future.

    Y = r + 1{on} Y' and X = ψ Y + 1{on} X' are fixed points, Y' and X' being independent of the step. E[ψ] = 0 leaves

        E[Y] = E[r]/(1−γ),  E[Y²] = (E[r²] + 2γ E[r] E[Y])/(1−γ),  E[X] = E[ψ r]/(1−γ)
        E[XXᵀ] = (E[ψψᵀ Y²] + sym 2γ E[ψ r] E[X]ᵀ)/(1−γ),  E[Y²|a] = r² + 2γ r E[Y] + γ E[Y²].
    """
    discount, p, reward = 0.9, np.array([0.2, 0.5, 0.3]), np.array([1.0, -0.5, 2.0])
    psi = np.eye(3) - p
    y = p @ reward / (1 - discount)
    y2 = (p @ reward**2 + 2 * discount * (p @ reward) * y) / (1 - discount)
    x = (p * reward) @ psi / (1 - discount)
    given_action = reward**2 + 2 * discount * reward * y + discount * y2
    own = np.einsum("a,ai,aj->ij", p * given_action, psi, psi)
    cross = discount * np.outer((p * reward) @ psi, x)
    second = (own + cross + cross.T) / (1 - discount)
    problem = Problem(
        TabularMDP([1.0], np.ones((1, 3, 1)), reward[None, :]), SoftmaxPolicy(np.log(p)[None, :]), Discounted(discount)
    )
    found = exact.moments(RewardToGo(), problem)
    assert found.mean == pytest.approx(x, rel=1e-12)
    assert found.covariance == pytest.approx(second - np.outer(x, x), rel=1e-11)


def test_a_random_horizon_is_not_a_discount_on_the_rewards() -> None:
    """Negative control: the same expectation, another covariance than that of a long truncated rollout."""
    problem = small_problem(3, "discounted", logit_scales=(1.0,))
    problem = Problem(problem.mdp, problem.policy, Discounted(0.7))
    ends, cut = exact.moments(RewardToGo(), problem), exact.moments(RewardToGo(), problem, max_steps=120)
    assert ends.mean == pytest.approx(cut.mean, rel=1e-10)
    assert abs(ends.trace - cut.trace) > 0.05 * cut.trace


@pytest.mark.usefixtures("unchecked_shapes")  # a long loop
@pytest.mark.parametrize("objective", [Discounted(0.9), AverageReward()])
def test_the_mean_is_the_gradient_where_the_estimator_is_unbiased(objective: Discounted | AverageReward) -> None:
    """A third route: random-horizon reward-to-go, and actor-critics with the true critic, estimate ∇J itself."""
    problem = random_problem(np.random.default_rng(5), "average", 6, 3, logit_scales=(1.0,))
    problem = Problem(problem.mdp, problem.policy, objective)
    truth = exact.gradient(problem)
    steps = None if isinstance(objective, Discounted) else 7
    estimators: list[Estimator] = [GeneralizedAdvantage(0.7), NStepAdvantage(2), NStepAdvantage(5)]
    if steps is None:
        estimators += [RewardToGo(), TotalReturn(), TotalReturn(NoBaseline(), discount_weighting=False)]
    for estimator in estimators:
        found = exact.moments(estimator, problem, "trace", steps)
        assert np.abs(found.mean - truth).max() <= 1e-11 * np.sqrt(found.trace)
