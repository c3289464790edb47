"""Baselines that are a fixed row's return, or a fixed function of a few rows: exact multiples, and near misses."""

from __future__ import annotations

from collections.abc import Callable
from itertools import product

import numpy as np
import pytest

import pgverify as pgv
from pgverify.checking.exhaustive.listed_problem import every_trajectory
from pgverify.checking.sampled.batch_law import IndependentLaw
from pgverify.checking.sampled.controls import Controls
from pgverify.checking.sampled.controls_by_block import controls_by_block, controls_by_end
from pgverify.checking.sampled.controls_by_row import (
    controls_by_row,
    controls_by_row_and_time,
    rows_that_stand_out,
    usual_places,
)
from pgverify.checking.sampled.controls_by_weight import controls_by_piece, controls_by_weight
from pgverify.checking.sampled.with_controls import fitted

pytestmark = pytest.mark.usefixtures("unchecked_shapes")
Array = np.ndarray
SUITE = {entry.name: entry.problem for entry in pgv.suites.get("standard")}


def totals(batch: pgv.Trajectories) -> Array:
    return np.asarray((batch.discount_powers * batch.rewards).sum(axis=1))


def less(batch: pgv.Trajectories, baseline: Array | float) -> Array:
    return batch.score_weighted(np.repeat((totals(batch) - baseline)[:, None], batch.num_steps, axis=1))


KINDS: dict[str, Callable[[Controls, Array], Array]] = {
    "rows": lambda controls, rows: controls_by_row(controls, rows, usual_places(rows.shape[1])),
    "rows, by time": lambda controls, rows: controls_by_row_and_time(controls, rows, (0, 2, 9, -1)),
    "blocks": controls_by_block,
    "groups as blocks": lambda controls, rows: controls_by_block(controls, rows, np.arange(rows.shape[1]) // 2),
    "ends": controls_by_end,
    "weights": controls_by_weight,
    "pieces": controls_by_piece,
}


@pytest.mark.parametrize("kind", KINDS)
def test_their_mean_over_all_batches_of_four_is_zero(kind: str) -> None:
    """E R_k ψ_i = E R_k E ψ_i = 0 for i ≠ k, and all rows have one law. Over 4⁴ batches of early-stop."""
    batch, probability = every_trajectory(SUITE["early-stop"])
    rows = np.array(list(product(range(len(probability)), repeat=4)))
    found = KINDS[kind](Controls.of(batch, probability), rows)
    unit = np.abs(found).max()
    assert unit > 0.1
    means = np.tensordot(probability[rows].prod(axis=1), found, axes=1)
    np.testing.assert_allclose(means, 0.0, atol=1e-12 * unit)


def test_with_the_own_row_among_those_that_it_is_subtracted_from_the_mean_is_not_zero() -> None:
    """Negative control: E R_k Σ_i ψ_i = E R_k ψ_k = ∇J."""
    batch, probability = every_trajectory(SUITE["early-stop"])
    controls = Controls.of(batch, probability)
    rows = np.array(list(product(range(len(probability)), repeat=3)))
    own = controls.totals[0][rows[:, 1], None] * controls.rows[5][rows].sum(axis=1)
    mean = probability[rows].prod(axis=1) @ own
    np.testing.assert_allclose(mean, controls.means[3], atol=1e-12)
    assert np.abs(mean).max() > 0.01


def test_the_rows_that_stand_out_are_those_that_were_subtracted() -> None:
    """Σ_i (R_i − (R_11 + R_37 + R_83)/3) ψ_i / n is the total return's mean less what is made of three rows, of 100."""
    batch, probability = every_trajectory(SUITE["three-starts"])
    controls = Controls.of(batch, probability)
    rows = IndependentLaw(probability, 100).draw(64, np.random.default_rng(0))
    score, total = controls.rows[5], controls.totals[0]
    usual = np.stack([(total[:, None] * score)[rows].mean(axis=1), score[rows].mean(axis=1)], axis=1)
    estimates = usual[:, 0] - total[rows[:, [11, 37, 83]]].mean(axis=1)[:, None] * usual[:, 1]
    assert set(rows_that_stand_out(controls, rows, estimates, usual)[:3]) == {11, 37, 83}


def ends(returns: Array) -> float:
    return float(returns[0] + returns[-1]) / 2.0


BASELINES: dict[str, Callable[[Array], Array | float]] = {
    "second": lambda r: r[1],
    "last": lambda r: r[-1],
    "middle": lambda r: r[len(r) // 2],
    "row 23": lambda r: r[min(23, len(r) - 1)],
    "first three": lambda r: r[:3].mean(),
    "first ten": lambda r: r[:10].mean(),
    "both ends": ends,
    "last half": lambda r: r[len(r) // 2 :].mean(),
}


@pytest.mark.parametrize("name", BASELINES)
@pytest.mark.parametrize("size", [33, 128])
def test_what_has_a_few_rows_as_its_baseline_is_explained_wholly(name: str, size: int) -> None:
    """Of weights that add up to one over rows, each row's own share is lost: E ĝ = ∇J (1 − 1/n)."""
    batch, chance = every_trajectory(SUITE["three-starts"])
    controls = Controls.of(batch, chance)

    def estimate(rows: Array) -> Array:
        chosen = batch.select(rows)
        return np.asarray(less(chosen, BASELINES[name](totals(chosen))).mean(axis=0))

    fit = fitted(IndependentLaw(chance, size), estimate, controls, np.random.default_rng(0))
    assert fit.exact
    np.testing.assert_allclose(fit.first.mean(axis=0), controls.means[0] * (1.0 - 1.0 / size), atol=1e-9)


@pytest.mark.parametrize("ranks", [lambda b: b.lengths, totals, lambda b: -np.abs(totals(b) - np.median(totals(b)))])
def test_rows_that_are_chosen_by_what_happened_are_not(ranks: Callable[[pgv.Trajectories], Array]) -> None:
    """Negative controls: which row it is depends on the batch, and so does ψ: no multiple of ∇J."""
    batch, chance = every_trajectory(SUITE["early-stop"])
    controls = Controls.of(batch, chance)

    def estimate(rows: Array) -> Array:
        chosen = batch.select(rows)
        return np.asarray(less(chosen, totals(chosen)[np.argmax(ranks(chosen))]).mean(axis=0))

    fit = fitted(IndependentLaw(chance, 10), estimate, controls, np.random.default_rng(0))
    mean, along = fit.first.mean(axis=0), controls.means[0]
    across = mean - along * (mean @ along) / (along @ along)
    assert not fit.exact or np.abs(across).max() > 1e-3


def second_row(batch: pgv.Trajectories) -> Array:
    returns = totals(batch)
    return less(batch, returns[1] if len(returns) > 1 else 0.0)


def second_row_of_others(batch: pgv.Trajectories) -> Array:
    returns = totals(batch)
    if len(returns) < 2:
        return less(batch, 0.0)
    return less(batch, np.where(np.arange(len(returns)) == 1, 0.0, returns[1]))


@pytest.mark.parametrize(("function", "outcome"), [(second_row, "SCALED"), (second_row_of_others, "CORRECT")])
def test_the_second_row_as_baseline_scales_where_its_own_is_included(
    function: Callable[[pgv.Trajectories], Array], outcome: str
) -> None:
    problems = [SUITE[name] for name in ("bandit", "early-stop", "three-starts")]
    report = pgv.check(function, problems=problems, explore=0)
    assert report.outcome.name == outcome, str(report)


def test_the_first_group_as_baseline_of_all_is_a_multiple() -> None:
    """Two in each of three groups: (1 − 1/2 + 2)/3 = 5/6. Coin, whose batches are listed, has one direction."""

    def function(batch: pgv.Trajectories) -> Array:
        return less(batch, totals(batch)[:2].mean())

    problems = [SUITE[name] for name in ("coin", "constant-reward", "bandit", "early-stop", "three-starts")]
    report = pgv.check(function, problems=problems, design=pgv.Grouped(size=2, prompts=3), explore=0)
    assert report.outcome is pgv.Outcome.SCALED, str(report)
    assert "0.833333 times" in report.explanation


def test_a_multiple_that_what_was_listed_has_not_is_none() -> None:
    """The same, but 3 % less where there is one state and two arms: coin alone, whose batches are listed."""

    def function(batch: pgv.Trajectories) -> Array:
        coin = batch.problem.mdp.num_states == 1 and batch.problem.mdp.num_actions == 2
        return less(batch, totals(batch)[:2].mean()) * (0.97 if coin else 1.0)

    problems = [SUITE[name] for name in ("coin", "constant-reward", "bandit", "early-stop", "three-starts")]
    report = pgv.check(function, problems=problems, design=pgv.Grouped(size=2, prompts=3), explore=0)
    assert report.outcome not in (pgv.Outcome.SCALED, pgv.Outcome.CORRECT), str(report)
