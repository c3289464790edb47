"""Batches of a design that are sampled: what can be settled is, and a multiple stays a multiple."""

from __future__ import annotations

import numpy as np
import pytest

import pgverify as pgv

pytestmark = pytest.mark.usefixtures("unchecked_shapes")


def totals(batch: pgv.Trajectories) -> np.ndarray:
    return np.asarray((batch.rewards * batch.discount_powers).sum(axis=1))


def whole(batch: pgv.Trajectories, weight: np.ndarray) -> np.ndarray:
    return batch.score_weighted(np.repeat(weight[:, None], batch.num_steps, axis=1))


def less_own_mean(batch: pgv.Trajectories) -> np.ndarray:
    """(n − 1)/n times the gradient: E[ψ_i R_i]/n is taken off."""
    return whole(batch, totals(batch) - totals(batch).mean())


def more_in_24(batch: pgv.Trajectories) -> np.ndarray:
    """Leave-one-out, n/(n − 1) times what is above; a hundredth more in batches of 24."""
    return less_own_mean(batch) * len(batch) / (len(batch) - 1) * (1.01 if len(batch) == 24 else 1.0)


@pytest.mark.parametrize(
    ("function", "sizes", "words"),
    [
        pytest.param(less_own_mean, (32,), "0.96875 times the target"),
        pytest.param(more_in_24, (12, 24), "1 times the target in batches of 12; 1.01", marks=pytest.mark.slow),
    ],
)
def test_a_multiple_that_samples_show_is_no_bias_where_the_target_is_zero(
    function: object, sizes: tuple[int, ...], words: str
) -> None:
    """Problems beyond the suite, narrowed until batches can be listed, may have no gradient at all."""
    report = pgv.check(function, design=pgv.Independent(sizes=sizes))
    assert report.outcome is pgv.Outcome.SCALED, str(report)
    assert words in report.explanation


@pytest.mark.parametrize("size", [pytest.param(6, marks=pytest.mark.slow), 8])
def test_a_multiple_on_two_arms_is_no_bias_and_no_other_target_where_the_other_problem_has_no_gradient(
    size: int,
) -> None:
    """Of coupled batches of 6 to 9 those of coin can be listed, and of constant-reward, where ∇J = 0: neither tells.

    On coin 7/8 of ∇J is the gradient of rewards clipped to ±1 as well: (1 + 0.4)/(1.2 + 0.4) = 7/8.
    """
    report = pgv.check(less_own_mean, design=pgv.Independent(sizes=(size,)), explore=0)
    assert report.outcome is pgv.Outcome.SCALED, str(report)
    assert f"{1.0 - 1.0 / size:.6g} times the target" in report.explanation
    assert report.diagnosis != "reward-clipped"


def more_on_longer_episodes(batch: pgv.Trajectories) -> np.ndarray:
    return whole(batch, (totals(batch) - totals(batch).mean()) * (1.0 + 0.5 * (batch.lengths > 1)))


@pytest.mark.slow
def test_what_is_a_multiple_on_two_arms_alone_is_biased() -> None:
    report = pgv.check(more_on_longer_episodes, design=pgv.Independent(sizes=(8,)), explore=0)
    assert report.outcome is pgv.Outcome.BIASED


def undiscounted_unless_first_two_begin_alike(batch: pgv.Trajectories) -> np.ndarray:
    """Right where there is one start; with two, half of all batches are the gradient of Σ r."""
    powers = batch.discount_powers if batch.states[0, 0] == batch.states[1, 0] else np.ones(batch.num_steps)
    paid = batch.rewards * powers
    return batch.score_weighted(np.cumsum(paid[:, ::-1], axis=1)[:, ::-1])


def test_what_rare_trajectories_may_add_does_not_take_the_rows_of_what_can_be_settled() -> None:
    """The rarest of 80 trajectories are in few batches: what seems to be off there cannot be shown, elsewhere it is."""
    report = pgv.check(
        undiscounted_unless_first_two_begin_alike,
        problems=pgv.suites.get("standard")[:10],
        design=pgv.Independent(sizes=(64,)),
    )
    assert report.outcome is pgv.Outcome.BIASED, str(report)


@pytest.mark.parametrize("scale", [1.0, 1e-6, 1e-9])
def test_rewards_of_a_millionth_are_settled_by_samples_where_pairs_are_too_many(scale: float) -> None:
    """128 trajectories have 16,384 pairs. Sums of scores, which do not shrink, say nothing of what rounding leaves."""
    chain = [[[0.7, 0.3], [0.2, 0.8]], [[0.4, 0.6], [0.9, 0.1]]]
    mdp = pgv.TabularMDP([0.6, 0.4], chain, scale * np.array([[1.0, -0.5], [0.3, 2.0]]))
    problem = pgv.Problem(mdp, pgv.SoftmaxPolicy([[0.2, -0.4], [0.5, 0.1]]), pgv.FiniteHorizon(3, 0.9))

    def leave_one_out(batch: pgv.Trajectories) -> np.ndarray:
        return less_own_mean(batch) * len(batch) / (len(batch) - 1) if len(batch) > 1 else whole(batch, totals(batch))

    report = pgv.check(leave_one_out, problems=problem)
    assert report.outcome is pgv.Outcome.CONSISTENT, str(report)
