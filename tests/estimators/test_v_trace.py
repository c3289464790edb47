"""V-trace: weights by its definition, its expectation by dynamic programming, and where it is ∇J."""

from __future__ import annotations

import numpy as np
import pytest
from off_policy_cases import lent, lively, other_policy, relative

import pgverify as pgv
from pgverify import exact
from pgverify.baselines import StateValue
from pgverify.collected_problem import CollectedProblem
from pgverify.errors import InvalidEstimator, InvalidPolicy
from pgverify.estimators import GeneralizedAdvantage, NStepAdvantage, VTrace

CRITIC = StateValue([0.5, -1.0, 0.25])
CASES = [VTrace(), VTrace(1.3, 0.6, 0.8, CRITIC), VTrace(0.5, 2.0, 1.0, CRITIC, discount_weighting=False)]


@pytest.mark.parametrize("estimator", CASES, ids=repr)
def test_weights_by_the_definition(estimator: VTrace) -> None:
    """v_s = V(s_s) + Σ_{t≥s} γ^{t−s} (Π_{s≤i<t} c_i) δ_t, term by term, as the paper has it."""
    batch = pgv.sample(lent(), 8, seed=1)
    value = estimator.critic.evaluate(batch)
    ratio = batch.importance
    found = estimator.weights(batch)
    for i in range(8):
        rho, trace = np.minimum(ratio[i], estimator.ratio_cap), np.minimum(ratio[i], estimator.trace_cap)
        delta = [rho[t] * (batch.rewards[i, t] + 0.7 * value[i, t + 1] - value[i, t]) for t in range(3)]
        kept = [[np.prod(estimator.trace_decay * trace[s:t]) for t in range(3)] for s in range(3)]
        target = [value[i, s] + sum(0.7 ** (t - s) * kept[s][t] * delta[t] for t in range(s, 3)) for s in range(3)]
        target.append(value[i, 3])
        for t in range(3):
            power = 0.7**t if estimator.discount_weighting else 1.0
            expected = power * rho[t] * (batch.rewards[i, t] + 0.7 * target[t + 1] - value[i, t])
            assert found[i, t] == pytest.approx(expected, abs=1e-13)


def by_dynamic_programming(problem: CollectedProblem, estimator: VTrace) -> np.ndarray:
    """Return Σ_t c_t Σ_s d^μ_t Σ_a μ ψ ρ̄ (E δ + γ E D'), with D = Σ_a μ (ρ̄ E δ + γ c̄ E D')."""
    mdp, policy, acting = problem.mdp, problem.policy.probabilities(), problem.acting.probabilities()
    rho = np.minimum(policy / acting, estimator.ratio_cap)
    trace = estimator.trace_decay * np.minimum(policy / acting, estimator.trace_cap)
    table = np.asarray(estimator.critic.table(exact.rollout(problem)))
    table = table if table.ndim == 2 else np.vstack([np.tile(table, (3, 1)), np.zeros(3)])
    visits, ahead, total = [mdp.start], np.zeros(3), np.zeros(problem.policy.parameters.size)
    for _ in range(2):
        visits.append(np.einsum("s,sa,say->y", visits[-1], acting, mdp.transition))
    for t in reversed(range(3)):
        delta = np.einsum("say,say->sa", mdp.transition, mdp.reward + 0.7 * table[t + 1]) - table[t][:, None]
        later = 0.7 * mdp.transition @ ahead
        power = 0.7**t if estimator.discount_weighting else 1.0
        weight = power * visits[t][:, None] * acting * rho * (delta + later)
        total += np.einsum("sa,sad->d", weight, problem.policy.score())
        ahead = (acting * (rho * delta + trace * later)).sum(axis=1)
    return total


@pytest.mark.parametrize("estimator", CASES, ids=repr)
def test_its_expectation_by_two_routes(estimator: VTrace) -> None:
    problem = lent()
    expected = by_dynamic_programming(problem, estimator)
    batch, chance = exact.enumerate_trajectories(problem)
    assert relative(exact.moments(estimator, problem).mean, expected) <= 1e-12
    assert relative(chance @ estimator(batch), expected) <= 1e-12
    assert relative(exact.gradient(problem), expected) > 0.01  # its own, not ∇J


def test_where_pi_acts_it_is_an_advantage() -> None:
    """No cap below 1, and all ratios are 1: λ decays what follows the next value, so that λ = 0 takes two steps."""
    for decay, same in ((0.0, NStepAdvantage(2, CRITIC)), (1.0, GeneralizedAdvantage(1.0, CRITIC))):
        plain = exact.moments(same, lively())
        found = exact.moments(VTrace(1.0, 1.0, decay, CRITIC), lively())
        assert found.covariance == pytest.approx(plain.covariance, abs=1e-13)
        assert found.mean == pytest.approx(plain.mean, abs=1e-13)
    assert relative(found.mean, exact.gradient(lively())) <= 1e-12


def test_in_a_bandit_the_cap_alone_is_wrong() -> None:
    """One step: without a cap that binds the mean over μ of ρ ψ r is that over π; with one it is not."""
    rng = np.random.default_rng(1)
    mdp = pgv.TabularMDP([1.0], np.ones((1, 3, 1)), rng.normal(size=(1, 3)))
    problem = pgv.Problem(mdp, pgv.SoftmaxPolicy(rng.normal(size=(1, 3))), pgv.FiniteHorizon(1))
    acting = other_policy(problem)
    assert relative(exact.moments(VTrace(1e6), problem, acting=acting).mean, exact.gradient(problem)) <= 1e-12
    assert relative(exact.moments(VTrace(1.0), problem, acting=acting).mean, exact.gradient(problem)) > 0.01


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"ratio_cap": 0.0}, "ratio_cap is 0.0, must be a number above 0, and finite"),
        ({"trace_cap": -1.0}, "trace_cap is -1.0, must be a number above 0"),
        ({"trace_cap": np.inf}, "trace_cap is inf, must be a number above 0"),
        ({"ratio_cap": np.nan}, "ratio_cap is nan"),
        ({"trace_decay": 1.1}, r"trace_decay is 1.1, must be a number in \[0, 1\]"),
        ({"critic": 3.0}, "critic is 3.0, must be a baseline"),
    ],
)
def test_what_is_out_of_range_is_refused(arguments: dict[str, float], sentence: str) -> None:
    with pytest.raises(InvalidEstimator, match=sentence):
        VTrace(**arguments)  # type: ignore[arg-type]


def test_what_is_never_tried_is_refused() -> None:
    problem = lively()
    mask = np.array([[True, True], [True, False], [True, True]])
    acting = pgv.MaskedPolicy(pgv.SoftmaxPolicy(np.zeros((3, 2))), mask)
    with pytest.raises(InvalidPolicy, match="acting has probability 0 at state 1, action 1, must be above 0"):
        exact.moments(VTrace(), problem, acting=acting)
