"""Running means as baselines, own return included or not: exact multiples, and near misses."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

import pgverify as pgv
from pgverify.checking.exhaustive.listed_problem import every_trajectory
from pgverify.checking.sampled.batch_law import IndependentLaw
from pgverify.checking.sampled.controls import Controls
from pgverify.checking.sampled.controls_by_prefix import controls_by_prefix
from pgverify.checking.sampled.with_controls import Fitted, fitted

pytestmark = pytest.mark.usefixtures("unchecked_shapes")
Array = np.ndarray
SUITE = {entry.name: entry.problem for entry in pgv.suites.get("standard")}
SIZE = 20


def totals(batch: pgv.Trajectories) -> Array:
    return np.asarray((batch.discount_powers * batch.rewards).sum(axis=1))


def less(batch: pgv.Trajectories, baseline: Array) -> Array:
    return batch.score_weighted(np.repeat((totals(batch) - baseline)[:, None], batch.num_steps, axis=1))


def so_far(returns: Array) -> Array:
    return np.cumsum(returns) / (np.arange(len(returns)) + 1.0)


def forgetting(returns: Array, decay: float, own: bool) -> Array:
    """b_i = α b_{i−1} + (1 − α) R_i from b_{−1} = 0, or b_{i−1} in its place."""
    found, mean = [], 0.0
    for each in returns:
        before, mean = mean, decay * mean + (1.0 - decay) * each
        found.append(mean if own else before)
    return np.array(found)


HARMONIC = sum(1.0 / k for k in range(1, SIZE + 1))
RUNNING = {
    # Row i loses 1/(i+1) of its own return: E ĝ = ∇J (1 − Σ_i 1/(i+1) / n).
    "the mean so far": (so_far, 1.0 - HARMONIC / SIZE),
    "the mean of what is to come": (lambda r: so_far(r[::-1])[::-1], 1.0 - HARMONIC / SIZE),
    # Every row loses 1 − α of its own, or nothing.
    "one that forgets": (lambda r: forgetting(r, 0.9, own=True), 0.9),
    "of the rows before": (lambda r: forgetting(r, 0.99, own=False), 1.0),
}


def fit_of(weigh: object, name: str = "three-starts") -> tuple[Fitted, Array]:
    batch, chance = every_trajectory(SUITE[name])
    controls = Controls.of(batch, chance)

    def estimate(rows: Array) -> Array:
        chosen = batch.select(rows)
        return np.asarray(less(chosen, weigh(totals(chosen))).mean(axis=0))  # type: ignore[operator]

    return fitted(IndependentLaw(chance, SIZE), estimate, controls, np.random.default_rng(0)), controls.means[0]


def test_their_mean_over_all_batches_of_four_is_zero() -> None:
    """E R_j ψ_i = E R_j E ψ_i = 0 for j ≠ i, and all rows have one law. Over 4⁴ batches of early-stop."""
    batch, probability = every_trajectory(SUITE["early-stop"])
    rows = np.array(list(product(range(len(probability)), repeat=4)))
    found = controls_by_prefix(Controls.of(batch, probability), rows)
    unit = np.abs(found).max()
    assert unit > 0.1
    means = np.tensordot(probability[rows].prod(axis=1), found, axes=1)
    np.testing.assert_allclose(means, 0.0, atol=1e-12 * unit)


@pytest.mark.parametrize("name", RUNNING)
def test_a_running_mean_is_explained_wholly(name: str) -> None:
    weigh, factor = RUNNING[name]
    fit, gradient = fit_of(weigh)
    assert fit.exact
    np.testing.assert_allclose(fit.first.mean(axis=0), factor * gradient, atol=1e-9)


@pytest.mark.parametrize(
    "near",
    [
        np.maximum.accumulate,
        lambda r: np.round(so_far(r), 1),
        lambda r: so_far(r) ** 2,
        lambda r: so_far(np.sort(r)),
    ],
)
def test_what_is_near_a_running_mean_is_not(near: object) -> None:
    """Negative controls: not linear in the returns, or in an order that depends on them."""
    fit, _ = fit_of(near, "early-stop")
    assert not fit.exact


@pytest.mark.parametrize("names", [("coin", "early-stop"), ("bandit",)])
def test_the_verdict_is_a_multiple_with_its_law(names: tuple[str, ...]) -> None:
    problems = [entry for entry in pgv.suites.get("standard") if entry.name in names]
    report = pgv.check(lambda batch: less(batch, so_far(totals(batch))), problems=problems)
    assert report.outcome is pgv.Outcome.SCALED
    assert "is 1 − (1 + 1/2 + … + 1/n)/n (n the batch size) times the target" in report.explanation


def test_the_largest_so_far_is_no_multiple() -> None:
    problems = [entry for entry in pgv.suites.get("standard") if entry.name in ("coin", "early-stop")]
    report = pgv.check(lambda batch: less(batch, np.maximum.accumulate(totals(batch))), problems=problems)
    assert report.outcome is pgv.Outcome.BIASED
