"""Fixture numbers of the notes on mathematics, each with its derivation."""

from __future__ import annotations

import numpy as np
import pytest
from moment_cases import listed, small_problem
from reference import bandit

from pgverify import FiniteHorizon, Problem, SoftmaxPolicy, exact
from pgverify.baselines import AverageReturn, Constant, StateValue
from pgverify.estimators import GeneralizedAdvantage, NStepAdvantage, RewardToGo, TotalReturn

LOGITS = np.array([0.2, -0.4, 0.7])
REWARD = np.array([1.0, 0.7, 0.0])
PI = np.exp(LOGITS) / np.exp(LOGITS).sum()
J = PI @ REWARD
"""0.432886."""
SQUARE = 1.0 - 2.0 * PI + PI @ PI
"""|ψ(a)|² for ψ(a) = e_a − π."""
BEST = (PI * SQUARE) @ REWARD / (PI @ SQUARE)
"""The minimiser of Σ π |ψ|² (r − b)²."""


def problem() -> Problem:
    return Problem(bandit(), SoftmaxPolicy(LOGITS[None, :]), FiniteHorizon(1))


@pytest.mark.parametrize(("baseline", "printed"), [(0.0, 0.24499), (J, 0.04166), (BEST, 0.02400)])
def test_trace_variances_of_the_bandit(baseline: float, printed: float) -> None:
    """Tr Cov[ψ (r − b)] = Σ π |ψ|² (r − b)² − |∇J|², with ∇J = π (r − J)."""
    gradient = PI * (REWARD - J)
    derived = (PI * SQUARE) @ (REWARD - baseline) ** 2 - gradient @ gradient
    assert derived == pytest.approx(printed, abs=5e-6)
    for estimator in (TotalReturn(Constant(baseline)), RewardToGo(Constant(baseline))):
        found = exact.moments(estimator, problem())
        assert found.trace == pytest.approx(derived, rel=1e-13)
        assert found.mean == pytest.approx(gradient, rel=1e-13)


def test_the_covariance_of_the_bandit() -> None:
    """Cov = Σ_a π_a (e_a − π)(e_a − π)ᵀ r_a² − ∇J ∇Jᵀ, entry by entry."""
    psi = np.eye(3) - PI
    derived = np.einsum("a,ai,aj->ij", PI * REWARD**2, psi, psi)
    gradient = PI * (REWARD - J)
    derived = derived - np.outer(gradient, gradient)
    assert exact.moments(RewardToGo(), problem()).covariance == pytest.approx(derived, rel=1e-12, abs=1e-16)


def test_state_values_and_actor_critics_of_the_bandit_are_the_baseline_j() -> None:
    """V = J in the only state, and the bootstrapped value of the end is 0: all are ψ (r − J), .04166."""
    for estimator in (
        RewardToGo(StateValue()),
        TotalReturn(StateValue()),
        GeneralizedAdvantage(0.0),
        GeneralizedAdvantage(1.0),
        NStepAdvantage(3),
    ):
        assert exact.moments(estimator, problem()).trace == pytest.approx(0.04166, abs=5e-6)


def test_the_best_baseline_of_the_bandit() -> None:
    """b* = E[|ψ|² r]/E|ψ|² = .60345; with one step it is the textbook formula, and the best of every class."""
    found = exact.optimal_baseline(RewardToGo(), problem())
    assert pytest.approx(0.60345, abs=5e-6) == BEST
    for value in (found.values[0, 0], found.textbook[0, 0], found.present[0, 0], found.by_state[0], found.constant):
        assert value == pytest.approx(BEST, rel=1e-13)
    assert found.past[0, 0] == found.future[0, 0] == 0.0
    for name, printed in {"none": 0.24499, "values": 0.02400, "constant": 0.02400, "textbook": 0.02400}.items():
        assert found.trace[name] == pytest.approx(printed, abs=5e-6)
    # By coordinate: b_j = E[ψ_j² r]/E ψ_j², at most as variable.
    square = (np.eye(3) - PI) ** 2
    assert found.by_coordinate[0, 0] == pytest.approx((PI * REWARD) @ square / (PI @ square), rel=1e-12)
    assert found.trace["by_coordinate"] < 0.02400


def leave_one_out(problem: Problem, n: int) -> np.ndarray:
    """Return the closed form of the notes, its moments by listing trajectories."""
    batch, probabilities = listed(problem)
    returns = batch.rewards @ batch.discount_powers
    psi = batch.score_weighted(np.ones(batch.actions.shape))
    g, m, v = (probabilities * returns) @ psi, probabilities @ returns, probabilities @ returns**2
    A, B, C = (np.einsum("i,ij,ik->jk", probabilities * returns**power, psi, psi) for power in (2, 1, 0))
    spread = C * (m**2 + (v - m**2) / (n - 1))
    return (A - 2 * m * B + spread + np.outer(g, g) * (1 / (n - 1) - 1)) / n


@pytest.mark.usefixtures("unchecked_shapes")  # a long loop
@pytest.mark.parametrize("n", [2, 3, 7, 100])
def test_leave_one_out_of_the_bandit_and_of_longer_problems(n: int) -> None:
    """(1/n) [A − 2mB + C (m² + (v−m²)/(n−1)) + ggᵀ (1/(n−1) − 1)]."""
    estimator = TotalReturn(AverageReturn(leave_one_out=True))
    for case in (problem(), *(small_problem(seed, logit_scales=(1.0,)) for seed in range(6))):
        found, expected = exact.batch_moments(estimator, case, n), leave_one_out(case, n)
        scale = exact.moments(TotalReturn(), case).trace / n + np.trace(expected) + 1e-290
        assert np.abs(found.covariance - expected).max() <= 1e-12 * scale
        assert np.abs(found.mean - exact.gradient(case)).max() <= 1e-12 * np.sqrt(n * scale)


@pytest.mark.usefixtures("unchecked_shapes")  # a long loop
@pytest.mark.parametrize("n", [1, 2, 3, 50])
def test_the_mean_of_the_whole_group_shrinks_the_expectation(n: int) -> None:
    """E[Ψ_i R̄] = E[Ψ_i R_i]/n, the other returns being independent of Ψ_i: E ĝ = (n−1)/n ∇J."""
    for case in (problem(), *(small_problem(seed, logit_scales=(1.0,)) for seed in range(6))):
        found = exact.batch_moments(TotalReturn(AverageReturn()), case, n, "trace")
        scale = np.sqrt(exact.moments(TotalReturn(), case, "trace").trace) + 1e-290
        assert np.abs(found.mean - exact.gradient(case) * (n - 1) / n).max() <= 1e-13 * scale
