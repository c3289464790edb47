"""Faults that meet: tokens left out or counted beside divisors, ε of any size, clips of any range, and few digits."""

from __future__ import annotations

import numpy as np
import pytest

import pgverify as pgv
from pgverify.bugs.losses.complex_step import ByComplexStep, clipped, lesser
from pgverify.bugs.losses.written import mean_of_sums, others, own_mean, ratio, rloo

pytestmark = pytest.mark.usefixtures("unchecked_shapes")  # every loss is called hundreds of times

G = 3


def verdict(loss, **options):
    return pgv.check_lm(loss, **{"framework": "numpy", "group_size": G, "prompts": 1, **options})


def weighed(weights):
    """Return the loss −Σ w log π with its derivative, w constant."""

    def loss(b):
        w = np.broadcast_to(weights(b), np.shape(b.mask)) * 1.0
        return -float((w * b.log_probs).sum()), -w

    return loss


def divided(ddof=1, epsilon=1e-6, under_root=False):
    """Return the advantages (R − mean)/(σ + ε), or over √(σ² + ε)."""

    def advantages(b):
        sigma = b.rewards.reshape(-1, G).std(axis=1, ddof=ddof).repeat(G)[:, None]
        return own_mean(b) / (np.sqrt(sigma**2 + epsilon) if under_root else sigma + epsilon)

    return advantages


def place(b):
    return np.arange(np.shape(b.mask)[1])


def length(b):
    return np.asarray(b.mask).sum(axis=1, keepdims=True)


def without_end(b):
    return (place(b) < length(b) - 1) * 1.0


def everything(b):
    return np.ones(np.shape(b.mask))


def finished(b):
    return b.mask * (length(b) < np.shape(b.mask)[1])


def per_token(mask):
    """Return each token's share where a batch's mean is taken over the tokens that count."""
    return lambda b: mask(b) / np.maximum(mask(b).sum(), 1)


def per_completion(mask):
    return lambda b: mask(b) / np.maximum(mask(b).sum(axis=1, keepdims=True), 1) / len(b.rewards)


def times(advantages, share, sign=1.0):
    return weighed(lambda b: sign * advantages(b) * share(b))


COMPOSED = {
    "length-per-batch + end-token-left-out": times(others, per_token(without_end)),
    "length-per-trajectory + end-token-left-out": times(others, per_completion(without_end)),
    "group-std + end-token-left-out": times(divided(), without_end),
    "group-std + padding-counted": times(divided(), everything),
    "group-std + padding-counted + sign-reversed": times(divided(), everything, -1.0),
    "group-std + first-token-left-out": times(divided(), lambda b: b.mask * (place(b) > 0)),
    "group-std-population + length-per-trajectory + last-token-only": times(
        divided(0, 1e-4), lambda b: (place(b) == length(b) - 1) / length(b) / len(b.rewards)
    ),
}


@pytest.mark.parametrize("slug", COMPOSED)
def test_what_counts_composes_with_what_divides(slug: str) -> None:
    report = verdict(COMPOSED[slug])
    assert not report.outcome.good
    assert report.diagnosis == slug, str(report)


def test_a_filter_with_the_mean_over_what_is_left_is_told_apart_from_one_over_all() -> None:
    """DAPO's filter of overlong completions, its divisor the tokens that are left: the divisor alone is the fault."""
    left = verdict(times(others, per_token(finished)))
    assert left.diagnosis == "length-per-batch"
    assert "completions of the largest length left out" in left.estimand.words
    whole = verdict(times(others, finished))
    assert whole.diagnosis == "overlong-filter"


@pytest.mark.parametrize(
    ("ddof", "epsilon", "under_root", "slug"),
    [
        (1, 1e-5, False, "group-std"),
        (0, 0.3, False, "group-std-population"),
        (1, 1e-4, True, "group-std"),
        (0, 2.0, True, "group-std-population"),
    ],
)
def test_any_epsilon_is_found(ddof: int, epsilon: float, under_root: bool, slug: str) -> None:
    report = verdict(weighed(lambda b: divided(ddof, epsilon, under_root)(b) * b.mask / length(b) / len(b.rewards)))
    assert report.outcome is pgv.Outcome.BIASED
    assert report.diagnosis == f"{slug} + length-per-trajectory", str(report)
    assert f"{epsilon:g} added" in report.estimand.words


def test_a_group_deviation_is_another_target_whatever_is_added_to_it() -> None:
    for epsilon, ddof, claim in ((0.3, 1, "GroupStd(epsilon=0.3)"), (1e-5, 0, "degrees_of_freedom=0")):
        report = verdict(weighed(lambda b, e=epsilon, d=ddof: divided(d, e)(b) * b.mask / len(b.rewards)))
        assert report.outcome is pgv.Outcome.OTHER_TARGET, str(report)
        assert claim in report.next_step
        assert "1 × " not in str(report)


def test_a_divisor_that_is_no_straight_line_in_the_deviation_has_no_epsilon() -> None:
    """Negative control."""
    report = verdict(weighed(lambda b: own_mean(b) / (divided(1, 0.3)(b) ** 2 + 1.0) * b.mask))
    assert report.diagnosis is None


def test_a_fault_of_a_penalty_alone_is_said_to_be_its_own() -> None:
    def with_entropy(share):
        def loss(b):
            value, by_log_probs = weighed(lambda b: others(b) * b.mask / len(b.rewards))(b)
            each = 0.1 * share(b) / len(b.rewards)
            return value - float((each * b.entropies).sum()), by_log_probs, -each

        return loss

    target = "policy_gradient + entropy(0.1)"
    over_length = verdict(with_entropy(lambda b: b.mask / length(b)), target=target)
    assert over_length.diagnosis == "length-per-trajectory"
    assert over_length.cause.startswith("In the term that does not depend on rewards, each")
    padded = verdict(with_entropy(everything), target=target)
    assert padded.diagnosis == "padding-counted"
    assert verdict(with_entropy(lambda b: b.mask * 1.0), target=target).outcome is pgv.Outcome.CORRECT


def clip(low, high, per=lambda _: 1.0):
    def term(b):
        r, a = ratio(b), others(b)
        return -mean_of_sums(b, lesser(r * a, clipped(r, low, high) * a) * per(b))

    return ByComplexStep(term)


def test_a_claimed_clip_is_known_beside_a_fault() -> None:
    options = {"sampler": "old", "target": pgv.targets.Surrogate(0.1)}
    report = verdict(clip(0.9, 1.1, per=lambda b: 1 / length(b)), **options)
    assert report.diagnosis == "length-per-trajectory", str(report)
    assert verdict(ByComplexStep(lambda b: -mean_of_sums(b, ratio(b) * others(b))), **options).diagnosis == (
        "clip-not-applied"
    )


def test_a_geometric_mean_of_ratios_is_the_method_and_no_division_by_lengths() -> None:
    def gspo(b):
        mean = (np.log(ratio(b)) * b.mask).sum(axis=-1, keepdims=True) / length(b)
        return -(np.exp(mean) * others(b)).sum(axis=(-2, -1)) / len(b.rewards)

    report = verdict(ByComplexStep(gspo), sampler="old", target="surrogate")
    assert report.diagnosis == "gspo", str(report)


def rounded(weights, digits):
    """Return the same with derivatives of so many binary digits."""

    def loss(b):
        value, derivative = weighed(weights)(b)
        mantissa, exponent = np.frexp(derivative)
        return value, np.ldexp(np.round(mantissa * 2.0**digits) / 2.0**digits, exponent)

    return loss


def test_what_few_digits_could_hide_is_told(monkeypatch) -> None:
    """bfloat16 knows E of what is added up to 2⁻⁸, a hundredth of ∇J; float16 to a thousandth."""
    from pgverify.language import verdict_on_loss

    of_values = verdict_on_loss.rounding_of
    monkeypatch.setattr(verdict_on_loss, "rounding_of", lambda trials, _: of_values(trials, False))
    right = lambda b: others(b) * b.mask / len(b.rewards) * 1.1  # noqa: E731
    coarse = verdict(rounded(lambda b: right(b) / 1.1, 8))
    assert coarse.outcome is pgv.Outcome.INCONCLUSIVE
    assert "rounding could hide a bias of 0.0" in coarse.explanation
    assert "single or double precision" in coarse.next_step
    fine = verdict(rounded(lambda b: right(b) / 1.1, 11))
    assert fine.outcome is pgv.Outcome.CORRECT
    assert "could hide a bias of 0.00" in fine.explanation
    assert "hide" not in verdict(weighed(lambda b: right(b) / 1.1)).explanation
    named = verdict(rounded(lambda b: divided()(b) * b.mask / length(b), 8))
    assert (named.outcome, named.diagnosis) == (pgv.Outcome.BIASED, "group-std + length-per-trajectory")


CLAIMS = {
    '"policy_gradient + state_kl(0.1) + entropy(0.02)"': lambda b: (
        rloo(b) + 0.05 * mean_of_sums(b, (b.log_probs - b.ref_log_probs) ** 2) - 0.02 * mean_of_sums(b, b.entropies)
    ),
    "pgv.targets.PolicyGradient() + pgv.targets.StateKL(coefficient=0.666666667, direction='forward')": lambda b: (
        rloo(b) + mean_of_sums(b, np.exp(b.ref_log_probs - b.log_probs) + b.log_probs - b.ref_log_probs) * 2 / 3
    ),
    "0.666666667 * pgv.targets.PolicyGradient() + pgv.targets.Entropy(coefficient=0.01)": lambda b: (
        -mean_of_sums(b, own_mean(b) * b.log_probs) - 0.01 * mean_of_sums(b, b.entropies)
    ),
    '"length_normalised"': lambda b: -mean_of_sums(b, own_mean(b) / length(b) * b.log_probs),
}


@pytest.mark.parametrize("claim", CLAIMS)
def test_another_target_is_claimed_literally_and_the_claim_holds(claim: str) -> None:
    report = verdict(ByComplexStep(CLAIMS[claim]))
    assert report.outcome is pgv.Outcome.OTHER_TARGET, str(report)
    assert f"check_lm(…, target={claim})" in report.next_step
    target = eval(claim, {"pgv": pgv})
    again = verdict(ByComplexStep(CLAIMS[claim]), target=target)
    assert again.outcome in (pgv.Outcome.CORRECT, pgv.Outcome.SCALED), str(again)


def test_other_clips_are_claimed_literally() -> None:
    report = verdict(clip(0.9, 1.1), sampler="old", target="surrogate")
    assert report.outcome is pgv.Outcome.OTHER_TARGET
    assert "target=pgv.targets.Surrogate(clip=0.1))" in report.next_step


def test_a_reversed_term_is_to_be_turned_before_it_is_claimed() -> None:
    report = verdict(ByComplexStep(lambda b: rloo(b) + 0.1 * mean_of_sums(b, b.entropies)))
    assert report.next_step.startswith("turn the sign of the term round")
    assert 'target="policy_gradient + entropy(0.1)"' in report.next_step
    assert "∇E[R] − 0.1 Σ_t E_s ∇H(π)" in report.explanation


def test_a_third_policys_completions_have_no_surrogate_of_theirs() -> None:
    report = verdict(ByComplexStep(rloo), sampler="rollout")
    assert (report.outcome, report.diagnosis) == (pgv.Outcome.BIASED, "ratio-missing")


def test_a_multiple_of_a_clip_as_claimed_is_no_other_clip() -> None:
    """Twice the claim, whose dual clip nothing meets: token by token it is the plain one, and that is no fault."""
    options = {"sampler": "old", "target": pgv.targets.Surrogate(0.2, dual=3.0)}
    report = verdict(clip(0.8, 1.2, per=lambda _: 2.0), **options)
    assert report.outcome is pgv.Outcome.SCALED, report
    assert report.diagnosis is None, report
