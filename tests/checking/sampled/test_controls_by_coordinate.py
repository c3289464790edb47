"""Baselines that each parameter has for itself: of mean zero over all batches, and what their formulas say on one."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

import pgverify as pgv
from pgverify.checking.exhaustive.listed_problem import every_trajectory
from pgverify.checking.sampled.controls import Controls
from pgverify.checking.sampled.controls_by_coordinate import controls_by_coordinate

SUITE = {entry.name: entry.problem for entry in pgv.suites.get("standard")}


def listed(name: str, size: int) -> tuple[Controls, np.ndarray, np.ndarray]:
    """Return the controls of a problem, all its batches of a size, and their probabilities."""
    batch, probability = every_trajectory(SUITE[name])
    rows = np.array(list(product(range(len(probability)), repeat=size)))
    return Controls.of(batch, probability), rows, probability[rows].prod(axis=1)


@pytest.mark.usefixtures("unchecked_shapes")
@pytest.mark.parametrize(("name", "size"), [("early-stop", 2), ("early-stop", 5), ("three-starts", 4)])
def test_their_mean_over_all_batches_is_zero(name: str, size: int) -> None:
    """E b_ij ψ_ij = E b_ij E ψ_ij = 0, for b_ij is made of trajectories other than i, which are independent of it."""
    controls, rows, probability = listed(name, size)
    found = controls_by_coordinate(controls, rows)
    unit = np.abs(found).max()
    assert unit > 0.1
    np.testing.assert_allclose(np.tensordot(probability, found, axes=1), 0.0, atol=1e-12 * unit)


@pytest.mark.usefixtures("unchecked_shapes")
def test_a_baseline_with_a_part_in_it_of_its_own_would_not_have_that_mean() -> None:
    """Negative control: b_j = Σ R ψ_j² / Σ ψ_j² of all rows is correlated with the ψ_j that it stands before."""
    controls, rows, probability = listed("early-stop", 3)
    score, total = controls.rows[5][rows], controls.totals[0][rows][:, :, None]
    weights = (score**2).sum(axis=1)
    baseline = (total * score**2).sum(axis=1) / np.where(weights > 0.0, weights, 1.0)
    assert np.abs(probability @ (baseline * score.mean(axis=1))).max() > 1e-3


@pytest.mark.usefixtures("unchecked_shapes")
def test_the_first_three_are_what_their_formulas_say() -> None:
    """On one batch of four, row by row and parameter by parameter, with numpy's own covariance in the second."""
    batch, probability = every_trajectory(SUITE["random-end"])
    controls, rows = Controls.of(batch, probability), np.array([[0, 3, 5, 6, 3]])
    chosen = batch.select(rows[0])
    steps = np.stack([chosen.score_weighted(np.eye(chosen.num_steps)[[t] * 5]) for t in range(chosen.num_steps)])
    score, past = steps.sum(axis=0), np.cumsum(steps, axis=0)
    paid = chosen.rewards * chosen.discount_powers
    total = paid.sum(axis=1)
    expected = np.zeros((3, score.shape[1]))
    for i, j in product(range(5), range(score.shape[1])):
        others = np.arange(5) != i
        own, lent = score[others, j], total[others]
        if (own**2).sum() > 0.0:
            expected[0, j] += (lent * own**2).sum() / (own**2).sum() * score[i, j] / 5
        if np.ptp(own) > 0.0:
            expected[1, j] += np.cov(lent * own, own, ddof=0)[0, 1] / np.var(own) * score[i, j] / 5
        for t in range(chosen.num_steps):
            weights = past[t, others, j] ** 2
            if weights.sum() > 0.0:
                expected[2, j] += (paid[others, t] @ weights) / weights.sum() * past[t, i, j] / 5
    np.testing.assert_allclose(controls_by_coordinate(controls, rows)[0, :3], expected, atol=1e-12)
