"""Batches of one trajectory throughout: a case of its own in many functions, and seldom drawn."""

from __future__ import annotations

import numpy as np
import pytest

import pgverify as pgv
from pgverify.checking.exhaustive.listed_problem import every_trajectory
from pgverify.checking.sampled.alike import alike
from pgverify.checking.sampled.batch_law import GroupedLaw, IndependentLaw
from pgverify.checking.sampled.controls import Controls
from pgverify.checking.sampled.with_controls import fitted

pytestmark = pytest.mark.usefixtures("unchecked_shapes")
Array = np.ndarray


def problem(seed: int, states: int = 2, actions: int = 2, steps: int = 3) -> pgv.Problem:
    """One whose trajectories all have another return, none of them likely."""
    rng = np.random.default_rng(seed)
    transition = rng.dirichlet(np.ones(states), size=(states, actions))
    mdp = pgv.TabularMDP(
        start=np.eye(states)[0],
        transition=transition,
        reward=rng.normal(size=(states, actions, states)),
        terminal=np.zeros(states, bool),
    )
    return pgv.Problem(mdp, pgv.SoftmaxPolicy(rng.normal(size=(states, actions))), pgv.FiniteHorizon(steps, 0.8))


def totals(batch: pgv.Trajectories) -> Array:
    return np.asarray((batch.discount_powers * batch.rewards).sum(axis=1))


def mean(batch: pgv.Trajectories, weights: Array) -> Array:
    return np.asarray(batch.score_weighted(np.repeat(weights[:, None], batch.num_steps, axis=1)).mean(axis=0))


def skipped(batch: pgv.Trajectories) -> Array:
    """Nothing where all returns are alike; the plain mean elsewhere."""
    returns = totals(batch)
    return mean(batch, returns * (len(batch) == 1 or np.ptp(returns) > 1e-12))


def leave_one_out(returns: Array) -> Array:
    return np.asarray(returns - (returns.sum() - returns) / max(len(returns) - 1, 1) * (len(returns) > 1))


def rightly_skipped(batch: pgv.Trajectories) -> Array:
    """Leave-one-out, which is nothing where all returns are alike."""
    returns = totals(batch)
    alone = len(batch) == 1 or np.ptp(returns) > 1e-12
    return mean(batch, leave_one_out(returns) * alone)


def twice(batch: pgv.Trajectories) -> Array:
    """Doubled where all rows visit the same states."""
    same = len(batch) > 1 and bool(
        (batch.states == batch.states[0]).all() and (batch.actions == batch.actions[0]).all()
    )
    return mean(batch, leave_one_out(totals(batch)) + same * totals(batch))


def test_their_probabilities() -> None:
    """P(τ)³, and of two groups of two from either start 2 P(s) P(τ|s)²."""
    chances, rows = alike(IndependentLaw(np.array([0.5, 0.3, 0.2]), 3), np.random.default_rng(0), 0.01)
    np.testing.assert_allclose(chances, [0.125, 0.027])
    np.testing.assert_array_equal(rows, [[0, 0, 0], [1, 1, 1]])
    law = GroupedLaw(np.array([0.4, 0.2, 0.4]), np.array([0, 0, 1]), 2, 2)
    chances, rows = alike(law, np.random.default_rng(0), 0.0)
    np.testing.assert_allclose(chances, [2 * 0.4, 2 * 0.6 * (2 / 3) ** 2, 2 * 0.6 * (1 / 3) ** 2])
    np.testing.assert_array_equal(rows[:, :2], [[2, 2], [0, 0], [1, 1]])


@pytest.mark.parametrize(("function", "explained"), [(skipped, False), (rightly_skipped, True), (twice, False)])
@pytest.mark.parametrize("seed", [0, 1])
def test_what_fails_there_is_not_explained(function: object, explained: bool, seed: int) -> None:
    """In pairs, that the same trajectory comes twice has a few hundredths of the probability: Σ_τ P(τ)²."""
    batch, chance = every_trajectory(problem(seed))
    controls = Controls.of(batch, chance)

    def estimate(rows: Array) -> Array:
        return np.asarray(function(batch.select(rows)))  # type: ignore[operator]

    fits = [fitted(IndependentLaw(chance, 2), estimate, controls, np.random.default_rng(i)) for i in range(4)]
    assert [fit.exact for fit in fits] == 4 * [explained]


def test_where_they_hardly_ever_come_it_does_not_matter() -> None:
    """Σ_τ P(τ)^64 is below 1e-20 there: no bias, whatever is done."""
    batch, chance = every_trajectory(problem(0))
    assert (chance**64).sum() < 1e-20
    controls = Controls.of(batch, chance)
    fit = fitted(
        IndependentLaw(chance, 64), lambda rows: skipped(batch.select(rows)), controls, np.random.default_rng(0)
    )
    assert fit.exact


def test_one_that_skips_them_is_not_called_consistent() -> None:
    """Of pairs Σ_τ P(τ)² R ψ is missing, some hundredths of ∇J; other batches have all of it."""
    report = pgv.check(skipped, problems=[problem(2), problem(3)])
    assert not report.outcome.good


def test_pairs_by_design_of_which_none_could_be_listed_have_a_verdict() -> None:
    """Which is open, and no exception: there is no listing whose precision could be recognised."""
    report = pgv.check(skipped, problems=[problem(2), problem(3)], design=pgv.Independent(sizes=(2,)))
    assert not report.outcome.good
