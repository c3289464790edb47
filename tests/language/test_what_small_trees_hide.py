"""Groups too many for the usual trees: later tokens are seen by samples, orders by lists, multiples by both."""

from __future__ import annotations

import numpy as np
import pytest

import pgverify as pgv

pytestmark = pytest.mark.usefixtures("unchecked_shapes")  # every loss is called thousands of times


def weighed(b, weights):
    """Return −Σ w log π / B, and its derivative with w constant."""
    weights = weights * b.mask / len(b.rewards)
    return -(weights * b.log_probs).sum(), -weights


def of_the_batch(b):
    """R less the mean of all others in the batch: ∇E[R], and every group affects every other."""
    size = len(b.rewards)
    return (size * b.rewards - b.rewards.sum())[:, None] / (size - 1)


def of_the_group(b):
    size = int((b.group == 0).sum())
    groups = b.rewards.reshape(-1, size)
    return ((size * groups - groups.sum(axis=1, keepdims=True)) / (size - 1)).reshape(-1, 1)


def two_tokens(b):
    return np.arange(b.mask.shape[1]) < 2


def twice_when_long(b):
    return 1.0 + (b.mask.sum(axis=1, keepdims=True) > 2)


def verdict(advantage, factor=None, **design):
    return pgv.check_lm(
        lambda b: weighed(b, advantage(b) * (1.0 if factor is None else factor(b))), framework="numpy", **design
    )


@pytest.mark.parametrize(
    ("advantage", "group_size"), [(of_the_batch, 6), pytest.param(of_the_group, 32, marks=pytest.mark.slow)]
)
@pytest.mark.parametrize("factor", [two_tokens, twice_when_long])
def test_what_befalls_the_third_token_is_seen(advantage, group_size, factor):
    """Only trees of two tokens can be listed, on which both factors are 1: CORRECT, before one of three was sampled."""
    report = verdict(advantage, factor, group_size=group_size)
    assert report.outcome is pgv.Outcome.BIASED
    assert report.evidence == "sampled"
    assert "whose completions are longer" in report.explanation


def test_the_right_loss_is_correct_there_and_says_what_was_drawn():
    report = verdict(of_the_batch, group_size=6)
    assert report.outcome is pgv.Outcome.CORRECT
    assert report.evidence == "exhaustive"
    assert "on graded, drawn, a bias above" in report.explanation
    assert [tree.listed for tree in report.scope.trees] == [True, True, True, False]


@pytest.mark.parametrize("extra", [0.0, 1.0])
def test_multiples_and_other_targets_are_held_against_the_samples(extra):
    """The own mean gives (1 − 1/G) ∇E[R]; a third of the long completions' weight more is no multiple of it."""

    def own_mean(b):
        return of_the_batch(b) * (1 - 1 / len(b.rewards)) * (1.0 + extra * (b.mask.sum(axis=1, keepdims=True) > 2))

    report = verdict(own_mean, group_size=6)
    assert report.outcome is (pgv.Outcome.BIASED if extra else pgv.Outcome.SCALED)


def running_mean(b):
    """R less the mean of the rows before: each row's baseline is independent of it, and rows are ordered."""
    before = np.cumsum(b.rewards)[:-1] / np.arange(1, len(b.rewards))
    return (b.rewards - np.concatenate([[0.0], before]))[:, None]


def running_mean_with_itself(b):
    """Row k (from 1) has (1 − 1/k) ∇E[R]: of four (0 + 1/2 + 2/3 + 3/4)/4 = 23/48."""
    return (b.rewards - np.cumsum(b.rewards) / np.arange(1, len(b.rewards) + 1))[:, None]


def misaligned(b):
    """Means of groups tiled where each belongs to G rows in a row: with G = P = 2 half the rows have their own.

    Their own mean gives 1 − 1/2, another group's 1: (1/2 + 1)/2 = 3/4.
    """
    size = int((b.group == 0).sum())
    return (b.rewards - np.tile(b.rewards.reshape(-1, size).mean(axis=1), size))[:, None]


def first_group_twice(b):
    """With two prompts (2 + 1)/2, whichever comes first: groups do not affect each other, their places count."""
    return (b.rewards * (1.0 + (b.group == 0)))[:, None]


@pytest.mark.parametrize(
    ("advantage", "factor"),
    [(running_mean, 1.0), (running_mean_with_itself, 23 / 48), (misaligned, 0.75), (first_group_twice, 1.5)],
)
def test_orders_are_listed_where_they_are_few(advantage, factor):
    """Sampled before: INCONCLUSIVE, or BIASED where it is a multiple."""
    report = verdict(advantage, group_size=2)
    assert report.evidence == "exhaustive"
    assert report.scope.ordered
    if factor == 1.0:
        assert report.outcome is pgv.Outcome.CORRECT
    else:
        assert report.outcome is pgv.Outcome.SCALED
        assert report.estimand.factor == pytest.approx(factor, rel=1e-9)


def test_a_place_that_divides_by_lengths_is_no_multiple():
    report = verdict(lambda b: np.where(b.group == 0, 1.0 / b.mask.sum(axis=1), 1.0)[:, None] * b.rewards[:, None])
    assert report.outcome is pgv.Outcome.BIASED
    assert report.evidence == "exhaustive"


@pytest.mark.slow
def test_a_multiple_is_one_in_samples_too():
    """The own mean where a group has 128: (1 − 1/128) ∇E[R], of which the samples' controls leave no noise at all."""
    own = verdict(lambda b: of_the_group(b) * (1 - 1 / 128), group_size=128, prompts=1)
    assert own.outcome is pgv.Outcome.SCALED
    assert own.evidence == "sampled"
    assert "0.992 times" in own.explanation


def test_large_groups_are_not_listed_to_see_whether_they_affect_each_other():
    """Of 16 completions the largest tree has 74,613 groups: each was tried beside three others, which took minutes."""
    calls = []

    def counted(b):
        calls.append(1)
        return weighed(b, of_the_group(b))

    assert pgv.check_lm(counted, group_size=16, framework="numpy").outcome is pgv.Outcome.CORRECT
    assert len(calls) < 30_000
