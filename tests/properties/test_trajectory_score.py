"""∇log P(τ) = Σ_t ∇log π(a_t|s_t): the dynamics drop out, which is what makes policy gradients model-free."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from hypothesis import given
from reference import TINY_STEP, feature_size

from pgverify import FiniteHorizon, Problem, SoftmaxPolicy, TabularMDP, Trajectories, exact
from pgverify.strategies import problems

LISTED = problems(max_horizon=2, objectives=("finite",), extreme=True)


def log_probability(problem: Problem, batch: Trajectories) -> np.ndarray:
    """Return log P(τ) = log p(s_0) + Σ_t log π(a_t|s_t) + log P(s_{t+1}|s_t,a_t), dynamics and all, for complex θ."""
    policy = problem.policy.probabilities()
    total = np.log(problem.mdp.start[batch.states[:, 0]]).astype(policy.dtype)
    for t in range(batch.num_steps):
        s, a, following = batch.states[:, t], batch.actions[:, t], batch.states[:, t + 1]
        step = np.log(policy[s, a]) + np.log(np.where(batch.mask[:, t], problem.mdp.transition[s, a, following], 1))
        total = total + np.where(batch.mask[:, t], step, 0.0)
    return total


def derivative_of_log_probability(batch: Trajectories) -> np.ndarray:
    """Return ∇log P(τ) [n, d] by complex step of the whole log-probability."""
    problem = batch.problem
    theta = problem.policy.parameters
    columns = [
        log_probability(problem.with_parameters(theta + 1j * TINY_STEP * e), batch).imag / TINY_STEP
        for e in np.eye(len(theta))
    ]
    return np.stack(columns, axis=-1)


@given(problem=LISTED)
def test_the_weighted_score_is_the_gradient_of_the_log_probability(problem: Problem) -> None:
    batch, _ = exact.enumerate_trajectories(problem)
    derivative = derivative_of_log_probability(batch)
    score = batch.score_weighted(np.ones(batch.actions.shape))
    scale = np.abs(derivative).max() + feature_size(problem.policy) + 1e-300
    assert np.abs(score - derivative).max() <= 1e-12 * scale


@given(problem=LISTED)
def test_the_score_does_not_change_with_the_dynamics(problem: Problem) -> None:
    """The same states and actions under other dynamics and rewards have the same score, bit by bit."""
    batch, _ = exact.enumerate_trajectories(problem)
    mdp = problem.mdp
    size = mdp.num_states
    uniform = np.full_like(mdp.transition, 1.0 / size)
    uniform[mdp.terminal] = mdp.transition[mdp.terminal]
    other = TabularMDP(np.full(size, 1.0 / size), uniform, np.zeros_like(mdp.reward), mdp.terminal)
    moved = replace(batch, rollout=replace(batch.rollout, problem=Problem(other, problem.policy, problem.objective)))
    weights = np.arange(batch.actions.size, dtype=float).reshape(batch.actions.shape)
    assert np.array_equal(batch.score_weighted(weights), moved.score_weighted(weights))


@given(problem=LISTED)
def test_the_mean_score_is_zero(problem: Problem) -> None:
    """E[∇log P(τ)] = ∇ Σ_τ P(τ) = 0."""
    batch, probabilities = exact.enumerate_trajectories(problem)
    score = batch.score_weighted(np.ones(batch.actions.shape))
    scale = probabilities @ np.abs(score) + feature_size(problem.policy) + 1e-300
    assert (np.abs(probabilities @ score) <= 1e-12 * scale).all()


def test_a_score_at_the_wrong_state_or_that_counts_padding_fails() -> None:
    """Negative control: s_{t+1} in place of s_t, or one padded step counted, is not the gradient of log P."""
    transition = np.array([[[0.5, 0.5], [0.2, 0.8]], [[0.0, 1.0], [0.0, 1.0]]])
    mdp = TabularMDP([1.0, 0.0], transition, np.zeros((2, 2)), [False, True])
    problem = Problem(mdp, SoftmaxPolicy([[0.3, -0.2], [1.0, 0.0]]), FiniteHorizon(2))
    batch, _ = exact.enumerate_trajectories(problem)
    derivative = derivative_of_log_probability(batch)
    ones = np.ones(batch.actions.shape)
    shifted = replace(batch, states=np.roll(batch.states, -1, axis=1))
    counted = replace(batch, lengths=np.full(len(batch), 2))
    assert np.abs(batch.score_weighted(ones) - derivative).max() < 1e-14
    for wrong in (shifted, counted):
        assert np.abs(wrong.score_weighted(ones) - derivative).max() > 0.1
