"""Groups so large that no built-in tree can be listed beside itself: what lengths do must show all the same."""

from __future__ import annotations

import numpy as np
import pytest

import pgverify as pgv


def token_mean(batch, group_size):
    """Advantage less the group's mean, and the mean over the tokens of the batch: biased, for lengths are random."""
    rewards = batch.rewards.reshape(-1, group_size)
    advantage = (rewards - rewards.mean(axis=1, keepdims=True)).ravel()
    weights = advantage[:, None] * batch.mask / batch.mask.sum()
    return -(weights * batch.log_probs).sum(), -weights


def row_mean(batch, group_size):
    """The same over the completions: ∇E[R] times (1 − 1/G)."""
    rewards = batch.rewards.reshape(-1, group_size)
    advantage = (rewards - rewards.mean(axis=1, keepdims=True)).ravel()
    weights = advantage[:, None] * batch.mask / len(advantage)
    return -(weights * batch.log_probs).sum(), -weights


LARGE = [
    pytest.param(6, 2, marks=pytest.mark.slow),
    pytest.param(8, 2, marks=pytest.mark.slow),
    pytest.param(10, 2, marks=pytest.mark.slow),
    (3, 3),
]


@pytest.mark.usefixtures("unchecked_shapes")
@pytest.mark.parametrize(("group_size", "prompts"), LARGE)
def test_a_mean_over_tokens_is_seen(group_size, prompts):
    report = pgv.check_lm(
        lambda batch: token_mean(batch, group_size), group_size=group_size, prompts=prompts, framework="numpy"
    )
    assert report.outcome is pgv.Outcome.BIASED
    assert report.diagnosis == "length-per-batch"


@pytest.mark.slow
@pytest.mark.usefixtures("unchecked_shapes")
def test_what_the_lengths_do_not_matter_to_is_a_multiple():
    report = pgv.check_lm(lambda batch: row_mean(batch, 6), group_size=6, framework="numpy")
    assert report.outcome is pgv.Outcome.SCALED
    assert np.isclose(report.estimand.factor, 5 / 6)
