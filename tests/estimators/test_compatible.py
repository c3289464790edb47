"""Compatible critics and natural gradients: ∇J from the fit of Q, F⁺∇J, and fits to a batch by two listings."""

from __future__ import annotations

from itertools import combinations_with_replacement
from math import factorial

import numpy as np
import pytest
from moment_cases import small_problem
from off_policy_cases import lent, lively, relative
from slow_cases import some_slow

import pgverify as pgv
from pgverify import exact
from pgverify.errors import InvalidEstimator
from pgverify.estimators import (
    CompatibleCritic,
    CompatibleNaturalGradient,
    GeneralizedAdvantage,
    NaturalGradient,
    RewardToGo,
    TotalReturn,
)


def normal_equations(problem: pgv.Problem) -> np.ndarray:
    """Return a w with Σ_t γ^t Σ_s d_t Σ_a π ψ (Q − wᵀψ) = 0, put together one state and action after another."""
    policy, visits, values = problem.policy, exact.occupancy(problem), exact.values(problem).action
    score, probabilities, size = policy.score(), policy.probabilities(), policy.parameters.size
    matrix, wanted = np.zeros((size, size)), np.zeros(size)
    for t in range(len(visits)):
        for s in np.flatnonzero(~problem.mdp.terminal):
            for a in range(score.shape[1]):
                weight = problem.objective.discount**t * visits[t, s] * probabilities[s, a]
                matrix += weight * np.outer(score[s, a], score[s, a])
                wanted += weight * score[s, a] * values[t, s, a]
    return np.linalg.lstsq(matrix, wanted, rcond=1e-10)[0]


@pytest.mark.usefixtures("unchecked_shapes")
@pytest.mark.parametrize("seed", some_slow(200, 4))
def test_the_fit_of_q_gives_the_gradient(seed: int) -> None:
    """Whoever acts, on every problem: Sutton et al., theorem 2."""
    problem = small_problem(seed, logit_scales=(0.0, 1.0, 3.0))
    acting = pgv.SoftmaxPolicy(np.random.default_rng(seed).normal(size=problem.policy.probabilities().shape))
    truth, estimator = exact.gradient(problem), CompatibleCritic(normal_equations(problem))
    for who in (None, acting):
        found = exact.moments(estimator, problem, acting=who).mean
        assert np.abs(found - truth).max() <= 1e-9 * np.abs(truth).max() + 1e-15


def test_other_weights_give_another_direction() -> None:
    """Negative control, and the exact bias: F (w − w*), with F the Fisher information."""
    problem = lively()
    right = normal_equations(problem)
    wrong = right + np.array([0.3, 0.0, 0.0, -0.1, 0.0, 0.2])
    found = exact.moments(CompatibleCritic(wrong), problem).mean
    assert relative(found, exact.gradient(problem) + exact.fisher(problem) @ (wrong - right)) <= 1e-12
    assert relative(found, exact.gradient(problem)) > 0.01
    assert relative(exact.fisher(problem) @ right, exact.gradient(problem)) <= 1e-12


@pytest.mark.parametrize("base", [RewardToGo(), TotalReturn(), GeneralizedAdvantage(0.5)], ids=repr)
@pytest.mark.parametrize("problem", [lively(), lent()], ids=["own", "lent"])
def test_fisher_given_is_the_natural_gradient(base: RewardToGo, problem: pgv.Problem) -> None:
    fisher = exact.fisher(problem)
    found = exact.moments(NaturalGradient(base, fisher), problem)
    assert relative(found.mean, exact.natural_gradient(problem)) <= 1e-10
    inverse = np.linalg.inv(fisher + 0.3 * np.eye(6))
    plain, damped = exact.moments(base, problem), exact.moments(NaturalGradient(base, fisher, 0.3), problem)
    assert damped.covariance == pytest.approx(inverse @ plain.covariance @ inverse, abs=1e-12)
    assert relative(damped.mean, exact.natural_gradient(problem)) > 0.1  # damping moves the target


def fitted_by_hand(batch: pgv.Trajectories) -> dict[str, np.ndarray]:
    """Return what the estimators that fit should say of a batch, from their definitions, step by step."""
    policy, gamma = batch.policy, batch.discount
    score, probabilities, size = policy.score(), policy.probabilities(), policy.parameters.size
    taken, visited, wanted = np.zeros((size, size)), np.zeros((size, size)), np.zeros(size)
    for i in range(len(batch)):
        before = 1.0
        for t in range(batch.lengths[i]):
            s, a = batch.states[i, t], batch.actions[i, t]
            for b in range(probabilities.shape[1]):
                visited += gamma**t * before * probabilities[s, b] * np.outer(score[s, b], score[s, b])
            before *= batch.importance[i, t]
            taken += gamma**t * before * np.outer(score[s, a], score[s, a])
            ratios = [np.prod(batch.importance[i, t + 1 : k + 1]) for k in range(t, batch.lengths[i])]
            to_go = sum(gamma**k * batch.rewards[i, t + k] * ratio for k, ratio in enumerate(ratios))
            wanted += gamma**t * before * score[s, a] * to_go
    weights = np.linalg.pinv(taken, rcond=1e-12, hermitian=True) @ wanted
    return {
        "critic": visited @ weights / len(batch),
        "compatible": weights,
        "natural": np.linalg.pinv(visited, rcond=1e-12, hermitian=True) @ wanted,
    }


FITTED = {
    "critic": CompatibleCritic(),
    "compatible": CompatibleNaturalGradient(),
    "natural": NaturalGradient(),
}


@pytest.mark.parametrize("name", FITTED)
@pytest.mark.parametrize("seed", range(3))
def test_fits_by_hand(name: str, seed: int) -> None:
    batch = pgv.sample(lent(), 7, seed=seed)
    found = FITTED[name](batch).mean(axis=0)
    assert found == pytest.approx(fitted_by_hand(batch)[name], rel=1e-8, abs=1e-9)


@pytest.mark.usefixtures("unchecked_shapes")
@pytest.mark.parametrize("name", FITTED)
def test_expectations_in_batches_of_two_by_two_routes(name: str) -> None:
    """The package's list of ordered pairs, and unordered ones with the definitions by hand."""
    rng = np.random.default_rng(4)
    mdp = pgv.TabularMDP([1.0, 0.0], [[[0.3, 0.7], [1.0, 0.0]], [[0.0, 1.0], [0.5, 0.5]]], rng.normal(size=(2, 2)))
    problem = pgv.Problem(mdp, pgv.SoftmaxPolicy(rng.normal(size=(2, 2))), pgv.FiniteHorizon(2, 0.8))
    batch, chance = exact.enumerate_trajectories(problem)
    expected = np.zeros(4)
    for pair in combinations_with_replacement(range(len(batch)), 2):
        ways = factorial(2) / np.prod([factorial(pair.count(row)) for row in set(pair)])
        expected += ways * chance[list(pair)].prod() * fitted_by_hand(batch.select(list(pair)))[name]
    found = exact.enumerated_moments(FITTED[name], problem, 2)
    assert np.abs(found.mean - expected).max() <= 1e-9 * np.abs(expected).max()
    limit = exact.natural_gradient(problem) if name != "critic" else exact.gradient(problem)
    assert relative(found.mean, limit) > 0.05  # biased in a batch of two


@pytest.mark.usefixtures("unchecked_shapes")
def test_fits_tend_to_what_they_claim() -> None:
    """In a batch of 40,000 the bias of O(1/n) is gone, and the noise of O(1/√n) nearly so."""
    problem = lively()
    batch = pgv.sample(problem, 40_000, seed=3)
    for name, truth in (
        ("critic", exact.gradient(problem)),
        ("compatible", exact.natural_gradient(problem)),
        ("natural", exact.natural_gradient(problem)),
    ):
        found = FITTED[name](batch).mean(axis=0)
        # Of w, what F does not see is left out: constants added to the logits of a state.
        assert relative(exact.fisher(problem) @ found, exact.fisher(problem) @ truth) < 0.1


def test_a_fit_needs_no_actions_that_were_not_taken() -> None:
    """The compatible weights are F̂⁺ times reward-to-go, with the F̂ of the actions taken."""
    batch = pgv.sample(lively(), 30, seed=1)
    weights = CompatibleCritic().fit(batch)
    assert CompatibleNaturalGradient()(batch).mean(axis=0) == pytest.approx(weights, abs=1e-10)


def test_what_does_not_fit_is_refused() -> None:
    batch = pgv.sample(lively(), 3, seed=1)
    with pytest.raises(InvalidEstimator, match=r"weights has shape \(2,\), must be \[d\] = \(6,\) of the policy"):
        CompatibleCritic([1.0, 2.0])(batch)
    with pytest.raises(InvalidEstimator, match=r"weights\[1\] is nan, every entry must be finite"):
        CompatibleCritic([1.0, np.nan])
    with pytest.raises(InvalidEstimator, match=r"weights is None, must be given for exact moments"):
        exact.moments(CompatibleCritic(), lively())
    with pytest.raises(InvalidEstimator, match=r"fisher is None, must be given for exact moments"):
        exact.moments(NaturalGradient(), lively())
    with pytest.raises(InvalidEstimator, match=r"fisher has shape \(2, 2\), must be \[d, d\] = \(6, 6\)"):
        NaturalGradient(fisher=np.eye(2))(batch)
    with pytest.raises(InvalidEstimator, match=r"fisher is not symmetric"):
        NaturalGradient(fisher=[[1.0, 2.0], [0.0, 1.0]])
    with pytest.raises(InvalidEstimator, match=r"damping is -1, must be a number of at least 0"):
        NaturalGradient(damping=-1)
    with pytest.raises(InvalidEstimator, match=r"damping is inf"):
        CompatibleNaturalGradient(np.inf)
