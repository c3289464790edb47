"""Losses of any size: a multiple is one however small, and so is a term beside a larger one."""

from __future__ import annotations

import numpy as np
import pytest

import pgverify as pgv
from pgverify.bugs.losses.written import others

pytestmark = pytest.mark.usefixtures("unchecked_shapes")  # every loss is called hundreds of times


def verdict(weights, **options):
    """Return the verdict on −Σ w log π, w constant."""

    def loss(b):
        w = weights(b) * b.mask / len(b.rewards)
        return -float((w * b.log_probs).sum()), -w

    return pgv.check_lm(loss, **{"framework": "numpy", "group_size": 3, "prompts": 1, **options})


@pytest.mark.parametrize("factor", [1e-5, 1e-9, 1e7])
def test_a_multiple_is_scaled_however_small(factor: float) -> None:
    """A sum over tokens divided by 64 prompts of 32,768 tokens is 5e-7 of it."""
    report = verdict(lambda b: factor * others(b))
    assert report.outcome is pgv.Outcome.SCALED, str(report)
    assert report.estimand.factor == pytest.approx(factor, rel=1e-9)


def test_a_small_bias_is_one_all_the_same() -> None:
    """Negative controls: small, and off; nothing at all; and what rounding leaves of nothing."""
    length = lambda b: np.asarray(b.mask).sum(axis=1, keepdims=True)  # noqa: E731
    off = verdict(lambda b: 1e-9 * others(b) / np.sqrt(length(b)))
    assert (off.outcome, off.diagnosis) == (pgv.Outcome.BIASED, "length-root")
    turned = verdict(lambda b: -1e-9 * others(b))
    assert (turned.outcome, turned.diagnosis) == (pgv.Outcome.BIASED, "sign-reversed")
    assert verdict(lambda b: 0.0 * others(b)).outcome is pgv.Outcome.NO_SIGNAL
    assert verdict(lambda b: 1e-15 * others(b) * (b.rewards > 0)[:, None]).outcome is pgv.Outcome.NO_SIGNAL


@pytest.mark.parametrize("coefficient", [1e-3, 1e-6])
def test_a_term_has_its_name_beside_a_larger_one(coefficient: float) -> None:
    def weights(b):
        return others(b) - coefficient * (b.log_probs - b.ref_log_probs)

    report = verdict(weights)
    assert report.outcome is pgv.Outcome.OTHER_TARGET, str(report)
    claim = f"policy_gradient + state_kl({coefficient:g})"
    assert f'target="{claim}"' in report.next_step
    assert verdict(weights, target=claim).outcome is pgv.Outcome.CORRECT
    reversed_ = verdict(lambda b: others(b) + coefficient * (b.log_probs - b.ref_log_probs), target=claim)
    assert reversed_.diagnosis == "kl-sign-reversed", str(reversed_)


def test_the_mean_of_a_batch_of_single_completions_has_its_law() -> None:
    """Each of B prompts once: (1 − 1/B) ∇J."""
    report = verdict(lambda b: (b.rewards - b.rewards.mean())[:, None], group_size=1, prompts=3)
    assert report.outcome is pgv.Outcome.SCALED
    assert "(1 − 1/B)" in report.explanation


def test_advantages_that_cancel_by_broadcasting_are_nothing_in_no_order() -> None:
    """Of A [B] times sums [B, 1] the mean is mean(A) times mean(S): what rounding leaves, in any order."""
    report = verdict(lambda b: np.full((len(b.rewards), 1), (b.rewards - b.rewards.mean() + 0.1 - 0.1).mean()))
    assert report.outcome is pgv.Outcome.NO_SIGNAL, str(report)
    assert report.evidence == "exhaustive"
    assert not report.scope.ordered


def test_lengths_that_multiply_are_no_ratio() -> None:
    """Where no ratio can show, a loss without one is not said to have one."""
    length = lambda b: np.asarray(b.mask).sum(axis=1, keepdims=True)  # noqa: E731
    report = verdict(lambda b: length(b) * others(b))
    assert (report.outcome, report.diagnosis) == (pgv.Outcome.BIASED, "length-multiplied"), str(report)
