"""Rows some distance apart as baselines, weights that change somewhere in a batch: found by what is left."""

from __future__ import annotations

from collections.abc import Callable
from itertools import product

import numpy as np
import pytest

import pgverify as pgv
from pgverify.checking.exhaustive.listed_problem import every_trajectory
from pgverify.checking.sampled.batch_law import IndependentLaw
from pgverify.checking.sampled.controls import Controls
from pgverify.checking.sampled.controls_by_distance import Apart, controls_by_distance, distances_that_stand_out
from pgverify.checking.sampled.controls_by_step import controls_by_step, steps_that_stand_out
from pgverify.checking.sampled.standing_out import Pursued
from pgverify.checking.sampled.with_controls import Fitted, fitted

pytestmark = pytest.mark.usefixtures("unchecked_shapes")
Array = np.ndarray
SUITE = {entry.name: entry.problem for entry in pgv.suites.get("standard")}
SIZE = 33
APART = Apart(near=(1, -2), far=(1, -1), mirrors=(0, 1))


def totals(batch: pgv.Trajectories) -> Array:
    return np.asarray((batch.discount_powers * batch.rewards).sum(axis=1))


def weighted(batch: pgv.Trajectories, weights: Array) -> Array:
    return batch.score_weighted(np.repeat(weights[:, None], batch.num_steps, axis=1))


def without_middle(returns: Array) -> Array:
    """The returns in reverse order; nothing where a row meets itself."""
    mirrored = returns[::-1].copy()
    if len(returns) % 2:
        mirrored[len(returns) // 2] = 0.0
    return mirrored


def leave_one_out(returns: Array) -> Array:
    return np.asarray(returns - (returns.sum() - returns) / (len(returns) - 1))


def of_chunks(batch: pgv.Trajectories, weights: Array, chunks: list[Array]) -> Array:
    """The mean of the means of chunks of a batch."""
    each = weighted(batch, weights)
    return np.mean([each[chunk].mean(axis=0) for chunk in chunks], axis=0)


def mean(batch: pgv.Trajectories, weights: Array) -> Array:
    return np.asarray(weighted(batch, weights).mean(axis=0))


def every(size: int, count: int) -> list[Array]:
    return [np.arange(begin, min(begin + size, count)) for begin in range(0, count, size)]


# What stands at other places is independent, and every row is paid its return once on average: E ĝ = ∇J, but where
# half of all is paid by halves: (R_i + R_j)/2 (ψ_i + ψ_j)/2 of two rows has (∇J + ∇J)/4.
STYLES: dict[str, tuple[Callable[[pgv.Trajectories, Array], Array], float]] = {
    "the next": (lambda batch, r: mean(batch, r - np.roll(r, -1)), 1.0),
    "the second next": (lambda batch, r: mean(batch, r - np.roll(r, -2)), 1.0),
    "both neighbours": (lambda batch, r: mean(batch, r - 0.5 * (np.roll(r, 1) + np.roll(r, -1))), 1.0),
    "half a batch away": (lambda batch, r: mean(batch, r - np.roll(r, len(r) // 2)), 1.0),
    "mirrored": (lambda batch, r: mean(batch, r - without_middle(r)), 1.0),
    "pairs by halves, of an odd number": (
        lambda batch, r: np.asarray(
            ((r + r[::-1])[:, None] * (weighted(batch, r**0) + weighted(batch, r**0)[::-1])).mean(axis=0) / 4.0
        ),
        17 / 33,  # (n + 1) / 2n: the row in the middle is beside itself: R ψ in full
    ),
    "chunks of seven": (lambda batch, r: of_chunks(batch, r, every(7, len(r))), 1.0),
    "four chunks": (lambda batch, r: of_chunks(batch, r, np.array_split(np.arange(len(r)), 4)), 1.0),
    "four minibatches of leave-one-out": (
        lambda batch, r: of_chunks(batch, leave_one_out(r), np.array_split(np.arange(len(r)), 4)),
        1.0,
    ),
}


def fit_of(style: Callable[[pgv.Trajectories, Array], Array], name: str) -> tuple[Fitted, Array]:
    batch, chance = every_trajectory(SUITE[name])
    controls = Controls.of(batch, chance)

    def estimate(rows: Array) -> Array:
        chosen = batch.select(rows)
        return style(chosen, totals(chosen))

    return fitted(IndependentLaw(chance, SIZE), estimate, controls, np.random.default_rng(0)), controls.means[0]


@pytest.mark.parametrize("kind", ["distances", "steps"])
def test_their_mean_over_all_batches_of_four_is_zero(kind: str) -> None:
    """E R_j ψ_i = E R_j E ψ_i = 0 for j ≠ i, and all rows have one law. Over 4⁴ batches of early-stop."""
    batch, probability = every_trajectory(SUITE["early-stop"])
    controls = Controls.of(batch, probability)
    rows = np.array(list(product(range(len(probability)), repeat=4)))
    of_kind = (
        controls_by_distance(controls, rows, APART) if kind == "distances" else controls_by_step(controls, rows, (1, 3))
    )
    unit = np.abs(of_kind).max()
    assert unit > 0.1
    means = np.tensordot(probability[rows].prod(axis=1), of_kind, axes=1)
    np.testing.assert_allclose(means, 0.0, atol=1e-12 * unit)


def test_as_many_controls_in_a_batch_that_does_not_reach_so_far() -> None:
    """Coefficients are carried on from one size to another; of two rows none is five places away."""
    batch, probability = every_trajectory(SUITE["early-stop"])
    controls, rows = Controls.of(batch, probability), np.array([[0, 1], [2, 3]])
    found = controls_by_distance(controls, rows, Apart(near=(5,), mirrors=(7,)))
    assert found.shape[1] == controls_by_distance(controls, np.tile(rows, 9), Apart(near=(5,), mirrors=(7,))).shape[1]
    np.testing.assert_array_equal(found, 0.0)


@pytest.mark.parametrize("name", ["three-starts", "early-stop"])
@pytest.mark.parametrize("style", STYLES)
def test_it_is_explained_wholly(style: str, name: str) -> None:
    function, factor = STYLES[style]
    fit, gradient = fit_of(function, name)
    assert fit.exact
    np.testing.assert_allclose(fit.first.mean(axis=0), factor * gradient, atol=1e-8)


NEAR: dict[str, Callable[[pgv.Trajectories, Array], Array]] = {
    "the next after sorting": lambda batch, r: mean(batch, r - np.roll(np.sort(r), -1)),
    "the larger of the neighbours and one's own": lambda batch, r: mean(batch, r - np.maximum(r, np.roll(r, -1))),
    "the next, if it has the same return": lambda batch, r: mean(batch, r - np.where(np.roll(r, -1) == r, r, 0.0)),
    "chunks of seven after sorting": lambda batch, r: of_chunks(
        batch, r, [np.argsort(r)[each] for each in every(7, len(r))]
    ),
}


@pytest.mark.parametrize("style", NEAR)
def test_what_depends_on_ones_own_return_is_not(style: str) -> None:
    """Negative controls: biased, each of them."""
    fit, _ = fit_of(NEAR[style], "early-stop")
    assert not fit.exact


def test_what_stands_out_is_what_was_put_there() -> None:
    """Σ R_{i+3} ψ_i / n + Σ R_j ψ_i / n about the middle, and twice what is paid from row 61 on, of 100."""
    batch, probability = every_trajectory(SUITE["three-starts"])
    controls = Controls.of(batch, probability)
    rows = IndependentLaw(probability, 100).draw(32, np.random.default_rng(0))
    usual = controls.on(rows, None)
    apart = Apart(near=(3,), mirrors=(0,))
    found = distances_that_stand_out(
        controls, rows, Pursued.of(controls_by_distance(controls, rows, apart)[:, [0, 3]].sum(axis=1), usual)
    )
    assert found == apart
    left = Pursued.of(2.0 * controls_by_step(controls, rows, (61,))[:, 0], usual)
    assert steps_that_stand_out(controls, rows, left) == (61,)
