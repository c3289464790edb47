"""Losses that give two gradients of one batch, and losses that change beyond the groups on which they are judged."""

from __future__ import annotations

import numpy as np
import pytest

import pgverify as pgv

G = 4
pytestmark = pytest.mark.usefixtures("unchecked_shapes")  # every loss is called thousands of times


def weighed(b, weights):
    """Return −Σ w log π / B, and its derivative with w constant."""
    weights = weights * b.mask / len(b.rewards)
    return -(weights * b.log_probs).sum(), -weights


def others(b):
    groups = b.rewards.reshape(-1, G)
    return ((groups - groups.mean(axis=1, keepdims=True)) * G / (G - 1)).reshape(-1, 1)


def verdict(loss):
    return pgv.check_lm(loss, framework="numpy", group_size=G)


class RunningMean:
    """Reward minus a mean of earlier batches: unbiased given the state, and never the same twice."""

    def __init__(self, kept: float) -> None:
        self.kept, self.mean = kept, 0.0

    def __call__(self, b):
        advantages = (b.rewards - self.mean)[:, None]
        self.mean = self.kept * self.mean + (1 - self.kept) * float(b.rewards.mean())
        return weighed(b, advantages)


class EverySecond:
    """Every second call counts half as much again: an odd number of calls apart, it is another function."""

    def __init__(self) -> None:
        self.calls = 0

    def __call__(self, b):
        self.calls += 1
        return weighed(b, others(b) * (1 + 0.5 * (self.calls % 2)))


def test_a_running_mean_is_state_and_nothing_false_is_said_of_padding() -> None:
    """Before, its drift was taken for what other numbers on padding, another order and single precision change."""
    report = verdict(RunningMean(0.9))
    assert report.outcome is pgv.Outcome.INCONCLUSIVE
    assert "keeps state between calls" in report.explanation
    assert "state held" in report.next_step
    assert not report.invariants
    assert not any("padding" in warning for warning in report.warnings)
    assert "does not give the same gradient again" in str(report.scope)


def test_the_call_before_is_told_from_what_settles_down() -> None:
    report = verdict(RunningMean(0.0))
    assert report.outcome.good or report.outcome is pgv.Outcome.INCONCLUSIVE
    assert "the batch of the call before" in report.explanation
    assert any("share a batch through its state" in warning for warning in report.warnings)


def test_a_cycle_is_seen_and_its_mean_judged() -> None:
    """The mean factor is 1.25: BIASED by 25 %, as samples say; the cycle is named."""
    report = verdict(EverySecond())
    assert report.outcome is pgv.Outcome.BIASED
    assert "recur every 2 calls" in report.explanation


@pytest.mark.parametrize("whole", [True, False])
def test_rows_left_out_by_chance(whole: bool) -> None:
    """Each row with probability 1/2 and twice its weight is unbiased; without the weight it is half: off by 50 %."""
    rng = np.random.default_rng(0)

    def loss(b):
        kept = (rng.random((len(b.rewards), 1)) < 0.5) * (2.0 if whole else 1.0)
        return weighed(b, others(b) * kept)

    report = verdict(loss)
    assert "another gradient when asked again" in report.explanation
    assert report.outcome is (pgv.Outcome.INCONCLUSIVE if whole else pgv.Outcome.BIASED)
    assert not whole or "switch the randomness off" in report.next_step


def test_groups_beyond_the_second_are_missed_where_a_batch_has_six() -> None:
    """Two prompts are what it is judged on, and there it is right; the warning says where it is not."""

    def first_two(b):
        advantages = others(b)
        advantages[2 * G :] = 0.0
        return weighed(b, advantages)

    report = verdict(first_two)
    assert "2 prompts a batch" in str(report.scope)
    assert any("a batch of 6 groups is split" in warning for warning in report.warnings)
    right = verdict(lambda b: weighed(b, others(b)))
    assert right.outcome is pgv.Outcome.CORRECT
    assert not right.warnings
