"""The next step says what to look at: one trajectory, or the batch in which alone the fault shows."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import pgverify as pgv
from pgverify.checking.verdict.next_steps import UNNAMED, after_a_failed_call, next_step, one_batch

COIN = pgv.suites.get("standard")[0]
FEW = pgv.suites.get("off-policy")[2:4]


def to_go(batch: Any) -> Any:
    return np.cumsum(batch.rewards[:, ::-1], axis=1)[:, ::-1]


def several_faults(batch: Any) -> Any:
    """γ^t is left out, the mean of the batch includes the own return, and is squashed: nothing in the catalogue."""
    weights = to_go(batch)
    return batch.score_weighted(np.tanh(weights - weights.mean()))


def one_fault(batch: Any) -> Any:
    return batch.score_weighted(np.cumsum(batch.rewards, axis=1))


def test_a_batch_is_named_where_it_shows() -> None:
    step = next_step(pgv.Outcome.BIASED, "exhaustive", one_batch(2), named=False)
    assert step == f"compare one batch of 2 by hand, on the problem above{UNNAMED}"


@pytest.mark.slow
def test_what_shows_in_batches_is_compared_in_batches() -> None:
    report = pgv.check(several_faults, explore=0, problems=COIN)
    shown = report.smallest_failure
    assert report.outcome is pgv.Outcome.BIASED
    assert shown is not None
    assert shown.batch_size > 1
    assert report.next_step == f"compare one batch of {shown.batch_size} by hand, on the problem above{UNNAMED}"


def test_a_fault_with_a_name_shows_in_one_trajectory() -> None:
    """Negative control: no advice about parts where the cause is said, no batch where none is needed."""
    report = pgv.check(one_fault, explore=0, problems=pgv.suites.get("standard")[:3])
    assert report.diagnosis == "past-rewards"
    assert report.next_step == "compare one trajectory by hand, on the problem above"


@pytest.mark.parametrize("outcome", [o for o in pgv.Outcome if o is not pgv.Outcome.BIASED])
def test_other_verdicts_do_not_depend_on_it(outcome: pgv.Outcome) -> None:
    assert next_step(outcome, "exhaustive", one_batch(4), named=False) == next_step(outcome, "exhaustive")


def test_what_only_needs_longer_is_told_of_the_limit() -> None:
    assert "raise time_limit" in after_a_failed_call("did not return within the time limit of 10 s")
    assert after_a_failed_call("raised ValueError") == "call it on the input above"


def test_a_module_that_is_not_there_is_to_be_installed() -> None:
    raised = "on problem coin it raised ModuleNotFoundError: No module named 'torch.nn' on the batch s=[0]"
    assert after_a_failed_call(raised) == "install torch where pgverify runs, or pgverify where it is installed"


def test_a_group_is_what_shows_a_fault_of_a_group_loss() -> None:
    def squashed(b: Any) -> Any:
        rewards = b.rewards.reshape(-1, 2)
        advantage = np.tanh(rewards - rewards.mean(axis=1, keepdims=True)).ravel()
        weights = advantage[:, None] * b.mask / len(advantage)
        return -(weights * b.log_probs).sum(), -weights

    report = pgv.check_lm(squashed, group_size=2, framework="numpy")
    assert not report.outcome.good
    assert "one group of 2" in report.next_step or "one batch of 2 groups" in report.next_step


def test_a_claim_without_a_clip_names_the_usual_one() -> None:
    """`Surrogate()` has a clip of 0.2, the word alone has none: who says the word for PPO's is told."""
    claimed = pgv.check(clipped, problems=FEW, target="surrogate", explore=0)
    assert claimed.outcome is pgv.Outcome.OTHER_TARGET
    assert "surrogate(0.2)" in claimed.explanation
    assert pgv.check(clipped, problems=FEW, target="surrogate(0.2)", explore=0).outcome is pgv.Outcome.CORRECT


def clipped(batch: Any) -> Any:
    """PPO's by hand: nothing moves where the clip is active."""
    powers = batch.discount ** np.arange(batch.num_steps)
    advantage = np.cumsum((powers * batch.rewards)[:, ::-1], axis=1)[:, ::-1] / powers - batch.values[:, :-1]
    ratio = batch.importance
    held = np.where(advantage > 0.0, ratio > 1.2, ratio < 0.8)
    return batch.score_weighted(np.where(held, 0.0, powers * ratio * advantage) * batch.mask)


@pytest.mark.usefixtures("unchecked_shapes")
def test_an_update_that_may_follow_a_window_is_told_of_it() -> None:
    """One step, however long the episode, with a gift of 0.3: what ∇J is not, and no fault of the catalogue is."""

    def update(world):
        probabilities = world.problem.policy.probabilities()
        state, _ = world.env.reset()
        action = world.choose(probabilities[state])
        reward = world.env.step(action)[1]
        gradient = np.zeros_like(probabilities)
        gradient[state] -= (reward + 0.3 * action) * probabilities[state]
        gradient[state, action] += reward + 0.3 * action
        return gradient.ravel()

    table = next(each for each in pgv.suites.get("standard") if each.name == "early-stop")
    report = pgv.check(update, kind="agent", policy=lambda world: world.problem.policy, problems=table)
    assert report.outcome is pgv.Outcome.BIASED
    assert "window=pgv.agents.Window(" in report.next_step
