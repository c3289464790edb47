"""Controls by time: beside a loop over rows, of mean zero, and what they explain wholly."""

import numpy as np
import pytest

import pgverify as pgv
from pgverify.checking.exhaustive.listed_problem import every_trajectory
from pgverify.checking.sampled.batch_law import IndependentLaw
from pgverify.checking.sampled.controls import Controls
from pgverify.checking.sampled.controls_by_time import controls_by_time
from pgverify.checking.sampled.with_controls import CONFIRM, FIT, fitted
from pgverify.exact.batches import every_multiset

BENDS = {
    "tanh": lambda others: np.tanh(others.mean()),
    "clipped": lambda others: np.clip(others.mean(), -1.0, 1.0),
    "absolute": lambda others: abs(others.mean()),
    "square": lambda others: others.mean() ** 2,
    "cube": lambda others: others.mean() ** 3,
    "mean of clipped": lambda others: np.clip(others, -1.0, 1.0).mean(),
    "population std": lambda others: others.std(),
    "sample std": lambda others: others.std(ddof=1) if len(others) > 1 else 0.0,
    "largest": np.max,
    "smallest": np.min,
    "median": np.median,
}
"""In the order in which the controls come."""


def _listed(name):
    problem = next(entry.problem for entry in pgv.suites.get("standard") if entry.name == name)
    batch, probability = every_trajectory(problem)
    return batch, probability, Controls.of(batch, probability)


def _one_by_one(batch, chosen, bend, under_way):
    """Return (1/n) Σ_i Σ_t b_it ψ_it by a loop over rows and steps."""
    picked = batch.select(chosen)
    rewards = picked.discount_powers * picked.rewards
    to_go = np.cumsum(rewards[:, ::-1], axis=1)[:, ::-1]
    weights = np.zeros(picked.rewards.shape)
    for i in range(len(chosen)):
        for t in range(picked.num_steps):
            others = [j for j in range(len(chosen)) if j != i and (picked.mask[j, t] or not under_way)]
            if others:
                weights[i, t] = bend(to_go[others, t])
    return picked.score_weighted(weights).mean(axis=0)


@pytest.mark.usefixtures("unchecked_shapes")
@pytest.mark.parametrize("name", ["random-end", "early-stop"])
def test_controls_are_what_a_loop_over_rows_gives(name):
    batch, probability, controls = _listed(name)
    rows = np.random.default_rng(0).integers(len(probability), size=(3, 4))
    found = controls_by_time(controls, rows)
    assert found.shape[1] == 2 * len(BENDS)  # episodes differ in length
    for i, chosen in enumerate(rows):
        for k, (under_way, bend) in enumerate((u, b) for u in (False, True) for b in BENDS.values()):
            expected = _one_by_one(batch, chosen, bend, under_way)
            # a root of what is zero but for rounding: √1e-16
            assert np.allclose(found[i, k], expected, atol=1e-7 * np.abs(controls.rows).max()), list(BENDS)[k % 11]


def test_every_mean_is_zero():
    _, probability, controls = _listed("early-stop")
    pairs = list(every_multiset(probability, 3))
    found = controls_by_time(controls, np.array([rows for rows, _ in pairs]))
    chance = np.array([weight for _, weight in pairs])
    assert np.abs(np.tensordot(chance, found, axes=1)).max() < 1e-12 * np.abs(controls.rows).max()


def _bent(bend, own):
    def function(batch):
        rewards = batch.discount_powers * batch.rewards
        to_go = np.cumsum(rewards[:, ::-1], axis=1)[:, ::-1]
        others = (to_go.sum(axis=0) - (0.0 if own else to_go)) / (len(batch) - (not own))
        return batch.score_weighted(to_go - bend(others))

    return function


@pytest.mark.parametrize(("own", "explained"), [(False, True), (True, False)])
@pytest.mark.usefixtures("unchecked_shapes")
def test_a_bent_mean_of_the_others_is_explained_in_few_batches_and_one_that_holds_the_own_is_not(own, explained):
    batch, probability, controls = _listed("early-stop")
    function = _bent(np.tanh, own)
    fit = fitted(
        IndependentLaw(probability, 10),
        lambda rows: function(batch.select(rows)).mean(axis=0),
        controls,
        np.random.default_rng(0),
    )
    assert fit.exact == explained
    assert fit.used == FIT + CONFIRM or not explained
