"""Bounds on single estimates: above every listed trajectory's, equal to it where a closed form is known."""

from __future__ import annotations

import numpy as np
import pytest
from random_problems import random_problem

from pgverify import Discounted, FiniteHorizon, Problem, SoftmaxPolicy, TabularMDP, exact
from pgverify.baselines import StateValue
from pgverify.errors import InvalidObjective
from pgverify.estimators import GeneralizedAdvantage, NStepAdvantage, RewardToGo, TotalReturn
from pgverify.exact.estimate_bounds import estimate_bounds, trajectory_bounds

USUAL = (
    RewardToGo(),
    RewardToGo(StateValue()),
    TotalReturn(),
    GeneralizedAdvantage(0.7),
    NStepAdvantage(2),
)


@pytest.mark.parametrize("seed", range(25))
def test_no_estimate_exceeds_its_bound(seed: int) -> None:
    problem = random_problem(np.random.default_rng(seed), "finite", max_states=3, max_actions=3, max_horizon=3)
    batch, _ = exact.enumerate_trajectories(problem)
    bounds = estimate_bounds(problem)
    own = trajectory_bounds(batch, bounds.weight)
    slack = 1.0 + 1e-12
    assert (own <= bounds.largest * slack + 1e-300).all()
    for estimator in USUAL:
        assert (np.abs(estimator(batch)) <= own * slack + 1e-12 * bounds.largest).all()
    assert (bounds.weight >= 0.0).all()


def lock(steps: int, reward: float = 1.0, discount: float = 1.0) -> Problem:
    """Of two actions the first goes on, the second ends; the last step pays."""
    size = steps + 2
    transition, rewards = np.zeros((size, 2, size)), np.zeros((size, 2))
    for state in range(steps):
        transition[state, 0, state + 1] = transition[state, 1, steps + 1] = 1.0
    transition[steps:, :, steps:] = np.eye(2)[:, None, :]
    rewards[steps - 1, 0] = reward
    terminal = np.arange(size) >= steps
    mdp = TabularMDP(np.eye(size)[0], transition, rewards, terminal)
    return Problem(mdp, SoftmaxPolicy(np.zeros((size, 2))), FiniteHorizon(steps, discount))


@pytest.mark.parametrize("reward", [3.0, -3.0])
def test_the_bound_is_reached_on_a_lock(reward: float) -> None:
    """Each state is met once, |ψ| = 1/2, and the return is γ^{T−1} r: the successful trajectory has just that."""
    problem = lock(5, reward, 0.9)
    batch, _ = exact.enumerate_trajectories(problem)
    expected = np.repeat([0.5 * 3.0 * 0.9**4, 0.0], [10, 4])
    np.testing.assert_allclose(estimate_bounds(problem).largest, expected, rtol=1e-12)
    np.testing.assert_allclose(np.abs(RewardToGo()(batch)).max(axis=0), expected, rtol=1e-12)


def test_what_cannot_be_reached_does_not_count() -> None:
    """A large reward in a state that nothing leads to, and one beyond the horizon."""
    transition = np.zeros((3, 2, 3))
    transition[0, :, 1] = transition[1, :, 1] = transition[2, :, 2] = 1.0
    for rewards in ([[1.0, 0.0], [0.0, 0.0], [1e6, 1e6]], [[1.0, 0.0], [1e6, 0.0], [0.0, 0.0]]):
        mdp = TabularMDP([1.0, 0.0, 0.0], transition, rewards)
        found = estimate_bounds(Problem(mdp, SoftmaxPolicy(np.zeros((3, 2))), FiniteHorizon(1))).largest
        np.testing.assert_array_equal(found, [0.5, 0.5, 0.0, 0.0, 0.0, 0.0])
    longer = estimate_bounds(
        Problem(mdp, SoftmaxPolicy(np.zeros((3, 2))), FiniteHorizon(2))
    ).largest  # negative control
    np.testing.assert_array_equal(longer, [500000.5, 500000.5, 500000.5, 500000.5, 0.0, 0.0])


def test_without_a_horizon_there_is_no_bound() -> None:
    problem = lock(2)
    with pytest.raises(InvalidObjective, match="must be FiniteHorizon"):
        estimate_bounds(Problem(problem.mdp, problem.policy, Discounted(0.9)))
