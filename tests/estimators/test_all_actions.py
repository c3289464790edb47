"""All actions: rows by a loop, ∇J for true action values under every objective, the critic's error in closed form."""

from __future__ import annotations

import numpy as np
import pytest
from off_policy_cases import lent, lively, relative, state_gradients

import pgverify as pgv
from pgverify import exact
from pgverify.errors import InvalidEstimator
from pgverify.estimators import AllActions, RewardToGo


@pytest.mark.parametrize("problem", [lively(), lent()], ids=["own", "lent"])
@pytest.mark.parametrize("kept", [True, False])
def test_rows_by_a_plain_loop(problem: pgv.Problem, kept: bool) -> None:
    batch = pgv.sample(problem, 6, seed=1)
    critic = np.random.default_rng(2).normal(size=(3, 3, 2))
    found = AllActions(critic, kept)(batch)
    for i in range(6):
        row, weight = np.zeros(6), 1.0
        for t in range(3):
            row += (0.7**t if kept else 1.0) * weight * state_gradients(problem, critic[t])[batch.states[i, t]]
            weight *= batch.importance[i, t]
        assert found[i] == pytest.approx(row, abs=1e-13)


@pytest.mark.parametrize(
    ("objective", "steps"),
    [(pgv.FiniteHorizon(3, 0.7), None), (pgv.Discounted(0.6), None), (pgv.AverageReward(), 2)],
    ids=["finite", "random horizon", "average"],
)
def test_true_action_values_give_the_gradient(objective: pgv.FiniteHorizon, steps: int | None) -> None:
    problem = lively(objective)
    found = exact.moments(AllActions(), problem, max_steps=steps)
    assert relative(found.mean, exact.gradient(problem)) <= 1e-12
    # Of the noise of rewards-to-go only that of the states is left.
    assert found.trace < 0.5 * exact.moments(RewardToGo(), problem, max_steps=steps).trace


def test_what_is_added_by_state_changes_nothing_and_the_action_does() -> None:
    problem = lively()
    values, truth = np.array(exact.values(problem).action), exact.gradient(problem)
    moved = values + np.array([3.0, -1.0, 0.5])[:, None]
    assert relative(exact.moments(AllActions(moved), problem).mean, truth) <= 1e-13
    error = np.array([[0.3, 0.0], [0.0, 0.0], [0.0, -0.2]])
    visits = exact.occupancy(problem)
    off = sum(0.7**t * visits[t] @ state_gradients(problem, error) for t in range(3))
    assert relative(exact.moments(AllActions(values + error), problem).mean, truth + off) <= 1e-13
    assert np.linalg.norm(off) > 0.01 * np.linalg.norm(truth)


def test_cut_episodes_give_the_first_terms() -> None:
    problem = lively(pgv.Discounted(0.6))
    values, visits = exact.values(problem).action, exact.occupancy(lively(pgv.FiniteHorizon(2)))
    expected = sum(0.6**t * visits[t] @ state_gradients(problem, values) for t in range(2))
    assert relative(exact.moments(AllActions(), problem, max_steps=2).mean, expected) <= 1e-13
    assert relative(exact.gradient(problem), expected) > 0.1


@pytest.mark.usefixtures("unchecked_shapes")
def test_many_rows_are_taken_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    batch = pgv.sample(lively(), 50, seed=1)
    expected = AllActions()(batch)
    monkeypatch.setattr("pgverify.estimators.action_tables.AT_ONCE", 20)
    assert AllActions()(batch) == pytest.approx(expected, abs=1e-14)
    assert AllActions()(batch.select([])).shape == (0, 6)


def test_what_does_not_fit_is_refused() -> None:
    batch = pgv.sample(lively(), 3, seed=1)
    with pytest.raises(InvalidEstimator, match=r"critic has shape \(3,\), must be \[S, A\] or \[T, S, A\]"):
        AllActions([1.0, 2.0, 3.0])
    with pytest.raises(InvalidEstimator, match=r"critic has shape \(2, 2\), must be \[S, A\] = \(3, 2\) or"):
        AllActions(np.eye(2))(batch)
    with pytest.raises(InvalidEstimator, match=r"critic has shape \(2, 3, 2\), must be .* \[T, S, A\] = \(3, 3, 2\)"):
        exact.moments(AllActions(np.ones((2, 3, 2))), lively())
    with pytest.raises(InvalidEstimator, match=r"critic\[0, 1\] is nan, every entry must be finite"):
        AllActions([[0.0, np.nan]])
    real = pgv.sample(pgv.suites.get("continuous")[0].problem, 3, seed=1)
    with pytest.raises(InvalidEstimator, match="actions are real numbers"):
        AllActions()(real)
