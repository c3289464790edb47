"""J, V, Q, A and d: the equations that define them, and sums over trajectories listed by a plain loop."""

from __future__ import annotations

import numpy as np
import pytest
from random_problems import random_problem
from reference import relative_error, walk

from pgverify import AverageReward, Discounted, FiniteHorizon, Problem, SoftmaxPolicy, TabularMDP, exact

SEEDS = range(25)
ROUNDING = 1e-11


def finite(seed: int) -> Problem:
    return random_problem(np.random.default_rng(seed), "finite", max_states=3, max_actions=3, max_horizon=3)


def discounted(seed: int) -> Problem:
    return random_problem(np.random.default_rng(seed), "discounted")


def average(seed: int) -> Problem:
    return random_problem(np.random.default_rng(seed), "average")


def induced(problem: Problem) -> tuple[np.ndarray, np.ndarray]:
    """Return P_π [S, S] and r_π [S], by loops over the definition."""
    mdp, policy = problem.mdp, problem.policy.probabilities()
    size = mdp.num_states
    transition, reward = np.zeros((size, size)), np.zeros(size)
    for s in range(size):
        for a in range(mdp.num_actions):
            for s2 in range(size):
                chance = policy[s, a] * mdp.transition[s, a, s2]
                transition[s, s2] += chance
                reward[s] += chance * mdp.reward[s, a, s2]
    return transition, reward


@pytest.mark.parametrize("seed", SEEDS)
def test_expected_return_is_the_sum_over_trajectories(seed: int) -> None:
    """J = Σ_τ P(τ) Σ_t γ^t r_t."""
    problem = finite(seed)
    discount = problem.objective.discount
    total = scale = 0.0
    for path in walk(problem):
        returns = [discount**t * reward for t, reward in enumerate(path.rewards)]
        total += path.probability * sum(returns)
        scale += path.probability * sum(map(abs, returns))
    assert abs(exact.expected_return(problem) - total) <= 1e-12 * scale


@pytest.mark.parametrize("seed", SEEDS)
def test_occupancy_is_the_share_of_trajectories(seed: int) -> None:
    """d_t(s) = Σ_τ P(τ) 1{s_t = s}, where an episode that has ended stays where it ended."""
    problem = finite(seed)
    horizon = problem.objective.horizon
    share = np.zeros((horizon, problem.mdp.num_states))
    for path in walk(problem):
        for t in range(horizon):
            share[t, path.states[min(t, len(path.states) - 1)]] += path.probability
    assert exact.occupancy(problem) == pytest.approx(share, abs=1e-13)
    assert exact.occupancy(problem).sum(axis=1) == pytest.approx(np.ones(horizon), abs=1e-13)


@pytest.mark.parametrize("seed", SEEDS)
def test_values_satisfy_the_backward_recursion(seed: int) -> None:
    """Q_t = r + γ P V_{t+1}, V_t = Σ_a π Q_t, V_T = 0, and V = 0 in terminal states."""
    problem = finite(seed)
    mdp, policy, discount = problem.mdp, problem.policy.probabilities(), problem.objective.discount
    values = exact.values(problem)
    assert not values.state[-1].any()
    assert not values.state[:, mdp.terminal].any()
    for t in range(problem.objective.horizon):
        ahead = mdp.reward + discount * values.state[t + 1][None, None, :]
        action = (mdp.transition * ahead).sum(axis=2)
        assert values.action[t] == pytest.approx(action, rel=1e-12, abs=1e-12)
        state = (policy * values.action[t]).sum(axis=1)
        assert values.state[t] == pytest.approx(state, rel=1e-12, abs=1e-12)
    assert exact.expected_return(problem) == pytest.approx(mdp.start @ values.state[0], rel=1e-12, abs=1e-13)


@pytest.mark.parametrize("seed", SEEDS)
def test_expected_return_is_reward_weighted_by_occupancy(seed: int) -> None:
    """J = start · V_0 = Σ_t γ^t d_t · r_π; = d · r_π without a horizon; = d · r_π, d stationary, for the average."""
    problem = finite(seed)
    powers = problem.objective.discount ** np.arange(problem.objective.horizon)
    for chosen, visits in (
        (problem, powers @ exact.occupancy(problem)),
        (discounted(seed), exact.occupancy(discounted(seed))),
        (average(seed), exact.occupancy(average(seed))),
    ):
        _, reward = induced(chosen)
        scale = visits @ np.abs(reward)
        assert abs(exact.expected_return(chosen) - visits @ reward) <= ROUNDING * scale


@pytest.mark.parametrize("seed", SEEDS)
def test_discounted_values_and_occupancy(seed: int) -> None:
    """V = r_π + γ P_π V; d = p + γ P_πᵀ d, which sums to 1/(1 − γ); J = p · V."""
    problem = discounted(seed)
    discount = problem.objective.discount
    transition, reward = induced(problem)
    values, visits = exact.values(problem), exact.occupancy(problem)
    assert relative_error(values.state, reward + discount * transition @ values.state) < ROUNDING
    assert relative_error(visits, problem.mdp.start + discount * transition.T @ visits) < ROUNDING
    assert visits.sum() == pytest.approx(1.0 / (1.0 - discount), rel=1e-12)
    assert visits.min() >= -1e-15
    assert not values.state[problem.mdp.terminal].any()
    expected = problem.mdp.start @ values.state
    assert exact.expected_return(problem) == pytest.approx(expected, rel=1e-11, abs=1e-13)
    mean = (problem.policy.probabilities() * values.action).sum(axis=1)
    assert relative_error(mean, values.state) < ROUNDING


@pytest.mark.parametrize("seed", SEEDS)
def test_average_reward_values_and_stationary_distribution(seed: int) -> None:
    """d P = d, Σ d = 1; h = r_π − ρ + P_π h, d · h = 0; Q = r − ρ + P h."""
    problem = average(seed)
    mdp = problem.mdp
    transition, reward = induced(problem)
    visits, values, gain = exact.occupancy(problem), exact.values(problem), exact.expected_return(problem)
    size = np.abs(reward).max()
    assert visits @ transition == pytest.approx(visits, abs=1e-14)
    assert visits.sum() == pytest.approx(1.0, abs=1e-14)
    assert visits.min() >= 0.0
    assert values.state == pytest.approx(reward - gain + transition @ values.state, abs=1e-11 * size)
    assert abs(visits @ values.state) <= 1e-11 * size
    action = (mdp.transition * (mdp.reward - gain + values.state)).sum(axis=2)
    assert values.action == pytest.approx(action, abs=1e-11 * size)


@pytest.mark.parametrize("make", [finite, discounted, average])
@pytest.mark.parametrize("seed", SEEDS)
def test_the_advantage_is_q_minus_v_and_has_mean_zero(make: type, seed: int) -> None:
    problem = make(seed)
    values = exact.values(problem)
    policy = problem.policy.probabilities()
    size = np.abs(values.action).max() + 1e-300
    mean = (policy * values.advantage).sum(axis=-1)
    assert np.abs(mean).max() <= 1e-13 * size
    state = (policy * values.action).sum(axis=-1, keepdims=True)
    assert np.abs(values.advantage - (values.action - state)).max() <= 1e-13 * size


def test_the_advantage_of_a_nearly_certain_action_keeps_its_digits() -> None:
    """A(a) = Σ_b π_b (r_a − r_b): with π = (1 − e, e), A = (e (r_0 − r_1), (1 − e)(r_1 − r_0)); e = 1/(1 + e^60)."""
    mdp = TabularMDP([1.0], np.ones((1, 2, 1)), [[1.0, 4.0]])
    advantage = exact.values(Problem(mdp, SoftmaxPolicy([[60.0, 0.0]]), FiniteHorizon(1))).advantage[0, 0]
    rare = 1.0 / (1.0 + np.exp(60.0))
    assert advantage == pytest.approx([-3.0 * rare, 3.0], rel=1e-14)


def test_longer_horizons_approach_the_discounted_return() -> None:
    """|J − J_T| ≤ γ^T max|r|/(1 − γ), and the bound is attained for a constant reward."""
    for seed in range(10):
        problem = discounted(seed)
        discount = min(problem.objective.discount, 0.8)
        limit = exact.expected_return(Problem(problem.mdp, problem.policy, Discounted(discount)))
        for horizon in (1, 5, 20, 200):
            cut = exact.expected_return(Problem(problem.mdp, problem.policy, FiniteHorizon(horizon, discount)))
            bound = discount**horizon * np.abs(problem.mdp.reward).max() / (1.0 - discount)
            assert abs(limit - cut) <= bound * (1 + 1e-9) + 1e-12 * abs(limit)
    constant = TabularMDP([1.0], np.ones((1, 1, 1)), [[2.0]])
    policy = SoftmaxPolicy([[0.0]])
    cut = exact.expected_return(Problem(constant, policy, FiniteHorizon(5, 0.8)))
    limit = exact.expected_return(Problem(constant, policy, Discounted(0.8)))
    assert limit - cut == pytest.approx(0.8**5 * 2.0 / 0.2, rel=1e-12)


def test_long_horizons_approach_the_average_reward() -> None:
    """J_T/T − ρ = (start · (h − P^T h))/T: the difference is known exactly, not merely small."""
    problem = average(3)
    horizon = 50
    total = exact.expected_return(Problem(problem.mdp, problem.policy, FiniteHorizon(horizon)))
    transition, _ = induced(problem)
    h = exact.values(problem).state
    transient = problem.mdp.start @ (h - np.linalg.matrix_power(transition, horizon) @ h)
    gain = exact.expected_return(Problem(problem.mdp, problem.policy, AverageReward()))
    assert total == pytest.approx(horizon * gain + transient, rel=1e-11)
