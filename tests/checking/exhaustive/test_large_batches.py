"""Batches too large to be listed, sampled beside controls: faults that begin there, and innocents that must stay."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from checking_problems import named
from slow_cases import slow_but

import pgverify as pgv
from pgverify.baselines import AverageReturn
from pgverify.checking.sampled.batch_law import IndependentLaw
from pgverify.checking.sampled.controls import Controls
from pgverify.checking.sampled.more_controls import more_controls
from pgverify.estimators import RewardToGo, TotalReturn
from pgverify.exact import enumerate_trajectories
from pgverify.exact.expectation import expectation

pytestmark = pytest.mark.usefixtures("unchecked_shapes")
Function = Callable[[pgv.Trajectories], np.ndarray]
LEAVE_ONE_OUT = TotalReturn(AverageReturn(leave_one_out=True))


def others(r: np.ndarray) -> np.ndarray:
    return r - (r.sum() - r) / (len(r) - 1) if len(r) > 1 else r


def returns(b: pgv.Trajectories) -> np.ndarray:
    return np.asarray((b.discount_powers * b.rewards).sum(axis=1))


def rows(b: pgv.Trajectories, a: np.ndarray) -> np.ndarray:
    return b.score_weighted(np.repeat(a[:, None], b.num_steps, 1))


def discount_forgotten_from_40(b: pgv.Trajectories) -> np.ndarray:
    return LEAVE_ONE_OUT(b) if len(b) < 40 else RewardToGo(discount_weighting=False)(b)


def divided_twice_above_100(b: pgv.Trajectories) -> np.ndarray:
    return LEAVE_ONE_OUT(b) / (len(b) if len(b) > 100 else 1)


def normalised_above_256(b: pgv.Trajectories) -> np.ndarray:
    a = others(returns(b))
    return rows(b, a / (a.std() + 1e-8) if len(b) > 256 else a)


def sorted_in_fives(b: pgv.Trajectories) -> np.ndarray:
    r, a = returns(b), returns(b)
    order = np.argsort(b.lengths, kind="stable")
    for first in range(0, len(r), 5):
        chosen = order[first : first + 5]
        a[chosen] = others(r[chosen])
    return rows(b, a)


def negated_above_100(b: pgv.Trajectories) -> np.ndarray:  # SCALED at the sizes that are listed
    r = returns(b)
    return rows(b, r - r.mean()) * (-1.0 if len(b) > 100 else 1.0)


FAULTS = (
    discount_forgotten_from_40,
    normalised_above_256,
    sorted_in_fives,
    negated_above_100,
)


@pytest.mark.parametrize("fault", slow_but(FAULTS, [discount_forgotten_from_40]))
def test_a_fault_of_large_batches_is_seen(fault: Function) -> None:
    report = pgv.check(fault, problems=named("bandit", "early-stop", "random-end"))
    assert report.outcome is pgv.Outcome.BIASED
    assert "which were sampled" in report.explanation
    assert report.evidence == "sampled"
    finding = report.smallest_failure
    assert finding is not None
    assert finding.batch_size >= 10


@pytest.mark.slow
def test_a_multiple_that_begins_in_large_batches_is_one() -> None:
    report = pgv.check(divided_twice_above_100, problems=named("bandit", "early-stop", "random-end"))
    assert report.outcome is pgv.Outcome.SCALED
    assert "0.007812 (batches of 128)" in report.explanation


def by_start(b: pgv.Trajectories) -> np.ndarray:
    a = returns(b)
    for state in set(b.states[:, 0].tolist()):
        a[b.states[:, 0] == state] = others(returns(b)[b.states[:, 0] == state])
    return rows(b, a)


def in_single_precision(b: pgv.Trajectories) -> np.ndarray:
    return rows(b, others(returns(b).astype(np.float32)).astype(np.float64)).astype(np.float32)


@pytest.mark.parametrize("innocent", slow_but([LEAVE_ONE_OUT, by_start, in_single_precision], [by_start]))
def test_an_innocent_stays_correct(innocent: Function) -> None:
    report = pgv.check(innocent, problems=named("bandit", "early-stop", "three-starts", "near-deterministic"))
    assert report.outcome is pgv.Outcome.CORRECT
    assert report.scope is not None
    sampled = {one.size: one.hidden_bias for each in report.scope.problems for one in each.sampled}
    assert set(sampled) >= {10, 33, 64, 128, 300, 1021}
    assert max(sampled.values()) < 0.1


def test_a_multiple_that_depends_on_the_size_stays_scaled() -> None:
    """(n − 1)/n at the listed sizes, and at the sampled ones."""

    def own_mean(b: pgv.Trajectories) -> np.ndarray:
        return rows(b, returns(b) - returns(b).mean())

    report = pgv.check(own_mean, problems=named("bandit", "early-stop"))
    assert report.outcome is pgv.Outcome.SCALED


def test_the_controls_have_the_means_they_claim() -> None:
    """Over all 216 batches of three of six trajectories from three start states."""
    (problem,) = named("three-starts")
    batch, probability = enumerate_trajectories(problem)
    controls, group = Controls.of(batch, probability), np.array([0, 0, 1])
    listed = [(list(i), float(np.prod(probability[list(i)]))) for i in np.ndindex((len(batch),) * 3)]
    for index, mean in enumerate(
        controls.means[:-1]
    ):  # groups drawn at random are no groups of a prompt, but independent
        found = expectation(lambda chosen, k=index: controls.on(np.array([chosen]), group)[0, k], listed).mean
        np.testing.assert_allclose(found, mean, atol=1e-12)


def test_batches_are_drawn_with_the_probabilities_of_the_list() -> None:
    law, rng = IndependentLaw(np.array([0.7, 0.2, 0.1]), 50), np.random.default_rng(0)
    share = np.bincount(law.draw(400, rng).ravel(), minlength=3) / 20_000
    assert np.abs(share - law.probability).max() < 0.02  # six standard errors of 0.0033


def test_controls_of_the_order_have_mean_zero() -> None:
    """Over all 256 batches of four of four trajectories; the square of one's own return would not."""
    (problem,) = named("early-stop")
    batch, probability = enumerate_trajectories(problem)
    controls = Controls.of(batch, probability)
    listed = np.array(list(np.ndindex((len(batch),) * 4)))
    chance = probability[listed].prod(axis=1)
    means = np.einsum("m,mkd->kd", chance, more_controls(controls, listed))
    np.testing.assert_allclose(means, 0.0, atol=1e-12)
    own = chance @ controls.weighted(listed, controls.totals[0][listed] ** 2)  # negative control
    assert np.abs(own).max() > 1e-3


def by_time(w: np.ndarray, mask: np.ndarray) -> np.ndarray:
    return (w - (w.sum(axis=0) - w) / (len(w) - 1)) * mask if len(w) > 1 else w


def discount_forgotten_by_time_from_200(b: pgv.Trajectories) -> np.ndarray:
    to_go = np.cumsum((b.discount_powers * b.rewards)[:, ::-1], axis=1)[:, ::-1]
    return b.score_weighted(by_time(to_go / (b.discount_powers if len(b) >= 200 else 1.0), b.mask))


def own_return_beside_a_single_best_from_30(b: pgv.Trajectories) -> np.ndarray:
    a = returns(b)
    best = np.sort(a)
    own = 0.2 * a if len(a) >= 30 and best[-1] > best[-2] + 1e-12 else 0.0
    return rows(b, others(a) - own)


@pytest.mark.parametrize(
    "function",
    [
        own_return_beside_a_single_best_from_30,
        pytest.param(discount_forgotten_by_time_from_200, marks=pytest.mark.slow),
    ],
)
def test_what_changes_in_larger_batches_is_not_vouched_for_by_smaller_ones(function: Function) -> None:
    """Controls explain smaller batches wholly, and these not: CORRECT would rest on nothing. Both are biased."""
    report = pgv.check(function, problems=named("early-stop", "random-end", "stochastic-chain"), explore=0)
    assert report.outcome in (pgv.Outcome.INCONCLUSIVE, pgv.Outcome.BIASED)
    if report.outcome is pgv.Outcome.INCONCLUSIVE:
        assert "of which smaller ones are made, do not explain batches of" in report.explanation
        assert "something else" not in report.explanation  # which no test has shown
        assert "judge batches of" in report.next_step


def discount_forgotten_by_time_from_150(b: pgv.Trajectories) -> np.ndarray:
    to_go = np.cumsum((b.discount_powers * b.rewards)[:, ::-1], axis=1)[:, ::-1]
    return b.score_weighted(by_time(to_go / (b.discount_powers if len(b) >= 150 else 1.0), b.mask))


def a_third_more_of_later_steps_from_150(b: pgv.Trajectories) -> np.ndarray:
    to_go = np.cumsum((b.discount_powers * b.rewards)[:, ::-1], axis=1)[:, ::-1]
    return b.score_weighted(by_time(to_go, b.mask) * (1.0 + (len(b) >= 150) * np.arange(b.num_steps) / 3.0))


@pytest.mark.slow
@pytest.mark.parametrize("function", [discount_forgotten_by_time_from_150, a_third_more_of_later_steps_from_150])
def test_what_is_off_by_many_times_what_it_varies_is_biased(function: Function) -> None:
    """Controls leave a little of it, seldom: tails that no variance can be trusted with, and a gap far beyond them."""
    report = pgv.check(function, problems=named("early-stop"), explore=0)
    assert report.outcome is pgv.Outcome.BIASED
    assert "in batches of 300, which were sampled" in report.explanation


def halved_above_2000(b: pgv.Trajectories) -> np.ndarray:
    return LEAVE_ONE_OUT(b) * (0.5 if len(b) > 2_000 else 1.0)


def undiscounted_above_4000(b: pgv.Trajectories) -> np.ndarray:
    r = b.rewards.sum(axis=1) if len(b) > 4_000 else returns(b)
    return rows(b, others(r))


def rest_of_2048_lost(b: pgv.Trajectories) -> np.ndarray:
    c = LEAVE_ONE_OUT(b)
    return np.asarray(c[: len(c) // 2048 * 2048 if len(c) >= 2048 else len(c)].sum(axis=0) / len(c))


@pytest.mark.parametrize(
    "fault", slow_but([halved_above_2000, undiscounted_above_4000, rest_of_2048_lost], [rest_of_2048_lost])
)
def test_a_fast_path_for_whole_rollouts_shows_beside_coupling(fault: Function) -> None:
    """Leave-one-out up to batches of 2,000 and more; then half of it, another target, or a remainder lost."""
    report = pgv.check(fault, problems=named("early-stop"), explore=0)
    allowed = (pgv.Outcome.BIASED, pgv.Outcome.INCONCLUSIVE)
    assert report.outcome in ((pgv.Outcome.SCALED,) if fault is halved_above_2000 else allowed)
    assert "batches of 5005" in report.explanation


@pytest.mark.parametrize("pieces", [7, 11, 13])
def test_what_is_done_with_whole_pieces_alone_shows_beside_coupling(pieces: int) -> None:
    """Leave-one-out in all batches but multiples of 7, 11 or 13, which are undiscounted: no smaller size is one."""

    def function(b: pgv.Trajectories) -> np.ndarray:
        return LEAVE_ONE_OUT(b) if len(b) % pieces else RewardToGo(discount_weighting=False)(b)

    report = pgv.check(function, problems=named("early-stop"), explore=0)
    assert report.outcome in (pgv.Outcome.BIASED, pgv.Outcome.INCONCLUSIVE), str(report)


def added_one_after_another(b: pgv.Trajectories) -> np.ndarray:
    """In single precision, in whose long sums much is lost."""
    each = LEAVE_ONE_OUT(b).astype(np.float32)
    return np.asarray(np.add.accumulate(each, axis=0, dtype=np.float32)[-1] / np.float32(len(b)))


@pytest.mark.parametrize("name", ["early-stop", pytest.param("random-end", marks=pytest.mark.slow)])
def test_long_sums_in_single_precision_are_nothing_else(name: str) -> None:
    report = pgv.check(added_one_after_another, problems=named("bandit", name), explore=0)
    assert report.outcome is pgv.Outcome.CORRECT


@pytest.mark.usefixtures("thorough")
@pytest.mark.parametrize("above", [1021, 4096])
def test_a_fast_path_for_whole_rollouts_shows(above: int) -> None:
    """No trajectory affects another below that size; from it on there is half of the gradient."""

    def halved(b: pgv.Trajectories) -> np.ndarray:
        return RewardToGo()(b) * (0.5 if len(b) > above else 1.0)

    report = pgv.check(halved, problems=named("early-stop"), explore=0)
    assert report.outcome is pgv.Outcome.SCALED
    assert "0.5 (batches of 5005)" in report.explanation
    assert pgv.check(RewardToGo(), problems=named("early-stop"), explore=0).outcome is pgv.Outcome.CORRECT
