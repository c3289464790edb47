"""Rewards of 1e6 + O(1): right functions are CORRECT, wrong ones are not, and float32 inside is not accused."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from single_styles import with_values as weights_in_single

import pgverify as pgv
from pgverify.checking.calling.alarm import Alarm
from pgverify.checking.calling.implementation import LimitedFunction
from pgverify.checking.exhaustive.judged_finely import hides
from pgverify.checking.exhaustive.moves_smoothly import OF_SINGLE_AT_LEAST, SMOOTH, roughness

pytestmark = pytest.mark.usefixtures("unchecked_shapes")
Array = np.ndarray
Function = Callable[[pgv.Trajectories], Array]
SUITE = {entry.name: entry.problem for entry in pgv.suites.get("standard")}
OFFSETS = (0.0, 1e4, 1e6, 1e8)


def shifted(name: str, offset: float) -> pgv.Problem:
    """Return a problem of the suite with every reward that much larger; where lengths are fixed, ∇J is as before."""
    mdp = SUITE[name].mdp
    running = ~mdp.terminal.reshape(-1, *(1,) * (mdp.paid.ndim - 1))
    return replace(SUITE[name], mdp=mdp.with_rewards(mdp.paid + offset * running))


def checked(function: Function, offset: float, *names: str) -> pgv.Report:
    return pgv.check(function, problems=[shifted(name, offset) for name in names or ("bandit", "three-starts")])


def paid(batch: pgv.Trajectories) -> Array:
    return batch.discount ** np.arange(batch.num_steps) * np.where(batch.mask, batch.rewards, 0.0)


def to_go(batch: pgv.Trajectories) -> Array:
    return np.cumsum(paid(batch)[:, ::-1], axis=1)[:, ::-1]


def reversed_cumsum(batch: pgv.Trajectories) -> Array:
    return batch.score_weighted(to_go(batch))


def total_minus_past(batch: pgv.Trajectories) -> Array:
    x = paid(batch)
    return batch.score_weighted(x.sum(axis=1, keepdims=True) - np.cumsum(x, axis=1) + x)


def loops(batch: pgv.Trajectories) -> Array:
    weights = np.zeros(batch.rewards.shape)
    for i in range(len(batch)):
        gain = 0.0
        for t in reversed(range(batch.lengths[i])):
            gain = batch.rewards[i, t] + batch.discount * gain
            weights[i, t] = gain * batch.discount**t
    return batch.score_weighted(weights)


def matrix_product(batch: pgv.Trajectories) -> Array:
    return batch.score_weighted(paid(batch) @ np.tril(np.ones((batch.num_steps,) * 2)))


def less_values(batch: pgv.Trajectories) -> Array:
    return batch.score_weighted(to_go(batch) - batch.discount ** np.arange(batch.num_steps) * batch.values[:, :-1])


def as_autodiff(batch: pgv.Trajectories) -> Array:
    """Σ_t w 1_a, less π times Σ_t w: two sums that cancel."""
    assert isinstance(batch.policy, pgv.SoftmaxPolicy)
    weights, logits = np.where(batch.mask, to_go(batch), 0.0), batch.policy.logits
    chance = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    state, action = (np.eye(size) for size in logits.shape)
    states = batch.states[:, :-1]
    chosen = np.einsum("nt,nts,nta->nsa", weights, state[states], action[batch.actions])
    return (chosen - np.einsum("nt,nts->ns", weights, state[states])[..., None] * chance).reshape(len(batch), -1)


def leave_one_out(batch: pgv.Trajectories) -> Array:
    total = paid(batch).sum(axis=1)
    others = (total.sum() - total) / max(len(batch) - 1, 1)
    return batch.score_weighted((total - others)[:, None] * np.ones(batch.rewards.shape))


def without_the_discount(batch: pgv.Trajectories) -> Array:
    rewards = np.where(batch.mask, batch.rewards, 0.0)
    return batch.score_weighted(np.cumsum(rewards[:, ::-1], axis=1)[:, ::-1])


def rewards_a_step_late(batch: pgv.Trajectories) -> Array:
    x = paid(batch)
    x[:, :-1], x[:, -1] = x[:, 1:].copy(), 0.0
    return batch.score_weighted(np.cumsum(x[:, ::-1], axis=1)[:, ::-1])


def a_thousandth_for_an_action(batch: pgv.Trajectories) -> Array:
    more = np.where(batch.mask, paid(batch) + 1e-3 * (batch.actions == 1), 0.0)
    return batch.score_weighted(np.cumsum(more[:, ::-1], axis=1)[:, ::-1])


def immediate_rewards(batch: pgv.Trajectories) -> Array:
    return batch.score_weighted(paid(batch))


def weights_rounded(batch: pgv.Trajectories) -> Array:
    return batch.score_weighted(to_go(batch).astype(np.float32).astype(float))


RIGHT = (reversed_cumsum, total_minus_past, loops, matrix_product, less_values, as_autodiff, leave_one_out)
WRONG = (without_the_discount, rewards_a_step_late, a_thousandth_for_an_action, immediate_rewards)


@pytest.mark.parametrize("function", RIGHT)
def test_right_functions_are_correct_at_every_offset(function: Function) -> None:
    for offset in OFFSETS if function is reversed_cumsum else OFFSETS[3:]:
        report = checked(function, offset)
        assert report.outcome is pgv.Outcome.CORRECT, f"{offset:g}: {report}"


@pytest.mark.parametrize("function", WRONG)
def test_wrong_functions_are_none_at_any_offset_and_no_multiple(function: Function) -> None:
    problems = ("three-starts", "delayed-reward" if function is without_the_discount else "coin-door")
    for offset in OFFSETS[1:] if function is without_the_discount else OFFSETS[2:3]:
        report = checked(function, offset, *problems)
        assert report.outcome in (pgv.Outcome.BIASED, pgv.Outcome.OTHER_TARGET), f"{offset:g}: {report}"
        assert "sign" not in report.explanation
        assert "policy_gradient on every" not in report.explanation.replace("undiscounted_policy_gradient", "")


def test_a_multiple_and_a_wrong_sign_are_told_at_an_offset() -> None:
    twice = checked(lambda batch: 2.0 * reversed_cumsum(batch), 1e8, "three-starts", "coin-door")
    assert twice.outcome is pgv.Outcome.SCALED
    assert "is 2 times the target" in twice.explanation
    assert "the sign is reversed" in checked(lambda batch: -reversed_cumsum(batch), 1e8).explanation


@pytest.mark.parametrize("function", [weights_rounded, weights_in_single])
def test_single_precision_inside_is_not_accused_of_what_it_rounds(function: Function) -> None:
    report = checked(function, 1e7, "three-starts", "near-deterministic")
    assert report.outcome is not pgv.Outcome.BIASED, str(report)


def test_coupled_batches_that_are_too_many_are_sampled_as_finely() -> None:
    report = checked(leave_one_out, 1e6, "coin", "many-states")
    assert report.outcome is pgv.Outcome.CORRECT, str(report)


@pytest.mark.parametrize("offset", OFFSETS)
def test_double_and_single_precision_are_told_apart(offset: float) -> None:
    def rough(function: Function) -> float:
        with Alarm(10.0) as alarm:
            limited = LimitedFunction(function, False, alarm)
            return roughness(limited, shifted("three-starts", offset), lambda whole: whole.select([0, -2]))

    for function in RIGHT[:-1]:
        assert rough(function) <= SMOOTH
    assert rough(weights_rounded) > OF_SINGLE_AT_LEAST


def test_nothing_of_the_standard_suite_is_judged_otherwise_than_before() -> None:
    assert not any(hides(problem, "policy_gradient", 1) for problem in SUITE.values())
    assert hides(shifted("three-starts", 1e6), "policy_gradient", 1)


def test_what_cannot_be_moved_is_judged_within_the_usual_limits() -> None:
    """Real actions on nodes: rewards are known there alone, so that no other parameters can be tried."""
    problem = next(entry.problem for entry in pgv.suites.get("continuous") if entry.name == "sine-bandit")
    far = replace(problem, mdp=problem.mdp.with_rewards(problem.mdp.paid + 1e7))
    for factor in (1.0, 1.3):
        report = pgv.check(lambda batch, by=factor: by * pgv.estimators.RewardToGo()(batch), problems=far)
        assert report.outcome is pgv.Outcome.INCONCLUSIVE, report


def more_where_returns_differ(batch: pgv.Trajectories) -> Array:
    """Right on trajectories that are alike; else action 0 has .3 more, which the gradient of Σ r is not free of."""
    more = 0.3 * (batch.actions == 0) * (np.ptp(paid(batch).sum(axis=1)) > 0.0)
    return batch.score_weighted(to_go(batch) + more)


def more_in_fours(batch: pgv.Trajectories) -> Array:
    """Likewise in batches of four and more."""
    return batch.score_weighted(to_go(batch) + 0.3 * (batch.actions == 0) * (len(batch) >= 4))


def less_in_the_last_row(batch: pgv.Trajectories) -> Array:
    """The last row of a batch of two has .4 less where action 0 was taken: the order matters, by a millionth."""
    less = 0.4 * (batch.actions == 0)
    less[:-1] = 0.0
    return batch.score_weighted(to_go(batch) - less * (len(batch) > 1))


COUPLED = (more_where_returns_differ, more_in_fours, less_in_the_last_row)
DESIGNS = (None, pgv.Independent(sizes=(4,)), pgv.Grouped(size=2, prompts=2))


@pytest.mark.parametrize("function", COUPLED)
@pytest.mark.parametrize("design", DESIGNS)
def test_a_coupling_far_smaller_than_the_estimates_is_seen(function: Function, design: pgv.Independent | None) -> None:
    """E[.3 Σ_t 1{a_t = 0} ψ_t] is as large as ∇J; beside rewards of 1e7 it is 1e-8 of the estimates."""
    problems = [shifted(name, 1e7) for name in ("bandit", "three-starts")]
    report = pgv.check(function, problems=problems, design=design)
    assert report.outcome is pgv.Outcome.BIASED, str(report)


@pytest.mark.parametrize("function", [reversed_cumsum, loops, as_autodiff, leave_one_out, less_values])
@pytest.mark.parametrize("design", DESIGNS[1:])
def test_right_functions_are_correct_in_batches_of_a_design(function: Function, design: pgv.Independent) -> None:
    problems = [shifted(name, 1e8) for name in ("bandit", "three-starts")]
    report = pgv.check(function, problems=problems, design=design)
    assert report.outcome is pgv.Outcome.CORRECT, str(report)
    assert "could hide" not in report.explanation


@pytest.mark.parametrize("function", [rewards_a_step_late, a_thousandth_for_an_action])
def test_wrong_functions_are_none_in_batches_of_a_design(function: Function) -> None:
    problems = [shifted(name, 1e6) for name in ("three-starts", "coin-door")]
    report = pgv.check(function, problems=problems, design=pgv.Independent(sizes=(3,)))
    assert report.outcome is pgv.Outcome.BIASED, str(report)


def per_decision(batch: pgv.Trajectories) -> Array:
    found = np.cumprod(np.where(batch.mask, batch.importance, 1.0), axis=1) * paid(batch)
    return batch.score_weighted(np.cumsum(found[:, ::-1], axis=1)[:, ::-1])


def with_the_squared_ratio(batch: pgv.Trajectories) -> Array:
    return batch.score_weighted(to_go(batch) * (np.where(batch.mask, batch.importance, 1.0) ** 2).prod(axis=1)[:, None])


def a_little_more_of_action_0(batch: pgv.Trajectories) -> Array:
    return per_decision(batch) + 0.1 * batch.score_weighted(1.0 * (batch.actions == 0))


@pytest.mark.parametrize("function", [per_decision, with_the_squared_ratio, a_little_more_of_action_0])
def test_functions_of_other_peoples_data_are_told_apart_at_an_offset(function: Function) -> None:
    """Estimates are a million times the gradient there: an error of a tenth of it is nothing beside them."""
    acting = pgv.SoftmaxPolicy([[0.6, -0.2, 0.1]])
    report = pgv.check(function, problems=shifted("bandit", 1e6), acting=acting)
    expected = pgv.Outcome.CORRECT if function is per_decision else pgv.Outcome.BIASED
    assert report.outcome is expected, str(report)
