"""What each estimator estimates, exactly: its expectation over every trajectory, against a derived formula.

No sampling: the expectation of a function of the trajectory is Σ_τ P(τ) g(τ). Differences are measured against
`weight_scale`, the size of the terms that are added up: max_j Σ_τ P(τ) Σ_t |ψ_j| × (largest Σ|r| + largest |b|).
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from random_problems import random_problem
from reference import expectation, score_by_complex_step, weight_scale

from pgverify import (
    AverageReward,
    Discounted,
    FiniteHorizon,
    Problem,
    SoftmaxPolicy,
    TabularMDP,
    Trajectories,
    exact,
)
from pgverify.baselines import AverageReturn, Constant, NoBaseline, StateValue, TimeStateValue
from pgverify.estimators import Estimator, GeneralizedAdvantage, NStepAdvantage, RewardToGo, TotalReturn

pytestmark = pytest.mark.usefixtures("unchecked_shapes")  # `test_estimators` runs the same code checked

SEEDS = range(20)
TOLERANCE = 1e-9


def finite(seed: int) -> Problem:
    return random_problem(np.random.default_rng(seed), "finite", max_states=3, max_actions=3, max_horizon=3)


def mild(seed: int) -> Problem:
    """Return a problem with something to learn at two or more times, and γ well inside (0, 1)."""
    rng = np.random.default_rng(seed)
    while True:
        problem = random_problem(rng, "finite", 3, 3, 3, logit_scales=(1.0,))
        problem = Problem(problem.mdp, problem.policy, FiniteHorizon(3, 0.7))
        later = exact.occupancy(problem)[1:] @ ~problem.mdp.terminal
        varied = problem.mdp.num_states > 1  # with one state every critic is a constant, and harmless
        if varied and later.max() > 0.3 and np.abs(exact.gradient(problem)).max() > 1e-4:
            return problem


def weighted_score(problem: Problem, weights: np.ndarray) -> np.ndarray:
    """Return Σ_t Σ_s Σ_a w_t(s,a) d_t(s) π(a|s) ψ(s,a) outside terminal states, for weights [T, S, A]."""
    visits = np.where(problem.mdp.terminal, 0.0, exact.occupancy(problem))
    score = score_by_complex_step(problem.policy)
    return np.einsum("tsa,ts,sa,sad->d", weights, visits, problem.policy.probabilities(), score)


def assert_expectation(estimator: Estimator, problem: Problem, expected: np.ndarray, baseline: float = 0.0) -> None:
    batch, probabilities = exact.enumerate_trajectories(problem)
    found = expectation(estimator(batch), probabilities)
    assert np.abs(found - expected).max() <= TOLERANCE * weight_scale(batch, probabilities, baseline)


def tables(problem: Problem, seed: int) -> tuple[np.ndarray, np.ndarray, float]:
    """Return random b(s) [S] and b_t(s) [T, S] of the size of the returns, and their largest entry."""
    rng = np.random.default_rng([seed, 1])
    size = np.abs(problem.mdp.reward).max() + 0.1
    states, horizon = problem.mdp.num_states, problem.objective.horizon
    by_state, by_time = size * rng.normal(size=states), size * rng.normal(size=(horizon, states))
    return by_state, by_time, float(max(np.abs(by_state).max(), np.abs(by_time).max()))


@pytest.mark.parametrize("seed", SEEDS)
def test_any_table_baseline_leaves_the_gradient(seed: int) -> None:
    """E[ψ(s,·)] = 0 in every state, so b_t(s) drops out: total return and reward-to-go estimate ∇J itself."""
    problem = finite(seed)
    by_state, by_time, size = tables(problem, seed)
    baselines = (
        NoBaseline(),
        Constant(size),
        StateValue(),
        StateValue(by_state),
        TimeStateValue(by_time),
    )
    truth = exact.gradient(problem)
    for baseline in baselines:
        assert_expectation(TotalReturn(baseline), problem, truth, size)
        assert_expectation(RewardToGo(baseline), problem, truth, size)


@pytest.mark.parametrize("seed", SEEDS)
def test_generalized_advantage_is_unbiased_at_lambda_one_and_with_the_true_critic(seed: int) -> None:
    """λ = 1: Σ_k γ^k δ_k telescopes to G − V(s), V of the end being 0. True V: E[δ_k|s_k,a_k] = A, later ones 0."""
    problem = finite(seed)
    by_state, by_time, size = tables(problem, seed)
    truth = exact.gradient(problem)
    for critic in (NoBaseline(), Constant(size), StateValue(by_state), TimeStateValue(by_time)):
        assert_expectation(GeneralizedAdvantage(1.0, critic), problem, truth, size)
    for trace_decay in (0.0, 0.3, 0.95, 1.0):
        assert_expectation(GeneralizedAdvantage(trace_decay), problem, truth, size)


def advantage_with_critic(problem: Problem, critic: np.ndarray, trace_decay: float) -> np.ndarray:
    """Return E[A_t|s_t,a_t] [T, S, A] of GAE(λ) for a critic [T, S], by the backward recursion that defines it.

    m_t(s,a) = Σ_s' P (r + γ V_{t+1}(s') − V_t(s) + γλ m_{t+1}(s')), V and m being 0 in terminal states and at T.
    """
    mdp, policy = problem.mdp, problem.policy.probabilities()
    discount, horizon = problem.objective.discount, problem.objective.horizon
    value = np.vstack([np.where(mdp.terminal, 0.0, critic), np.zeros((1, mdp.num_states))])
    advantage = np.zeros((horizon, mdp.num_states, mdp.num_actions))
    ahead = np.zeros(mdp.num_states)
    for t in reversed(range(horizon)):
        following = mdp.reward + discount * value[t + 1] + discount * trace_decay * ahead
        advantage[t] = (mdp.transition * following).sum(axis=2) - value[t][:, None]
        ahead = np.where(mdp.terminal, 0.0, (policy * advantage[t]).sum(axis=1))
    return advantage


@pytest.mark.parametrize("seed", SEEDS)
def test_generalized_advantage_with_a_wrong_critic_is_biased_by_the_derived_amount(seed: int) -> None:
    problem = finite(seed)
    by_state, by_time, size = tables(problem, seed)
    powers = (problem.objective.discount ** np.arange(problem.objective.horizon))[:, None, None]
    for trace_decay in (0.0, 0.5, 0.9):
        for critic, table in (
            (StateValue(by_state), np.broadcast_to(by_state, by_time.shape)),
            (TimeStateValue(by_time), by_time),
        ):
            advantage = advantage_with_critic(problem, table, trace_decay)
            expected = weighted_score(problem, powers * advantage)
            assert_expectation(GeneralizedAdvantage(trace_decay, critic), problem, expected, size)
            undiscounted = weighted_score(problem, advantage)
            dropped = GeneralizedAdvantage(trace_decay, critic, discount_weighting=False)
            assert_expectation(dropped, problem, undiscounted, size)


def n_step_with_critic(problem: Problem, critic: np.ndarray, steps: int) -> np.ndarray:
    """Return E[A_t|s_t,a_t] [T, S, A] of the n-step advantage for a critic [T, S].

    W_0 = V and W_k,t(s) = Σ_a π (r + γ W_{k−1,t+1}), both 0 in terminal states and at T; then
    m_t(s,a) = r + γ Σ_s' P W_{n−1,t+1} − V_t(s).
    """
    mdp, policy, discount = problem.mdp, problem.policy.probabilities(), problem.objective.discount
    value = np.vstack([np.where(mdp.terminal, 0.0, critic), np.zeros((1, mdp.num_states))])
    ahead = value
    for _ in range(steps):
        action = (mdp.transition * (mdp.reward + discount * ahead[1:, None, None, :])).sum(axis=3)
        state = np.where(mdp.terminal, 0.0, (policy * action).sum(axis=2))
        ahead = np.vstack([state, np.zeros((1, mdp.num_states))])
    return action - value[:-1, :, None]


@pytest.mark.parametrize("seed", SEEDS)
def test_the_n_step_advantage_is_biased_by_the_derived_amount_until_n_reaches_the_end(seed: int) -> None:
    problem = finite(seed)
    _, by_time, size = tables(problem, seed)
    horizon = problem.objective.horizon
    powers = (problem.objective.discount ** np.arange(horizon))[:, None, None]
    truth = exact.gradient(problem)
    for steps in (1, 2, horizon, horizon + 3):
        assert_expectation(NStepAdvantage(steps), problem, truth, size)
        advantage = n_step_with_critic(problem, by_time, steps)
        estimator = NStepAdvantage(steps, TimeStateValue(by_time))
        assert_expectation(estimator, problem, weighted_score(problem, powers * advantage), size)
        dropped = NStepAdvantage(steps, TimeStateValue(by_time), discount_weighting=False)
        assert_expectation(dropped, problem, weighted_score(problem, advantage), size)
        if steps >= horizon:
            assert_expectation(estimator, problem, truth, size)


@pytest.mark.parametrize("seed", range(10))
def test_the_bias_of_a_wrong_critic_is_not_zero(seed: int) -> None:
    """Negative control of the test above: a random critic and λ < 1 miss ∇J by far more than rounding."""
    problem = mild(seed)
    by_state, _, size = tables(problem, seed)
    batch, probabilities = exact.enumerate_trajectories(problem)
    found = expectation(GeneralizedAdvantage(0.5, StateValue(by_state))(batch), probabilities)
    error = np.abs(found - exact.gradient(problem)).max()
    assert error > 1e5 * TOLERANCE * weight_scale(batch, probabilities, size)


@pytest.mark.parametrize("seed", SEEDS)
def test_reward_to_go_without_discount_weighting_is_the_semigradient(seed: int) -> None:
    """The boxed formula of the first seed: Σ_t Σ_s d_t Σ_a π ψ Q_t, a factor γ^t short of ∇J."""
    problem = finite(seed)
    _, by_time, size = tables(problem, seed)
    semigradient = weighted_score(problem, exact.values(problem).action)
    for baseline in (NoBaseline(), StateValue(), TimeStateValue(by_time)):
        assert_expectation(RewardToGo(baseline, discount_weighting=False), problem, semigradient, size)
    assert_expectation(GeneralizedAdvantage(0.3, discount_weighting=False), problem, semigradient, size)


@pytest.mark.parametrize("seed", range(10))
def test_the_semigradient_is_not_the_gradient(seed: int) -> None:
    """Negative control: with γ = 0.7 and something to learn after t = 0, dropping γ^t is a bias, not rounding."""
    problem = mild(seed)
    batch, probabilities = exact.enumerate_trajectories(problem)
    found = expectation(RewardToGo(discount_weighting=False)(batch), probabilities)
    error = np.abs(found - exact.gradient(problem)).max()
    assert error > 1e5 * TOLERANCE * weight_scale(batch, probabilities)


def test_discount_weighting_changes_nothing_at_discount_one() -> None:
    for seed in range(5):
        problem = mild(seed)
        problem = Problem(problem.mdp, problem.policy, FiniteHorizon(3, 1.0))
        batch, _ = exact.enumerate_trajectories(problem)
        for kind in (RewardToGo, TotalReturn):
            assert np.array_equal(kind()(batch), kind(discount_weighting=False)(batch))


@pytest.mark.parametrize("seed", SEEDS)
def test_total_return_without_discount_weighting_is_the_undiscounted_gradient(seed: int) -> None:
    problem = finite(seed)
    undiscounted = Problem(problem.mdp, problem.policy, replace(problem.objective, discount=1.0))
    assert_expectation(TotalReturn(discount_weighting=False), problem, exact.gradient(undiscounted))


@pytest.mark.parametrize(("leave_one_out", "factor"), [(False, 0.5), (True, 1.0)])
@pytest.mark.parametrize("seed", range(4))
def test_the_batch_mean_as_baseline_halves_the_gradient_of_two(seed: int, leave_one_out: bool, factor: float) -> None:
    """All i.i.d. pairs. Own return in the mean: E[ψ_i (R_i − (R_i + R_j)/2)] = ∇J − ∇J/2, exactly (n−1)/n = ½.

    Own return left out: E[ψ_i (R_i − R_j)] = ∇J, R_j being independent of ψ_i.
    """
    rng = np.random.default_rng(seed)
    problem = random_problem(rng, "finite", 2, 2, 1, logit_scales=(1.0,))
    problem = Problem(problem.mdp, problem.policy, FiniteHorizon(2, 0.8))
    batch, probabilities = exact.enumerate_trajectories(problem)
    estimator = TotalReturn(AverageReturn(leave_one_out))
    assert len(batch) <= 32
    total = np.zeros(problem.policy.parameters.size)
    for i in range(len(batch)):
        for j in range(len(batch)):
            pair = batch.select(np.array([i, j]))
            total += probabilities[i] * probabilities[j] * estimator(pair).mean(axis=0)
    scale = weight_scale(batch, probabilities)
    assert np.abs(total - factor * exact.gradient(problem)).max() <= TOLERANCE * scale


def test_the_halved_gradient_is_not_zero() -> None:
    """Negative control of the test above: in at least one of its problems there is something to halve."""
    largest = []
    for seed in range(4):
        problem = random_problem(np.random.default_rng(seed), "finite", 2, 2, 1, logit_scales=(1.0,))
        problem = Problem(problem.mdp, problem.policy, FiniteHorizon(2, 0.8))
        largest.append(np.abs(exact.gradient(problem)).max())
    assert max(largest) > 1e-2


# ------------------------------------------------------------- problems without a horizon, listed up to a cut


def cut_batch(problem: Problem, steps: int) -> tuple[Problem, Trajectories, np.ndarray]:
    """Return every trajectory of `steps` steps from the rollout's own start, as the sampler would have cut it."""
    law = exact.rollout(problem, steps)
    mdp = problem.mdp
    started = TabularMDP(law.start / law.start.sum(), mdp.transition, mdp.reward, mdp.terminal)
    listed = Problem(started, problem.policy, FiniteHorizon(steps, law.discount))
    batch, probabilities = exact.enumerate_trajectories(listed)
    terminated = mdp.terminal[batch.states[:, -1]]
    return (
        listed,
        replace(
            batch,
            rollout=law,
            terminated=terminated,
            critic=law.values[batch.states],
        ),
        probabilities,
    )


@pytest.mark.parametrize("seed", range(12))
def test_advantages_with_differential_values_are_unbiased_for_the_average_reward(seed: int) -> None:
    """From the stationary start every step has the state law d, and E[δ_t|s_t,a_t] = A, later δ having mean 0.

    Hence E g = (1/T) Σ_t Σ_s d Σ_a π ψ A = ∇ρ for every T and λ.
    """
    rng = np.random.default_rng(seed)
    problem = random_problem(rng, "average", 3, 2, logit_scales=(0.0, 1.0))
    _, batch, probabilities = cut_batch(problem, 3)
    truth = exact.gradient(problem)
    scale = weight_scale(batch, probabilities, float(np.abs(batch.values).max()))
    for estimator in (*map(GeneralizedAdvantage, (0.0, 0.6, 1.0)), *map(NStepAdvantage, (1, 2, 5))):
        found = expectation(estimator(batch), probabilities)
        assert np.abs(found - truth).max() <= TOLERANCE * scale


@pytest.mark.parametrize("seed", range(12))
def test_reward_to_go_under_the_average_reward_misses_the_derived_tail(seed: int) -> None:
    """G_t = Σ_{k=t}^{T−1} (r_k − ρ) has mean Q(s_t,a_t) − E[h(s_T)|s_t,a_t], so with D = T − t − 1

        E g = ∇ρ − (1/T) Σ_t Σ_s d(s) Σ_a π ψ (P P_π^D h)(s,a),

    O(1/T). The total return has the same expectation: rewards before t do not depend on a_t.
    """
    rng = np.random.default_rng(seed)
    problem = random_problem(rng, "average", 3, 2, logit_scales=(0.0, 1.0))
    steps = 3
    listed, batch, probabilities = cut_batch(problem, steps)
    policy = problem.policy.probabilities()
    chain = np.einsum("sa,sap->sp", policy, problem.mdp.transition)
    h = exact.values(problem).state
    tail = np.stack([problem.mdp.transition @ np.linalg.matrix_power(chain, steps - t - 1) @ h for t in range(steps)])
    expected = exact.gradient(problem) - weighted_score(listed, tail) / steps
    scale = weight_scale(batch, probabilities, steps * abs(batch.gain))
    for estimator in (RewardToGo(), TotalReturn(), RewardToGo(Constant(1.0))):
        found = expectation(estimator(batch), probabilities)
        assert np.abs(found - expected).max() <= TOLERANCE * scale


@pytest.mark.parametrize("seed", range(12))
def test_a_cut_costs_reward_to_go_the_tail_and_a_bootstrapped_critic_nothing_within(seed: int) -> None:
    """Cut at T: reward-to-go estimates ∇J_T, the gradient of the truncated return. GAE with the true V bootstraps
    the tail: Σ_{t<T} γ^t Σ_s d_t Σ_a π ψ Q with the *infinite-horizon* Q.
    """
    rng = np.random.default_rng(seed)
    problem = random_problem(rng, "discounted", 3, 2, logit_scales=(0.0, 1.0))
    problem = Problem(problem.mdp, problem.policy, Discounted(0.8))
    listed, batch, probabilities = cut_batch(problem, 3)
    values = exact.values(problem)
    scale = weight_scale(batch, probabilities, float(np.abs(values.state).max()))
    truncated = exact.gradient(listed)
    for estimator in (RewardToGo(), TotalReturn(), RewardToGo(StateValue())):
        found = expectation(estimator(batch), probabilities)
        assert np.abs(found - truncated).max() <= TOLERANCE * scale
    powers = (0.8 ** np.arange(3))[:, None, None]
    bootstrapped = weighted_score(listed, powers * values.action)
    for estimator in (*map(GeneralizedAdvantage, (0.0, 0.5, 1.0)), *map(NStepAdvantage, (1, 2, 5))):
        found = expectation(estimator(batch), probabilities)
        assert np.abs(found - bootstrapped).max() <= TOLERANCE * scale


def test_the_three_cut_targets_differ() -> None:
    """Negative control of the tests above: one problem each in which tail and bootstrap are not negligible."""
    rng = np.random.default_rng(0)
    logits, transition, reward = (
        rng.normal(size=(2, 2)),
        rng.dirichlet([1, 1], (2, 2)),
        rng.normal(size=(2, 2)),
    )
    mdp = TabularMDP([1.0, 0.0], transition, reward)
    for objective in (Discounted(0.8), AverageReward()):
        problem = Problem(mdp, SoftmaxPolicy(logits), objective)
        _, batch, probabilities = cut_batch(problem, 3)
        cut = expectation(RewardToGo()(batch), probabilities)
        bootstrapped = expectation(GeneralizedAdvantage(0.5)(batch), probabilities)
        assert np.abs(cut - bootstrapped).max() > 1e-3
