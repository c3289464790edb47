"""Every trajectory of a small problem: nothing missing, nothing twice, nothing impossible."""

from __future__ import annotations

import numpy as np
import pytest
from random_problems import random_problem
from reference import walk

from pgverify import AverageReward, Discounted, FiniteHorizon, Problem, SoftmaxPolicy, TabularMDP, exact
from pgverify.errors import InvalidObjective, TooLarge


def small(seed: int) -> Problem:
    return random_problem(np.random.default_rng(seed), "finite", max_states=3, max_actions=3, max_horizon=3)


@pytest.mark.parametrize("seed", range(30))
def test_lists_what_a_plain_recursion_lists(seed: int) -> None:
    """The same set of trajectories, each once, with the same probability, rewards and length."""
    problem = small(seed)
    batch, probabilities = exact.enumerate_trajectories(problem)
    listed = {}
    for row in range(len(batch)):
        length = int(batch.lengths[row])
        key = (tuple(batch.states[row, : length + 1].tolist()), tuple(batch.actions[row, :length].tolist()))
        assert key not in listed
        listed[key] = (probabilities[row], tuple(batch.rewards[row, :length].tolist()))
    paths = list(walk(problem))
    assert len(paths) == len(listed) == exact.count_trajectories(problem)
    for path in paths:
        chance, rewards = listed[path.states, path.actions]
        assert chance == pytest.approx(path.probability, rel=1e-14)
        assert rewards == path.rewards


@pytest.mark.parametrize("seed", range(30))
def test_probabilities_sum_to_one_and_nothing_impossible_is_listed(seed: int) -> None:
    problem = small(seed)
    batch, probabilities = exact.enumerate_trajectories(problem)
    assert probabilities.sum() == pytest.approx(1.0, abs=1e-13)
    assert probabilities.min() > 0.0
    assert batch.terminated.all()
    assert batch.num_steps == problem.objective.horizon
    source, action, target = (a[batch.mask] for a in (batch.states[:, :-1], batch.actions, batch.states[:, 1:]))
    assert (problem.mdp.transition[source, action, target] > 0).all()


@pytest.mark.parametrize("seed", range(30))
def test_padding_stays_in_the_terminal_state_and_pays_nothing(seed: int) -> None:
    problem = small(seed)
    batch, _ = exact.enumerate_trajectories(problem)
    terminal = problem.mdp.terminal[batch.states]
    # The mask says exactly where the state is not terminal, and a terminal state is never left.
    assert np.array_equal(batch.mask, ~terminal[:, :-1])
    assert not batch.actions[~batch.mask].any()
    assert not batch.rewards[~batch.mask].any()
    assert (batch.states[:, 1:] == batch.states[:, :-1])[~batch.mask].all()
    table = exact.values(problem).state
    expected = table[np.arange(batch.num_steps + 1), batch.states]
    assert np.array_equal(batch.values, expected)


def test_padding_is_exercised() -> None:
    """Negative control of the test above: the family has episodes that end early, and at length zero."""
    lengths = [exact.enumerate_trajectories(small(seed))[0] for seed in range(30)]
    assert any((batch.lengths < batch.num_steps).any() for batch in lengths)
    assert any((batch.lengths == 0).any() for batch in lengths)


def test_count_in_closed_form() -> None:
    """S start states and A·S branches a step: S (A·S)^T = 3 · 6^4 = 3,888."""
    mdp = TabularMDP(np.full(3, 1 / 3), np.full((3, 2, 3), 1 / 3), np.zeros((3, 2)))
    problem = Problem(mdp, SoftmaxPolicy(np.zeros((3, 2))), FiniteHorizon(4))
    assert exact.count_trajectories(problem) == 3 * 6**4
    assert len(exact.enumerate_trajectories(problem)[0]) == 3 * 6**4


def test_count_does_not_overflow() -> None:
    mdp = TabularMDP(np.full(3, 1 / 3), np.full((3, 2, 3), 1 / 3), np.zeros((3, 2)))
    problem = Problem(mdp, SoftmaxPolicy(np.zeros((3, 2))), FiniteHorizon(100))
    assert exact.count_trajectories(problem) == 3 * 6**100


def test_actions_of_probability_zero_are_left_out() -> None:
    """exp(−1000) is 0 in float64: such an action is impossible, not merely rare."""
    mdp = TabularMDP([1.0], np.ones((1, 3, 1)), [[1.0, 2.0, 3.0]])
    problem = Problem(mdp, SoftmaxPolicy([[0.0, -1000.0, 0.0]]), FiniteHorizon(2))
    batch, probabilities = exact.enumerate_trajectories(problem)
    assert exact.count_trajectories(problem) == len(batch) == 4
    assert not (batch.actions == 1).any()
    assert probabilities == pytest.approx([0.25] * 4)


def test_refuses_above_the_limit_naming_the_count() -> None:
    mdp = TabularMDP(np.full(3, 1 / 3), np.full((3, 2, 3), 1 / 3), np.zeros((3, 2)))
    problem = Problem(mdp, SoftmaxPolicy(np.zeros((3, 2))), FiniteHorizon(4))
    with pytest.raises(TooLarge, match=r"problem has 3,888 trajectories, at most limit=3,887 are listed"):
        exact.enumerate_trajectories(problem, limit=3887)
    assert len(exact.enumerate_trajectories(problem, limit=3888)[0]) == 3888
    for limit in (0, -1, 2.5):
        with pytest.raises((TooLarge, TypeError), match="limit"):
            exact.enumerate_trajectories(problem, limit=limit)


@pytest.mark.parametrize("objective", [Discounted(0.9), AverageReward()])
def test_refuses_problems_without_a_horizon(objective: object) -> None:
    mdp = TabularMDP([1.0], np.ones((1, 2, 1)), [[1.0, 2.0]])
    problem = Problem(mdp, SoftmaxPolicy([[0.0, 0.0]]), objective)
    for function in (exact.enumerate_trajectories, exact.count_trajectories):
        with pytest.raises(InvalidObjective, match="must be FiniteHorizon"):
            function(problem)


def test_rewards_are_means_where_rewards_are_noisy() -> None:
    mdp = TabularMDP([1.0], np.ones((1, 2, 1)), [[1.0, 2.0]], reward_noise=5.0)
    batch, _ = exact.enumerate_trajectories(Problem(mdp, SoftmaxPolicy([[0.0, 0.0]]), FiniteHorizon(1)))
    assert batch.rewards[:, 0].tolist() == [1.0, 2.0]
