"""Batches are listed once where their order is nothing, and in every order from where it is seen to matter."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from math import factorial

import numpy as np
import pytest
from checking_problems import named

import pgverify as pgv
from pgverify.baselines import AverageReturn
from pgverify.bugs import get
from pgverify.checking.exhaustive import batch_lists as batches
from pgverify.checking.verdict.targets import mean_of
from pgverify.estimators import RewardToGo, TotalReturn

pytestmark = pytest.mark.usefixtures("unchecked_shapes", "as_many_as_for_users")
Function = Callable[[pgv.Trajectories], np.ndarray]
PROBABILITY, LENGTHS = np.array([0.5, 0.3, 0.2]), np.array([2, 2, 2])


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
    """27 triples of 3 are few; of 15 multisets two calls are fewer than 81; 8 of 3 trajectories are 45 multisets.

    81 pairs of nine are fewer than two calls for each of 45 multisets.
    """
    assert [in_order for in_order, _ in batches.ways_to_list(np.full(9, 1.0 / 9.0), np.arange(9), 2)] == [True]
    ways = {
        size: [in_order for in_order, _ in batches.ways_to_list(PROBABILITY, LENGTHS, size)] for size in (3, 4, 8, 64)
    }
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
        pytest.param(neighbour_as_baseline, pgv.Outcome.CORRECT, marks=pytest.mark.slow),
        (first_as_baseline, pgv.Outcome.CORRECT),
        pytest.param(first_twice, pgv.Outcome.CORRECT, marks=pytest.mark.slow),
        (last_left_out, pgv.Outcome.BIASED),
    ],
)
def test_functions_to_which_the_order_matters(function: Function, outcome: pgv.Outcome) -> None:
    """Multisets in ascending order alone would accuse the first three, for their rows come in the order of the list."""
    report = pgv.check(function, problems=named("coin", "bandit", "early-stop"))
    assert report.outcome is outcome
    assert max(finding.batch_size for finding in report.findings if finding.check == "expectation") == 9


def returns_of(batch: pgv.Trajectories) -> np.ndarray:
    return batch.relative_rewards @ batch.discount_powers


def with_baseline(batch: pgv.Trajectories, baseline: list[float]) -> np.ndarray:
    return batch.score_weighted(batch.mask * (RewardToGo().weights(batch) - np.array(baseline)[:, None]))


def mean_of_earlier_failures(batch: pgv.Trajectories) -> np.ndarray:
    """Unbiased: a baseline from earlier trajectories alone, once enough of them have failed."""
    failures: list[float] = []
    baseline = []
    for value in returns_of(batch):
        baseline.append(float(np.mean(failures)) if len(failures) >= 32 else 0.0)
        failures += [value] if value < 0 else []
    return with_baseline(batch, baseline)


def mean_of_closed_rows(batch: pgv.Trajectories) -> np.ndarray:
    """Unbiased: trajectories are packed into rows of some 16 steps; the baseline is the mean return of earlier rows."""
    closed: list[float] = []
    row: list[float] = []
    steps, baseline = 0, []
    for value, length in zip(returns_of(batch), batch.lengths, strict=True):
        if steps >= 16:
            closed, row, steps = closed + row, [], 0
        baseline.append(float(np.mean(closed)) if closed else 0.0)
        row, steps = [*row, value], steps + int(length)
    return with_baseline(batch, baseline)


@pytest.mark.parametrize(
    ("function", "problem"),
    [(mean_of_earlier_failures, "coin"), pytest.param(mean_of_closed_rows, "early-stop", marks=pytest.mark.slow)],
)
def test_honest_functions_of_earlier_trajectories_are_not_accused(function: Function, problem: str) -> None:
    """To them the order matters in few of the longest batches, most of all in the order of the list itself."""
    report = pgv.check(function, problems=named(problem))
    assert report.outcome in (pgv.Outcome.CORRECT, pgv.Outcome.INCONCLUSIVE)


def leave_one_out(batch: pgv.Trajectories) -> np.ndarray:
    values = returns_of(batch)
    others = (values.sum() - values) / (len(batch) - 1) if len(batch) > 1 else 0.0 * values
    return with_baseline(batch, list(others))


def buckets_of_four(batch: pgv.Trajectories) -> np.ndarray:
    """Sorted by length, leave-one-out inside each four: who is beside one depends on one's own length."""
    rows = batch.select(np.argsort(batch.lengths, kind="stable"))
    parts = [leave_one_out(rows.select(slice(i, i + 4))) for i in range(0, len(rows), 4)]
    return np.concatenate(parts)


def test_buckets_show_in_a_batch_larger_than_one() -> None:
    """By their definition they are leave-one-out up to four, which is unbiased; the fifth makes a second bucket."""
    report = pgv.check(buckets_of_four, problems=named("early-stop"))
    assert report.outcome is pgv.Outcome.BIASED
    wrong = {finding.batch_size for finding in report.findings if finding.check == "expectation" and not finding.holds}
    assert wrong == {5}


def fails_on_some_order(batch: pgv.Trajectories) -> np.ndarray:
    if len(batch) == 9 and (np.diff(batch.actions[:, 0]) < 0).any():
        raise ValueError("not sorted")
    return leave_one_out(batch)


def fails_in_one_size(batch: pgv.Trajectories) -> np.ndarray:
    if len(batch) == 16:
        raise MemoryError("too many")
    return RewardToGo()(batch)


@pytest.mark.parametrize(
    ("function", "reason"),
    [(fails_on_some_order, "ValueError: not sorted"), (fails_in_one_size, "MemoryError: too many")],
)
def test_a_failure_on_the_way_is_invalid(function: Function, reason: str) -> None:
    report = pgv.check(function, problems=named("coin"))
    assert report.outcome is pgv.Outcome.INVALID
    assert reason in report.explanation


def order_matters_when_lengths_differ(batch: pgv.Trajectories) -> np.ndarray:
    """Unbiased: the first one's return is the others' baseline, in batches of trajectories of several lengths."""
    if len(batch) < 2 or not np.ptp(batch.lengths):
        return leave_one_out(batch)
    return with_baseline(batch, [0.0] + [float(returns_of(batch)[0])] * (len(batch) - 1))


def test_what_was_listed_once_before_is_listed_again() -> None:
    """On one-step problems the order is nothing; then it is seen to matter, and no batch listed once remains."""
    alone = pgv.check(order_matters_when_lengths_differ, problems=named("bandit"))
    after = pgv.check(order_matters_when_lengths_differ, problems=named("bandit", "early-stop"))
    sizes = [
        {f.batch_size for f in report.findings if (f.check, f.problem) == ("expectation", "problems[0]")}
        for report in (alone, after)
    ]
    assert sizes == [{2, 3, 4, 5, 6, 9, 17}, {2, 3, 4}]
    assert "4 (on 2)" in after.error_rate


def first_of_two_twice(batch: pgv.Trajectories) -> np.ndarray:
    """Of a pair the first counts twice; nothing couples larger batches."""
    rows = RewardToGo()(batch)
    return (2.0 * rows[0] + rows[1]) / 3.0 if len(batch) == 2 else rows


@pytest.mark.parametrize(
    ("function", "largest"), [(first_of_two_twice, 9), (TotalReturn(AverageReturn(leave_one_out=True)), 65)]
)
def test_long_batches_are_listed_where_the_order_was_never_seen_to_matter(function: Function, largest: int) -> None:
    """512 ordered batches of 9 are few enough, those of 17 are not; 66 multisets of 65 are."""
    report = pgv.check(function, problems=named("coin"))
    assert report.outcome is pgv.Outcome.CORRECT
    assert max(finding.batch_size for finding in report.findings if finding.check == "expectation") == largest


def test_an_order_in_which_it_fails_is_met() -> None:
    """Multisets in ascending order alone would not meet it: 15 stand for 81 batches of four."""

    def ascending(batch: pgv.Trajectories) -> np.ndarray:
        if len(batch) == 4 and batch.actions[0, 0] > batch.actions[-1, 0]:
            raise ValueError("descending")
        return TotalReturn(AverageReturn(leave_one_out=True))(batch)

    assert pgv.check(ascending, problems=named("bandit")).outcome is pgv.Outcome.INVALID


def first_twice_in_ten(batch: pgv.Trajectories) -> np.ndarray:
    """The others are the baseline, whatever their order; from ten on the first counts twice: unbiased."""
    if len(batch) < 10:
        return TotalReturn(AverageReturn(leave_one_out=True))(batch)
    rows = RewardToGo()(batch)
    return (rows.sum(axis=0) + rows[0]) / (len(batch) + 1)


def test_an_order_that_matters_in_long_batches_alone_is_seen() -> None:
    """Ascending multisets of 17 would accuse it; the ordered ones are too many, and samples bound what could hide."""
    report = pgv.check(first_twice_in_ten, problems=named("coin"))
    assert report.outcome is pgv.Outcome.CORRECT
    assert report.scope is not None
    hidden = {one.size: one.hidden_bias for one in report.scope.problems[0].sampled}
    assert hidden[17] <= 0.1
    assert [f.batch_size for f in report.findings if f.check == "expectation"] == [2, 3, 4, 5, 6, 9]


def test_every_size_is_judged_once() -> None:
    """Where both lists are there (four of three trajectories), the first that counts is enough."""
    report = pgv.check(TotalReturn(AverageReturn(leave_one_out=True)), problems=named("bandit"))
    assert [f.batch_size for f in report.findings if f.check == "expectation"] == [2, 3, 4, 5, 6, 9, 17]


def test_the_catalogue_is_listed_in_every_order_where_its_entry_says_so() -> None:
    """Of 81 batches of four, 15 ascending ones are the mean of a function only where the order is nothing."""
    (problem,) = named("bandit")
    truth = pgv.exact.gradient(problem)
    entry = replace(get("discount-dropped"), implementation=first_twice, ordered=True)
    assert mean_of(entry, "implementation", problem, 4) == pytest.approx(truth, rel=1e-12, abs=1e-14)
    assert mean_of(entry, "implementation", problem, 8) is None
    unaware = mean_of(replace(entry, ordered=False), "implementation", problem, 4)
    assert np.abs(unaware - truth).max() > 1e-3  # negative control
