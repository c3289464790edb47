"""Value tables fitted to other trajectories are explained wholly; what a row had part in is not, or off."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

import pgverify as pgv
from pgverify.checking.exhaustive.listed_problem import every_trajectory
from pgverify.checking.sampled.batch_law import IndependentLaw
from pgverify.checking.sampled.controls import Controls
from pgverify.checking.sampled.controls_by_state import controls_by_state
from pgverify.checking.sampled.with_controls import fitted
from pgverify.estimators import RewardToGo

Array = np.ndarray
SUITE = {entry.name: entry.problem for entry in pgv.suites.get("standard")}


def less(batch: pgv.Trajectories, baseline: Array) -> Array:
    return batch.score_weighted(np.where(batch.mask, RewardToGo().weights(batch) - baseline, 0.0)).mean(axis=0)


def values(batch: pgv.Trajectories, rows: Array, prior: float = 0.0) -> dict[int, float]:
    """V(s): the mean of rewards-to-go from s of some rows, mixed with that over all their steps as of so many."""
    to_go = RewardToGo().weights(batch)
    paid = [(batch.states[i, t], to_go[i, t]) for i in rows for t in range(batch.lengths[i])]
    mean = np.mean([g for _, g in paid]) if paid else 0.0
    found = {}
    for state in {s for s, _ in paid}:
        own = [g for s, g in paid if s == state]
        found[int(state)] = (sum(own) + prior * mean) / (len(own) + prior)
    return found | {-1: float(mean) if prior else 0.0}


def fitted_on(batch: pgv.Trajectories, apart: Callable[[int], Array], prior: float = 0.0) -> Array:
    """Return V(s_it), of the rows that row i is compared with."""
    tables = [values(batch, np.flatnonzero(apart(i)), prior) for i in range(len(batch))]
    return np.array([[v.get(int(s), v[-1]) for s in row[:-1]] for v, row in zip(tables, batch.states, strict=True)])


def of_the_others(batch: pgv.Trajectories) -> Array:
    return less(batch, fitted_on(batch, lambda i: np.arange(len(batch)) != i))


def of_the_others_with_a_prior(batch: pgv.Trajectories) -> Array:
    return less(batch, fitted_on(batch, lambda i: np.arange(len(batch)) != i, 2.0))


def of_the_other_half(batch: pgv.Trajectories) -> Array:
    half = np.arange(len(batch)) < len(batch) // 2
    return less(batch, fitted_on(batch, lambda i: half != half[i]))


def in_five_folds(batch: pgv.Trajectories) -> Array:
    fold = np.arange(len(batch)) % 5
    return less(batch, fitted_on(batch, lambda i: fold != fold[i]))


def own_included(batch: pgv.Trajectories) -> Array:
    return less(batch, fitted_on(batch, lambda _: np.ones(len(batch), dtype=bool)))


def own_half(batch: pgv.Trajectories) -> Array:
    half = np.arange(len(batch)) < len(batch) // 2
    return less(batch, fitted_on(batch, lambda i: half == half[i]))


def gap_and_exact(function: Callable[[pgv.Trajectories], Array]) -> tuple[float, bool]:
    batch, chance = every_trajectory(SUITE["random-end"])
    controls, rng = Controls.of(batch, chance), np.random.default_rng(0)
    fit = fitted(IndependentLaw(chance, 10), lambda rows: function(batch.select(rows)), controls, rng)
    return float(np.abs(fit.first.mean(axis=0) - controls.means[0]).max()), fit.exact


@pytest.mark.usefixtures("unchecked_shapes")
@pytest.mark.parametrize(
    "function", [of_the_others, of_the_others_with_a_prior, of_the_other_half, in_five_folds], ids=lambda f: f.__name__
)
def test_tables_of_others_are_explained_wholly(function: Callable[[pgv.Trajectories], Array]) -> None:
    gap, exact = gap_and_exact(function)
    assert exact
    assert gap <= 1e-9


@pytest.mark.usefixtures("unchecked_shapes")
@pytest.mark.parametrize("function", [own_included, own_half], ids=lambda f: f.__name__)
def test_tables_that_a_row_had_part_in_are_not(function: Callable[[pgv.Trajectories], Array]) -> None:
    gap, exact = gap_and_exact(function)
    assert not exact or gap > 1e-3


@pytest.mark.parametrize("name", ["bandit", "early-stop", "three-starts"])
def test_their_mean_is_zero_over_all_batches_of_two(name: str) -> None:
    batch, chance = every_trajectory(SUITE[name])
    rows = np.stack(np.meshgrid(np.arange(len(chance)), np.arange(len(chance)), indexing="ij"), axis=-1).reshape(-1, 2)
    found = controls_by_state(Controls.of(batch, chance), rows)
    mean = np.einsum("m,mkd->kd", chance[rows].prod(axis=1), found)
    assert np.abs(mean).max() <= 1e-12 * max(1.0, np.abs(found).max())
