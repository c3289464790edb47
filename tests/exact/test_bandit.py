"""The one-line fixture of the design notes, every number derived by hand."""

from __future__ import annotations

import numpy as np
import pytest
from reference import bandit

from pgverify import Discounted, FiniteHorizon, Problem, SoftmaxPolicy, exact

LOGITS = np.array([0.2, -0.4, 0.7])
REWARD = np.array([1.0, 0.7, 0.0])
PI = np.exp(LOGITS) / np.exp(LOGITS).sum()
"""(1.221403, 0.670320, 2.013753) / 3.905476 = (.31274, .17164, .51562)."""


def problem() -> Problem:
    return Problem(bandit(), SoftmaxPolicy(LOGITS[None, :]), FiniteHorizon(1))


def test_probabilities() -> None:
    assert problem().policy.probabilities()[0] == pytest.approx(PI, rel=1e-15)
    assert pytest.approx([0.31274, 0.17164, 0.51562], abs=5e-6) == PI


def test_expected_return() -> None:
    """J = Σ π r = .31274 · 1 + .17164 · 0.7 = .432886."""
    assert exact.expected_return(problem()) == pytest.approx(PI @ REWARD, rel=1e-15)
    assert exact.expected_return(problem()) == pytest.approx(0.432886, abs=5e-7)


def test_gradient() -> None:
    """∂J/∂z_b = Σ_a π_a (1{a=b} − π_b) r_a = π_b (r_b − J)."""
    derived = PI * (REWARD - PI @ REWARD)
    assert exact.gradient(problem()) == pytest.approx(derived, rel=1e-14)
    assert exact.gradient(problem()) == pytest.approx([0.17736, 0.04585, -0.22321], abs=5e-6)


def test_hessian() -> None:
    """Differentiate π_b (r_b − J) once more: ∂²J/∂z_b∂z_c = (1{b=c} − π_c) g_b − π_b g_c."""
    gradient = PI * (REWARD - PI @ REWARD)
    derived = np.diag(gradient) - np.outer(gradient, PI) - np.outer(PI, gradient)
    assert exact.hessian(problem()) == pytest.approx(derived, rel=1e-13)


def test_fisher_and_natural_gradient() -> None:
    """F = diag π − ππᵀ; F x = π (x − π·x) = π (r − J) has the smallest solution x = r − mean(r)."""
    assert exact.fisher(problem()) == pytest.approx(np.diag(PI) - np.outer(PI, PI), rel=1e-14)
    assert exact.natural_gradient(problem()) == pytest.approx(REWARD - REWARD.mean(), rel=1e-12)


def test_values() -> None:
    values = exact.values(problem())
    assert values.state == pytest.approx(np.array([[PI @ REWARD], [0.0]]))
    assert values.action[0, 0] == pytest.approx(REWARD)
    assert values.advantage[0, 0] == pytest.approx(REWARD - PI @ REWARD)


def test_probability_gradient_is_the_reward() -> None:
    """J = Σ π r is linear in π."""
    assert exact.probability_gradient(problem())[0] == pytest.approx(REWARD)


def test_trace_variances_of_the_score_estimator() -> None:
    """Tr Cov[ψ (r − b)] = Σ π |ψ|² (r − b)² − |∇J|²: .24499 for b = 0, .04166 for b = J, .02400 at the best b.

    |ψ(a)|² = 1 − 2π_a + |π|², and the best b is E[|ψ|² r]/E|ψ|² = .60345.
    """
    batch, probabilities = exact.enumerate_trajectories(problem())
    assert probabilities == pytest.approx(PI)
    score = batch.score_weighted(np.ones((3, 1)))
    square = 1.0 - 2.0 * PI + PI @ PI
    assert (score**2).sum(axis=1) == pytest.approx(square)
    best = (PI * square) @ REWARD / (PI @ square)
    assert best == pytest.approx(0.60345, abs=5e-6)
    gradient = exact.gradient(problem())
    for baseline, printed in ((0.0, 0.24499), (PI @ REWARD, 0.04166), (best, 0.02400)):
        rows = score * (REWARD - baseline)[:, None]
        assert probabilities @ rows == pytest.approx(gradient, rel=1e-13)
        trace = probabilities @ (rows**2).sum(axis=1) - gradient @ gradient
        assert trace == pytest.approx(printed, abs=5e-6)


def test_a_repeated_bandit_scales_with_the_discounted_number_of_steps() -> None:
    """With one state every step is the same bandit: J and ∇J are multiplied by Σ_t γ^t."""
    single = exact.gradient(problem())
    policy = problem().policy
    finite = exact.gradient(Problem(bandit(), policy, FiniteHorizon(3, 0.5)))
    assert finite == pytest.approx(single * (1.0 + 0.5 + 0.25), rel=1e-13)
    assert exact.gradient(Problem(bandit(), policy, Discounted(0.9))) == pytest.approx(single * 10.0, rel=1e-12)
