"""Baselines of the action: no bias with the correction, the missing sum without it, and what it does to noise."""

from __future__ import annotations

import numpy as np
import pytest
from off_policy_cases import lent, lively, relative, state_gradients

import pgverify as pgv
from pgverify import exact
from pgverify.estimators import ActionBaseline, RewardToGo

TABLE = np.array([[0.4, -1.0], [2.0, 0.3], [-0.6, 0.9]])


@pytest.mark.parametrize("problem", [lively(), lent()], ids=["own", "lent"])
@pytest.mark.parametrize("corrected", [True, False])
def test_rows_by_a_plain_loop(problem: pgv.Problem, corrected: bool) -> None:
    batch = pgv.sample(problem, 6, seed=1)
    found = ActionBaseline(TABLE, corrected)(batch)
    score, expected = problem.policy.score(), state_gradients(problem, TABLE)
    for i in range(6):
        row = np.zeros(6)
        for t in range(3):
            before = np.prod(batch.importance[i, :t])
            s, a = batch.states[i, t], batch.actions[i, t]
            to_go = sum(
                0.7 ** (k - t) * batch.rewards[i, k] * np.prod(batch.importance[i, t + 1 : k + 1]) for k in range(t, 3)
            )
            row += 0.7**t * before * batch.importance[i, t] * score[s, a] * (to_go - TABLE[s, a])
            row += 0.7**t * before * expected[s] * corrected
        assert found[i] == pytest.approx(row, abs=1e-13)


@pytest.mark.parametrize("problem", [lively(), lent()], ids=["own", "lent"])
def test_the_correction_is_what_is_missing(problem: pgv.Problem) -> None:
    """The trap: without it the expectation is ∇J − Σ_t γ^t Σ_s d_t Σ_a ∇π b."""
    truth, visits = exact.gradient(problem), exact.occupancy(problem)
    missing = sum(0.7**t * visits[t] @ state_gradients(problem, TABLE) for t in range(3))
    assert relative(exact.moments(ActionBaseline(TABLE), problem).mean, truth) <= 1e-13
    assert relative(exact.moments(ActionBaseline(TABLE, corrected=False), problem).mean, truth - missing) <= 1e-13
    assert np.linalg.norm(missing) > 0.1 * np.linalg.norm(truth)


@pytest.mark.slow  # two checks; the exact bias is above
@pytest.mark.usefixtures("unchecked_shapes")  # thousands of calls
def test_the_oracle_tells_them_apart() -> None:
    table = [[0.5, 0.0, -0.25]]
    problems = pgv.suites.get("off-policy")[0]
    assert pgv.check(ActionBaseline(table), problems=problems).outcome is pgv.Outcome.CORRECT
    report = pgv.check(ActionBaseline(table, corrected=False), problems=problems)
    assert report.outcome is pgv.Outcome.BIASED


def test_a_function_of_the_state_needs_no_correction() -> None:
    by_state = np.repeat([[1.0], [-2.0], [0.5]], 2, axis=1)
    plain = exact.moments(RewardToGo(pgv.baselines.StateValue([1.0, -2.0, 0.5])), lively())
    for corrected in (True, False):
        found = exact.moments(ActionBaseline(by_state, corrected), lively())
        assert found.covariance == pytest.approx(plain.covariance, abs=1e-13)


def test_action_values_take_away_the_noise_of_the_actions() -> None:
    """One step, noiseless rewards: with b = Q nothing is left that is random but the start state."""
    rng = np.random.default_rng(1)
    mdp = pgv.TabularMDP([1.0], np.ones((1, 3, 1)), rng.normal(size=(1, 3)))
    problem = pgv.Problem(mdp, pgv.SoftmaxPolicy(rng.normal(size=(1, 3))), pgv.FiniteHorizon(1))
    assert exact.moments(ActionBaseline(exact.values(problem).action[0]), problem).trace <= 1e-15
    assert exact.moments(RewardToGo(pgv.baselines.StateValue()), problem).trace > 0.01
