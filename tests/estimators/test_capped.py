"""Capped importance weights: by loops, by dynamic programming with min(π, cap μ), and where the cap does not bind."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from off_policy_cases import lent, lively, relative

import pgverify as pgv
from pgverify import exact
from pgverify.baselines import AverageReturn, StateValue
from pgverify.errors import InvalidEstimator
from pgverify.estimators import (
    CappedImportance,
    CappedRatios,
    NStepAdvantage,
    RewardToGo,
    TotalReturn,
    effective_sample_size,
)


def test_weights_by_a_plain_loop() -> None:
    batch = pgv.sample(lent(), 10, seed=1)
    one, whole = CappedRatios(1.2).weights(batch), CappedImportance(1.2).weights(batch)
    for i in range(10):
        ratio = [min(batch.importance[i, t], 1.2) for t in range(3)]
        total = sum(0.7**k * batch.rewards[i, k] for k in range(3))
        for t in range(3):
            expected = sum(0.7**k * batch.rewards[i, k] * np.prod(ratio[: k + 1]) for k in range(t, 3))
            assert one[i, t] == pytest.approx(expected, abs=1e-13)
            assert whole[i, t] == pytest.approx(min(np.prod(batch.importance[i]), 1.2) * total, abs=1e-13)


@pytest.mark.parametrize("baseline", [None, StateValue([0.5, -1.0, 0.25])], ids=["none", "state"])
def test_capped_ratios_by_dynamic_programming(baseline: StateValue | None) -> None:
    """Σ_t γ^t Σ_s d̄_t Σ_a π̄ ψ (r + γ V̄' − b): the theorem with π̄ = min(π, 1.2 μ), which does not sum to one."""
    problem, table = lent(), np.zeros(3) if baseline is None else np.asarray(baseline.values)
    capped = np.minimum(problem.policy.probabilities(), 1.2 * problem.acting.probabilities())
    mdp, values = problem.mdp, [np.zeros(3)]
    for _ in range(3):
        values.append((capped * np.einsum("say,say->sa", mdp.transition, mdp.reward + 0.7 * values[-1])).sum(axis=1))
    visits, total = mdp.start, np.zeros(6)
    for t in range(3):
        action = np.einsum("say,say->sa", mdp.transition, mdp.reward + 0.7 * values[2 - t])
        weight = 0.7**t * visits[:, None] * capped * (action - table[:, None])
        total += np.einsum("sa,sad->d", weight, problem.policy.score())
        visits = np.einsum("s,sa,say->y", visits, capped, mdp.transition)
    estimator = CappedRatios(1.2, RewardToGo() if baseline is None else RewardToGo(baseline))
    assert relative(exact.moments(estimator, problem).mean, total) <= 1e-12
    batch, chance = exact.enumerate_trajectories(problem)
    assert relative(chance @ estimator(batch), total) <= 1e-12
    assert relative(total, exact.gradient(problem)) > 0.01


def test_capped_importance_by_the_list_under_pi() -> None:
    """E_π[min(1, cap/W) ψ R]: the list of π's own trajectories, not of μ's."""
    problem = lent()
    own = pgv.Problem(problem.mdp, problem.policy, problem.objective)
    batch, chance = exact.enumerate_trajectories(own)
    acting = problem.acting.probabilities()[batch.states[:, :-1], batch.actions]
    weight = (np.exp(batch.log_probs) / acting).prod(axis=1)
    expected = (chance * np.minimum(1.0, 1.2 / weight)) @ TotalReturn()(batch)
    assert relative(exact.moments(CappedImportance(1.2), problem).mean, expected) <= 1e-12
    assert relative(expected, exact.gradient(problem)) > 0.01


@pytest.mark.parametrize("kind", [CappedRatios, CappedImportance])
def test_a_cap_that_does_not_bind_changes_nothing(kind: type) -> None:
    base = TotalReturn() if kind is CappedImportance else RewardToGo()
    for problem, cap in ((lent(), 1e6), (lively(), 1.0)):
        plain, found = exact.moments(base, problem), exact.moments(kind(cap), problem)
        assert found.covariance == pytest.approx(plain.covariance, rel=1e-10, abs=1e-13)
        assert relative(found.mean, exact.gradient(problem)) <= 1e-12


def test_a_cap_trades_variance_for_bias() -> None:
    problem = next(entry.problem for entry in pgv.suites.get("off-policy") if entry.name == "other-features")
    truth = exact.gradient(problem)
    found = [exact.moments(CappedImportance(cap), problem) for cap in (1.0, 2.0, 5.0, 1e6)]
    assert all(one.trace < other.trace for one, other in pairwise(found))
    assert relative(found[0].mean, truth) > relative(found[2].mean, truth) > relative(found[3].mean, truth)


@pytest.mark.parametrize("kind", [CappedRatios, CappedImportance])
@pytest.mark.parametrize("cap", [0.9, -1.0, np.nan, np.inf])
def test_a_cap_is_at_least_one(kind: type, cap: float) -> None:
    with pytest.raises(InvalidEstimator, match=r"cap is .*, must be a number of at least 1, and finite"):
        kind(cap)


def test_what_does_not_fit_is_refused() -> None:
    batch = pgv.sample(lent(), 3, seed=1)
    with pytest.raises(InvalidEstimator, match=r"base is .*RewardToGo.*, must be a TotalReturn"):
        CappedImportance(2.0, RewardToGo())  # type: ignore[arg-type]
    with pytest.raises(InvalidEstimator, match=r"base is NStepAdvantage.* must be RewardToGo"):
        exact.moments(CappedRatios(2.0, NStepAdvantage(1)), lent())
    assert CappedRatios(2.0, NStepAdvantage(1))(batch).shape == (3, 6)  # data may be had of it
    with pytest.raises(InvalidEstimator, match="must be a function of state and time where another policy acted"):
        CappedImportance(2.0, TotalReturn(AverageReturn()))(batch)
    with pytest.raises(InvalidEstimator, match=r"cap is 0.5, must be a number of at least 1"):
        effective_sample_size(batch, 0.5)
