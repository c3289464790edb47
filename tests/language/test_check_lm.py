"""check_lm on losses whose estimand is derived by hand; NumPy, so that the core environment runs them."""

from __future__ import annotations

import sys

import numpy as np
import pytest

import pgverify as pgv
from pgverify.errors import InvalidInput

G = 4
pytestmark = pytest.mark.usefixtures("unchecked_shapes")  # every loss is called hundreds of times


def verdict(loss, **options):
    return pgv.check_lm(loss, **{"framework": "numpy", "group_size": G, "prompts": 2, **options})


def own_mean(b):
    groups = b.rewards.reshape(-1, G)
    return (groups - groups.mean(axis=1, keepdims=True)).reshape(-1, 1)


def others(b):
    return own_mean(b) * G / (G - 1)


def group_spread(b):
    return b.rewards.reshape(-1, G).std(axis=1).repeat(G)[:, None]


def weighed(b, weights):
    """Return −Σ w log π, and its derivative with w constant."""
    weights = weights * b.mask
    return -(weights * b.log_probs).sum(), -weights


def rloo(b):
    return weighed(b, others(b) / len(b.rewards))


def test_leave_one_out_is_correct_and_its_value_alone_is_too() -> None:
    """A is no function of θ, so that the difference quotient of the value is the gradient."""
    assert verdict(rloo).outcome is pgv.Outcome.CORRECT
    assert verdict(lambda b: rloo(b)[0], prompts=1).outcome is pgv.Outcome.CORRECT


@pytest.mark.parametrize(("group_size", "factor"), [(2, 1 / 2), (4, 3 / 4)])
def test_own_mean_is_one_minus_one_over_g(group_size: int, factor: float) -> None:
    """E[(R − R̄)Ψ] = (1 − 1/G) ∇J, for E[R_j Ψ_i] = 0."""

    def loss(b):
        groups = b.rewards.reshape(-1, group_size)
        return weighed(b, (groups - groups.mean(axis=1, keepdims=True)).reshape(-1, 1) / len(b.rewards))

    report = verdict(loss, group_size=group_size)
    assert report.outcome is pgv.Outcome.SCALED
    assert report.estimand.factor == pytest.approx(factor, rel=1e-9)
    assert "(1 − 1/G)" in report.explanation


def test_each_length_is_another_target_by_name() -> None:
    report = verdict(lambda b: weighed(b, others(b) / b.mask.sum(axis=1, keepdims=True) / len(b.rewards)))
    assert report.outcome is pgv.Outcome.OTHER_TARGET
    assert report.estimand.formula == "∇E[(R − sg V)/L]"
    assert report.diagnosis == "length-per-trajectory"
    assert report.angle > 1


def test_the_sign_is_seen() -> None:
    report = verdict(lambda b: tuple(-x for x in rloo(b)))
    assert report.outcome is pgv.Outcome.BIASED
    assert "sign" in report.explanation


def test_groups_that_affect_each_other_are_all_listed() -> None:
    """Two groups of 35 multisets each: 35² batches; the divisor is random, so that the mean over tokens is biased."""
    report = verdict(lambda b: weighed(b, others(b) / b.mask.sum()))
    assert report.outcome is pgv.Outcome.BIASED
    assert report.scope.coupled
    assert report.scope.trees[0].batches == 35**2
    assert report.diagnosis == "length-per-batch"
    assert any("split in two" in str(result) for result in report.invariants if not result.holds)


def test_a_ratio_at_one_is_said_to_be_one() -> None:
    def squared(b):
        return weighed(b, np.exp(2 * (b.log_probs - b.old_log_probs)) * others(b) / len(b.rewards))

    report = verdict(squared)
    assert report.outcome is pgv.Outcome.CORRECT
    assert not report.scope.ratios
    assert "every ratio to π_old is 1" in str(report.scope)
    assert any('sampler="old"' in warning for warning in report.warnings)
    assert verdict(squared, sampler="old", target="surrogate").outcome is pgv.Outcome.BIASED


def of_tokens(term):
    """Return the loss −Σ mask · term(log ρ, A)/B, differentiated token by token by central differences."""

    def loss(b):
        x, step = b.log_probs - b.old_log_probs, 1e-5
        value = -(term(x, others(b)) * b.mask).sum() / len(b.rewards)
        slope = (term(x + step, others(b)) - term(x - step, others(b))) / (2 * step)
        return value, -slope * b.mask / len(b.rewards)

    return loss


def clipped(low=0.8, high=1.2, choose=np.minimum):
    """Return choose(ρA, clip(ρ)A)."""
    return of_tokens(lambda x, a: choose(np.exp(x) * a, np.clip(np.exp(x), low, high) * a))


RATIO_FAULTS = {
    "ppo-max-for-min": clipped(choose=np.maximum),
    "clip-lower-only": clipped(high=np.inf),
    "clip-upper-only": clipped(low=-np.inf),
    "clip-range-not-around-one": clipped(low=0.2),
    "clip-before-advantage": of_tokens(lambda x, a: np.minimum(np.exp(x), np.clip(np.exp(x), 0.8, 1.2)) * a),
    "clip-without-min": of_tokens(lambda x, a: np.clip(np.exp(x), 0.8, 1.2) * a),
    "ratio-squared": of_tokens(lambda x, a: np.exp(2 * x) * a),
    "ratio-missing": of_tokens(lambda x, a: x * a),
    "log-rho-swapped": of_tokens(lambda x, a: np.exp(-x) * a),
}


@pytest.mark.parametrize("slug", RATIO_FAULTS)
def test_ratio_faults_are_told_apart(slug: str) -> None:
    report = verdict(RATIO_FAULTS[slug], sampler="old", target="surrogate", prompts=1)
    assert not report.outcome.good
    assert (
        report.diagnosis in (slug, "clip-upper-only")
        if slug == "clip-range-not-around-one"
        else (report.diagnosis == slug)
    )


def test_the_clipped_surrogate_is_correct_with_each_side_active() -> None:
    report = verdict(clipped(), sampler="old", target="surrogate", prompts=1)
    assert report.outcome is pgv.Outcome.CORRECT
    assert min(min(tree.clipped_low, tree.clipped_high) for tree in report.scope.trees) >= 0.1


@pytest.mark.parametrize(
    ("loss", "said"),
    [
        (
            lambda b: weighed(b, own_mean(b) / b.rewards.reshape(-1, G).std(1).repeat(G)[:, None]),
            "all rewards of a group",
        ),
        (lambda b: b.reference_log_probs.sum(), "ref_log_probs"),
        (lambda b: np.nan * b.log_probs.sum(), "nan"),
        (lambda b: b.log_probs, "take its mean or its sum"),
        (lambda _: (0.0, np.zeros(3)), "shape"),
        (lambda _: sys.exit(0), "SystemExit"),
    ],
)
def test_what_cannot_be_judged_is_invalid_in_one_sentence(loss, said: str) -> None:
    report = verdict(loss)
    assert report.outcome is pgv.Outcome.INVALID
    assert said in report.explanation
    assert "\n" not in report.explanation


def test_no_signal() -> None:
    assert verdict(lambda b: float(b.rewards.mean())).outcome is pgv.Outcome.NO_SIGNAL


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"group_size": 1, "target": "surrogate"}, "at least 2 for leave-one-out"),
        ({"group_size": 0}, "group_size"),
        ({"prompts": 0}, "prompts"),
        ({"sampler": "new"}, "sampler"),
        ({"framework": "tensorflow"}, "framework"),
        ({"target": "surogate"}, "surrogate"),
        ({"target": 3}, "pgv.targets"),
        ({"target": "entropy(x)"}, "must be a number"),
    ],
)
def test_a_wrong_call_is_refused(options, said: str) -> None:
    with pytest.raises(InvalidInput, match=said):
        verdict(rloo, **options)


def test_a_framework_that_is_not_installed_is_named(monkeypatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "torch", None)
    with pytest.raises(InvalidInput, match="pip install"):
        pgv.check_lm(rloo, framework="torch")


def test_the_kl_term_without_gradient_is_named() -> None:
    def loss(b):
        value, gradient = rloo(b)
        penalty = 0.1 * ((b.log_probs - b.ref_log_probs) * b.mask).sum() / len(b.rewards)
        return value + penalty, gradient + 0.1 * b.mask / len(b.rewards)

    report = verdict(loss)
    assert report.outcome is pgv.Outcome.CORRECT
    assert any("KL term has no gradient" in warning for warning in report.warnings)


def test_k2_is_the_kl_of_tokens_with_the_states_held() -> None:
    """∇x²/2 = xψ, and E_s Σ_a π x ψ = ∇KL(π‖ref) at s."""

    def loss(b):
        x = (b.log_probs - b.ref_log_probs) * b.mask
        value, gradient = rloo(b)
        return value + 0.05 * (x**2).sum() / len(b.rewards), gradient + 0.1 * x / len(b.rewards)

    assert verdict(loss, target="policy_gradient + state_kl(0.1)").outcome is pgv.Outcome.CORRECT
    assert verdict(loss, target="policy_gradient + sequence_kl(0.1)").outcome is pgv.Outcome.OTHER_TARGET


def test_the_report_is_data() -> None:
    report = verdict(rloo, prompts=1)
    assert '"pgverify-loss-report"' in report.to_json()
    assert report.explanation in report._repr_html_()
    report.raise_if_faulty()
