"""Controls of reset steps and of what the others have in common: of mean zero, by listing, and what they explain."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from checking_problems import named

import pgverify as pgv
from pgverify import bugs
from pgverify.checking.sampled.batch_law import IndependentLaw
from pgverify.checking.sampled.controls import Controls
from pgverify.checking.sampled.controls_of_others import controls_of_others
from pgverify.checking.sampled.with_controls import fitted
from pgverify.exact import enumerate_trajectories

pytestmark = pytest.mark.usefixtures("unchecked_shapes")
Function = Callable[[pgv.Trajectories], np.ndarray]
AUTORESET = bugs.get("autoreset-step-kept").implementation


def listed(name: str, size: int) -> tuple[Controls, np.ndarray, np.ndarray]:
    """Return the controls of a problem, every batch of a size in every order, and their probabilities."""
    (problem,) = named(name)
    batch, probability = enumerate_trajectories(problem)
    rows = np.array(list(np.ndindex((len(batch),) * size)))
    return Controls.of(batch, probability), rows, probability[rows].prod(axis=1)


@pytest.mark.parametrize(("name", "size"), [("three-starts", 2), ("random-end", 3), ("coin-door", 2)])
def test_reset_steps_have_mean_zero(name: str, size: int) -> None:
    controls, rows, chance = listed(name, size)
    found = controls.resets.controls(rows)
    assert np.abs(found).max() > 0.01
    np.testing.assert_allclose(np.einsum("m,mkd->kd", chance, found), 0.0, atol=1e-12)


def test_a_reset_step_that_borrows_its_own_action_has_not() -> None:
    """Negative control: what comes before the last state depends on the action."""
    controls, rows, chance = listed("random-end", 2)
    assert np.abs(np.einsum("m,mkd->kd", chance, controls.resets.between(rows, rows, 2))).max() > 0.01


@pytest.mark.parametrize(("name", "size"), [("three-starts", 2), ("three-starts", 3), ("early-stop", 5)])
def test_controls_of_others_have_mean_zero(name: str, size: int) -> None:
    controls, rows, chance = listed(name, size)
    means = np.einsum("m,mkd->kd", chance, controls_of_others(controls, rows))
    np.testing.assert_allclose(means, 0.0, atol=1e-12)
    own = controls.weighted(rows, np.broadcast_to(controls.totals[0][rows].max(axis=1)[:, None], rows.shape))
    assert np.abs(chance @ own).max() > 1e-3  # negative control: the largest of all, oneself included


def returns(b: pgv.Trajectories) -> np.ndarray:
    return np.asarray((b.discount_powers * b.rewards).sum(axis=1))


def others(statistic: Callable[[np.ndarray], float]) -> Function:
    """Return the total return less a statistic of the others' returns."""

    def function(b: pgv.Trajectories) -> np.ndarray:
        r = returns(b)
        baseline = np.array([statistic(np.delete(r, i)) for i in range(len(r))])
        return b.score_weighted(np.repeat((r - baseline)[:, None], b.num_steps, 1))

    return function


def resampled(b: pgv.Trajectories) -> np.ndarray:
    """Return a credit made of the rank in the batch, one's own return included: no control explains it."""
    rank = np.argsort(np.argsort(returns(b), kind="stable"), kind="stable") / len(b)
    return b.score_weighted(np.repeat(rank[:, None], b.num_steps, 1))


@pytest.mark.parametrize(
    ("function", "size", "exact"),
    [
        (AUTORESET, 3, True),
        (AUTORESET, 10, True),
        (others(np.median), 10, True),
        (others(np.max), 10, True),
        (others(lambda r: float(np.std(r))), 10, True),
        (others(lambda r: float(np.tanh(r.mean()))), 10, True),
        (resampled, 10, False),
    ],
)
def test_what_they_explain_leaves_no_noise(function: Function, size: int, exact: bool) -> None:
    """Of a right function the target itself remains; the last one is a negative control."""
    (problem,) = named("stochastic-chain")
    batch, probability = enumerate_trajectories(problem)
    law, controls = IndependentLaw(probability, size), Controls.of(batch, probability)

    def estimate(rows: np.ndarray) -> np.ndarray:
        return np.asarray(function(batch.select(rows)).mean(axis=0))

    fit = fitted(law, estimate, controls, np.random.default_rng(0))
    assert fit.exact == exact
    if exact:
        np.testing.assert_allclose(fit.first.mean(axis=0), pgv.exact.gradient(problem), atol=1e-5)


def test_what_explained_smaller_batches_is_confirmed_not_fitted_again() -> None:
    """Where it holds the coefficients stay; where it does not, as after a change of function, all is fitted anew."""
    (problem,) = named("early-stop")
    batch, probability = enumerate_trajectories(problem)
    controls, sizes = Controls.of(batch, probability), []

    def estimate(function: Function) -> Callable[[np.ndarray], np.ndarray]:
        def called(rows: np.ndarray) -> np.ndarray:
            sizes.append(len(rows))
            return np.asarray(function(batch.select(rows)).mean(axis=0))

        return called

    right = estimate(others(np.median))
    small = fitted(IndependentLaw(probability, 6), right, controls, np.random.default_rng(0))
    assert small.exact
    beside = len(probability)  # at most so many more, of one trajectory throughout
    assert small.used == 48 <= sizes.count(6) <= 48 + beside
    again = fitted(IndependentLaw(probability, 8), right, controls, np.random.default_rng(1), small)
    assert again.exact
    assert again.used == 48 <= sizes.count(8) <= 48 + beside
    assert again.coefficients is small.coefficients
    changed = fitted(
        IndependentLaw(probability, 7), estimate(others(np.max)), controls, np.random.default_rng(2), small
    )
    assert changed.exact
    assert changed.coefficients is not small.coefficients
    assert 48 <= sizes.count(7) <= 48 + beside
