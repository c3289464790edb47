"""Batches are listed once where their order is nothing, and in every order from where it is seen to matter."""

from __future__ import annotations

from collections.abc import Callable
from math import factorial

import numpy as np
import pytest
from checking_problems import named

import pgverify as pgv
from pgverify.checking import batches
from pgverify.estimators import RewardToGo

pytestmark = pytest.mark.usefixtures("unchecked_shapes")
Function = Callable[[pgv.Trajectories], np.ndarray]
PROBABILITY = np.array([0.5, 0.3, 0.2])


@pytest.fixture(autouse=True)
def as_many_as_for_users(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batches, "MOST_UNORDERED", 170)
    monkeypatch.setattr(batches, "MOST_ORDERED", 800)


@pytest.mark.parametrize("size", [2, 3, 4])
def test_both_lists_are_one_distribution(size: int) -> None:
    """Multinomial probabilities are sums over orders: n!/Πk! each, and 1 in all."""
    ordered, unordered = batches.ordered_batches(PROBABILITY, size), batches.unordered_batches(PROBABILITY, size)
    assert ordered is not None
    assert unordered is not None
    for rows, chance in unordered:
        orders = [other for other, _ in ordered if sorted(other) == rows]
        assert len(orders) == factorial(size) // np.prod([factorial(rows.count(i)) for i in range(3)])
        assert chance == pytest.approx(sum(p for other, p in ordered if sorted(other) == rows), rel=1e-14)
    assert sum(chance for _, chance in unordered) == pytest.approx(1.0, rel=1e-14)


def test_ways_to_list() -> None:
    """27 triples of 3 are few; of 15 multisets two calls are fewer than 81; 8 of 3 trajectories are 45 multisets."""
    ways = {size: [in_order for in_order, _ in batches.ways_to_list(PROBABILITY, size)] for size in (3, 4, 8, 64)}
    assert ways == {3: [True], 4: [False, True], 8: [False], 64: []}


def test_another_order_is_another() -> None:
    rng = np.random.default_rng(0)
    assert all(batches.another_order([0, 0, 1], rng) != [0, 0, 1] for _ in range(50))
    assert batches.another_order([0, 1], rng) == [1, 0]
    assert batches.another_order([2, 2, 2], rng) is None


def neighbour_as_baseline(batch: pgv.Trajectories) -> np.ndarray:
    """Each trajectory has the return of the one before it for a baseline: unbiased, and different in every order."""
    returns = batch.relative_rewards @ batch.discount_powers
    others = np.roll(returns, 1) if len(batch) > 1 else 0.0 * returns
    return batch.score_weighted(batch.mask * (returns - others)[:, None])


def first_as_baseline(batch: pgv.Trajectories) -> np.ndarray:
    """The first trajectory is a baseline for the others, and counts as they do on its own."""
    weights = RewardToGo().weights(batch)
    if len(batch) > 2:
        returns = batch.relative_rewards @ batch.discount_powers
        weights = weights - batch.mask * np.where(np.arange(len(batch)) > 0, returns[0], 0.0)[:, None]
    return batch.score_weighted(weights)


def first_twice(batch: pgv.Trajectories) -> np.ndarray:
    """The first trajectory counts twice in a weighted mean, from three trajectories on: unbiased."""
    rows = RewardToGo()(batch)
    return (rows.sum(axis=0) + rows[0]) / (len(batch) + 1) if len(batch) > 2 else rows


def last_left_out(batch: pgv.Trajectories) -> np.ndarray:
    """A batch of more than four loses its last trajectory when that is the shortest: longer ones remain."""
    rows = RewardToGo()(batch)
    if len(batch) > 3 and batch.lengths[-1] < batch.lengths[:-1].min():
        return rows[:-1].mean(axis=0)
    return rows


@pytest.mark.parametrize(
    ("function", "outcome"),
    [
        (neighbour_as_baseline, pgv.Outcome.CORRECT),
        (first_as_baseline, pgv.Outcome.CORRECT),
        (first_twice, pgv.Outcome.CORRECT),
        (last_left_out, pgv.Outcome.BIASED),
    ],
)
def test_functions_to_which_the_order_matters(function: Function, outcome: pgv.Outcome) -> None:
    """Multisets in ascending order alone would accuse the first three, for their rows come in the order of the list."""
    report = pgv.check(function, problems=named("coin", "bandit", "early-stop", "two-starts", "delayed-reward"))
    assert report.outcome is outcome
    assert max(finding.batch_size for finding in report.findings if finding.check == "expectation") == 5
