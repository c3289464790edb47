"""What is a sum over rows and pairs of rows has its mean by that form, whatever weights it has; nothing else has."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

import pgverify as pgv
from pgverify.checking.exhaustive.listed_problem import every_trajectory
from pgverify.checking.sampled.batch_law import IndependentLaw
from pgverify.checking.sampled.controls import Controls
from pgverify.checking.sampled.sums_over_pairs import LOOKS, PairSum, _cuts, sum_over_pairs
from pgverify.checking.verdict.first_terms import policy_gradient
from pgverify.estimators import RewardToGo

Array = np.ndarray
SUITE = {entry.name: entry.problem for entry in pgv.suites.get("standard")}
SUMS: dict[str, Callable[[pgv.Trajectories], Array]] = {}


def sum_of_pairs(function: Callable[[pgv.Trajectories], Array]) -> None:
    SUMS[function.__name__] = function


def returns_of(batch: pgv.Trajectories) -> Array:
    return np.asarray(batch.rewards @ batch.discount_powers)


def scores_of(batch: pgv.Trajectories) -> Array:
    return np.asarray(batch.score_weighted(np.ones(batch.rewards.shape)))


def less(batch: pgv.Trajectories, baseline: Array) -> Array:
    return np.asarray((returns_of(batch) - baseline) @ scores_of(batch) / len(batch))


@sum_of_pairs
def weights_that_rise(batch: pgv.Trajectories) -> Array:
    """Σ_i w_i = n, so that E = ∇J."""
    weights = 2.0 * np.arange(1, len(batch) + 1) / (len(batch) + 1)
    return np.asarray(weights @ RewardToGo()(batch) / len(batch))


@sum_of_pairs
def differences_of_neighbours(batch: pgv.Trajectories) -> Array:
    """E (R_i − R_j)(ψ_i − ψ_j) = 2 Cov(R, ψ) = 2 ∇J."""
    returns, scores = returns_of(batch), scores_of(batch)
    away = (returns - np.roll(returns, 1))[:, None] * (scores - np.roll(scores, 1, axis=0))
    return np.asarray(away.mean(axis=0) / 2.0)


@sum_of_pairs
def halves_by_a_fixed_permutation(batch: pgv.Trajectories) -> Array:
    """b_i is made of the other half."""
    returns = returns_of(batch)
    half = np.random.default_rng(7).permutation(len(batch)) < len(batch) // 2
    return less(batch, np.where(half, returns[~half].mean(), returns[half].mean()))


@sum_of_pairs
def product_of_halves_taken_off(batch: pgv.Trajectories) -> Array:
    """E R̄_A Ψ̄_B = E R̄_A E Ψ̄_B = 0."""
    half = len(batch) // 2
    off = returns_of(batch)[:half].mean() * scores_of(batch)[half:].mean(axis=0)
    return np.asarray(RewardToGo()(batch).mean(axis=0) - off)


@sum_of_pairs
def the_ones_before_in_the_same_state(batch: pgv.Trajectories) -> Array:
    """b_i = R_{i−1} where it began as i did, else 0: s_0 is known before a_0 is drawn, E b_i ψ_i = 0."""
    before = np.roll(np.arange(len(batch)), 1)
    alike = batch.states[:, 0] == batch.states[before, 0]
    return less(batch, np.where(alike, returns_of(batch)[before], 0.0))


def mean_of(
    function: Callable[[pgv.Trajectories], Array], name: str, size: int, within: float = 0.05
) -> PairSum | None:
    batch, probability = every_trajectory(SUITE[name])
    controls, rng = Controls.of(batch, probability), np.random.default_rng(0)

    def estimate(rows: Array) -> Array:
        return function(batch.select(rows))

    unit = float(np.abs(policy_gradient(SUITE[name])).max())
    return sum_over_pairs(estimate, IndependentLaw(probability, size), controls, 1e-10 * unit, within * unit, rng)


@pytest.mark.usefixtures("unchecked_shapes")
@pytest.mark.parametrize(("name", "size"), [("early-stop", 10), ("three-starts", 10), ("random-end", 64)])
@pytest.mark.parametrize("function", SUMS.values(), ids=SUMS)
def test_a_right_sum_has_the_mean_that_it_should_have(
    function: Callable[[pgv.Trajectories], Array], name: str, size: int
) -> None:
    target = policy_gradient(SUITE[name])
    found = mean_of(function, name, size)
    assert found is not None
    assert np.abs(found.mean - target).max() <= found.error + 1e-9 * np.abs(target).max()
    assert found.error <= 0.05 * np.abs(target).max()


@pytest.mark.usefixtures("unchecked_shapes")
@pytest.mark.parametrize("size", [3, 10, 33])
def test_where_all_cuts_are_tried_the_mean_is_exact(size: int) -> None:
    """b = the batch's own mean: E = (1 − 1/n) ∇J, of pairs E R_j ψ_i = 0 and of each with itself −∇J / n."""
    found = mean_of(lambda batch: less(batch, np.full(len(batch), returns_of(batch).mean())), "early-stop", size, 0.0)
    assert found is not None
    np.testing.assert_allclose(found.mean, (1.0 - 1.0 / size) * policy_gradient(SUITE["early-stop"]), rtol=1e-9)


def smaller_of_two_neighbours(batch: pgv.Trajectories) -> Array:
    returns = returns_of(batch)
    return less(batch, np.minimum(np.roll(returns, 1), np.roll(returns, 2)))


def standardised(batch: pgv.Trajectories) -> Array:
    returns = returns_of(batch)
    return np.asarray((returns - returns.mean()) / (returns.std() + 1e-8) @ scores_of(batch) / len(batch))


def best_dropped(batch: pgv.Trajectories) -> Array:
    returns = returns_of(batch)
    return np.asarray(np.where(returns < returns.max(), returns, 0.0) @ scores_of(batch) / len(batch))


@pytest.mark.parametrize("function", [smaller_of_two_neighbours, standardised, best_dropped])
def test_what_takes_three_rows_at_once_is_no_such_sum(function: Callable[[pgv.Trajectories], Array]) -> None:
    assert mean_of(function, "early-stop", 10) is None


@pytest.mark.parametrize("size", [3, 10, 33, 300])
def test_cuts_separate_each_pair_of_rows_equally_often(size: int) -> None:
    """Rows of a Hadamard matrix are orthogonal: two columns differ in N/2 of its rows, and never in the first."""
    every, cuts = _cuts(size, np.random.default_rng(0))
    assert len(cuts) == min(every, LOOKS[-1])
    if len(cuts) == every:
        apart = (cuts[:, :, None] != cuts[:, None, :]).sum(axis=0)
        assert (apart[~np.eye(size, dtype=bool)] == (every + 1) // 2).all()


def test_what_is_done_to_one_trajectory_alone_is_met() -> None:
    """Of sixteen, one in thousands: with all others the sum is right, and a few pairs would not have it among them."""
    batch, probability = every_trajectory(SUITE["near-deterministic"])
    rare = batch.actions[int(np.argmin(probability))]

    def halved(one: pgv.Trajectories) -> Array:
        returns, weights = returns_of(one), np.where((one.actions == rare).all(axis=1), 0.5, 1.0)
        baseline = (returns.sum() - returns) / (len(one) - 1)
        return np.asarray(weights * (returns - baseline) @ scores_of(one) / len(one))

    assert mean_of(lambda one: less(one, np.roll(returns_of(one), 1)), "near-deterministic", 10) is not None
    assert mean_of(halved, "near-deterministic", 10) is None
