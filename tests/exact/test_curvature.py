"""The Hessian, the Fisher information and the natural gradient, each by a second route."""

from __future__ import annotations

import numpy as np
import pytest
from random_problems import random_problem
from reference import relative_error, score_by_complex_step, walk

from pgverify import Discounted, FiniteHorizon, Problem, SoftmaxPolicy, exact
from pgverify.errors import TooLarge
from pgverify.exact.curvature import LARGEST_MATRIX

MODERATE = (0.0, 1.0)


@pytest.mark.usefixtures("unchecked_shapes")
@pytest.mark.parametrize("objective", ["finite", "discounted", "average"])
@pytest.mark.parametrize("seed", range(10))
def test_hessian_is_the_derivative_of_the_gradient(objective: str, seed: int) -> None:
    """Central differences of the gradient with step 1e-5: error 1e-10 of the fourth derivative of J, plus rounding.

    They are not symmetrised, so their agreement with the Hessian also says that the gradient has a symmetric
    Jacobian: that it is the gradient of something.
    """
    problem = random_problem(np.random.default_rng(seed), objective, 4, 3, 4, logit_scales=MODERATE)
    theta, step = problem.policy.parameters, 1e-5
    numeric = np.stack(
        [
            exact.gradient(problem.with_parameters(theta + step * e))
            - exact.gradient(problem.with_parameters(theta - step * e))
            for e in np.eye(len(theta))
        ],
        axis=-1,
    ) / (2 * step)
    hessian = exact.hessian(problem)
    assert np.array_equal(hessian, hessian.T)
    size = max(np.abs(hessian).max(), np.abs(problem.mdp.reward).max())
    assert np.abs(hessian - numeric).max() <= 1e-6 * size


@pytest.mark.parametrize("seed", range(12))
def test_fisher_is_the_second_moment_of_the_trajectory_score(seed: int) -> None:
    """For a horizon and γ = 1: F = E[∇log P(τ) ∇log P(τ)ᵀ], ∇log P(τ) = Σ_t ψ(s_t, a_t), all trajectories listed."""
    problem = random_problem(np.random.default_rng(seed), "finite", 3, 3, 3, logit_scales=MODERATE)
    problem = Problem(problem.mdp, problem.policy, FiniteHorizon(problem.objective.horizon, 1.0))
    score = score_by_complex_step(problem.policy)
    size = score.shape[-1]
    total = np.zeros((size, size))
    for path in walk(problem):
        gradient = sum((score[s, a] for s, a in zip(path.states, path.actions, strict=False)), np.zeros(size))
        total += path.probability * np.outer(gradient, gradient)
    assert exact.fisher(problem) == pytest.approx(total, rel=1e-12, abs=1e-13)


@pytest.mark.parametrize("seed", range(30))
def test_fisher_is_positive_semidefinite(seed: int) -> None:
    problem = random_problem(np.random.default_rng(seed))
    matrix = exact.fisher(problem)
    assert matrix == pytest.approx(matrix.T, rel=1e-13, abs=1e-300)
    eigenvalues = np.linalg.eigvalsh(matrix)
    assert eigenvalues.min() >= -1e-12 * max(eigenvalues.max(), 1e-300)


def test_fisher_weights_steps_with_the_discount() -> None:
    """One state, T = 3: F(γ) = (1 + γ + γ²) F(one step)."""
    from reference import bandit

    policy = SoftmaxPolicy([[0.2, -0.4, 0.7]])
    single = exact.fisher(Problem(bandit(), policy, FiniteHorizon(1)))
    assert exact.fisher(Problem(bandit(), policy, FiniteHorizon(3, 0.5))) == pytest.approx(1.75 * single)
    assert exact.fisher(Problem(bandit(), policy, Discounted(0.5))) == pytest.approx(2.0 * single)


@pytest.mark.parametrize("objective", ["finite", "discounted", "average"])
@pytest.mark.parametrize("seed", range(12))
def test_natural_gradient_is_the_compatible_fit_of_the_advantage(objective: str, seed: int) -> None:
    """x minimises Σ_t γ^t Σ_s d_t Σ_a π (A_t − ψᵀx)², shortest first: least squares on one row a (t, s, a)."""
    problem = random_problem(np.random.default_rng(seed), objective, 4, 3, 3, logit_scales=MODERATE)
    mdp, policy = problem.mdp, problem.policy.probabilities()
    visits, advantage = exact.occupancy(problem), exact.values(problem).advantage
    if objective == "finite":
        visits = problem.objective.discount ** np.arange(len(visits))[:, None] * visits
    else:
        visits, advantage = visits[None], advantage[None]
    weights = np.where(mdp.terminal, 0.0, visits)[:, :, None] * policy
    score = score_by_complex_step(problem.policy)
    root = np.sqrt(np.maximum(weights, 0.0))
    rows = (root[..., None] * score).reshape(-1, score.shape[-1])
    fit = np.linalg.lstsq(rows, (root * advantage).ravel(), rcond=1e-7)[0]
    assert relative_error(exact.natural_gradient(problem), fit) < 1e-6


@pytest.mark.parametrize("seed", range(12))
def test_natural_gradient_of_the_tabular_softmax_is_the_advantage(seed: int) -> None:
    """Σ_a' x(s,a') (1{a=a'} − π(a'|s)) = A(s,a) has the shortest solution A(s,a) − mean_a A(s,a), if s is visited."""
    problem = random_problem(np.random.default_rng(seed), "discounted", 4, 3, logit_scales=MODERATE)
    shape = (problem.mdp.num_states, problem.mdp.num_actions)
    policy = SoftmaxPolicy(np.random.default_rng(seed).normal(size=shape))
    problem = Problem(problem.mdp, policy, problem.objective)
    advantage = exact.values(problem).advantage
    closed = advantage - advantage.mean(axis=1, keepdims=True)
    visited = (exact.occupancy(problem) > 1e-14) & ~problem.mdp.terminal
    closed = np.where(visited[:, None], closed, 0.0)
    assert relative_error(exact.natural_gradient(problem).reshape(shape), closed) < 1e-8


def test_a_matrix_that_would_not_fit_is_refused() -> None:
    from pgverify import TabularMDP

    actions = LARGEST_MATRIX // 10 + 1
    mdp = TabularMDP(np.full(10, 0.1), np.full((10, actions, 10), 0.1), np.zeros((10, actions)))
    problem = Problem(mdp, SoftmaxPolicy(np.zeros((10, actions))), FiniteHorizon(1))
    for function in (exact.hessian, exact.fisher, exact.natural_gradient):
        with pytest.raises(TooLarge, match=r"policy has d = 5,010 parameters, at most 5,000"):
            function(problem)
