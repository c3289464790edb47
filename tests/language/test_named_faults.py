"""Faults written as somebody would write them, apart from the code that names them: each gets its name, on every tree.

The weights of the parts in `pgverify.language.losses` are derivatives by hand; these are differentiated by complex
steps. Entries of the catalogue that are losses are tried in `tests/bugs/test_loss_entries.py`.
"""

from __future__ import annotations

import numpy as np
import pytest

import pgverify as pgv
from pgverify.bugs import LOSS_ENTRIES
from pgverify.bugs.losses.complex_step import ByComplexStep, clipped, greater, held, lesser
from pgverify.bugs.losses.written import by_group, mean_of_sums, others, own_mean, ratio, rloo
from pgverify.language.losses import advantages, faulty_ratios, penalties, shares, tokens

pytestmark = pytest.mark.usefixtures("unchecked_shapes")  # every loss is called hundreds of times


def ascending(advantage):
    """Return the loss −E Σ A log π."""
    return lambda b: -mean_of_sums(b, advantage(b) * b.log_probs)


def column(grouped):
    return np.asarray(grouped).reshape(-1, 1)


def per_group(function):
    """Return the advantages R − function(group), or what it makes of each group."""
    return ascending(lambda b: column([function(group) for group in by_group(b, b.rewards)]))


def opo(b):
    lengths, r = (by_group(b, np.asarray(x, dtype=float)) for x in (b.mask.sum(axis=1), b.rewards))
    return column(r - (lengths * r).sum(axis=1, keepdims=True) / lengths.sum(axis=1, keepdims=True))


def next_groups_mean(b):
    r = by_group(b, b.rewards)
    return column(r - np.roll(r.mean(axis=1), -1)[:, None])


ADVANTAGES = {
    "group-std": per_group(lambda r: (r - r.mean()) / (r.std(ddof=1) + 1e-4)),
    "group-std-population": per_group(lambda r: (r - r.mean()) / (r.std() + 1e-4)),
    "group-std-uncentred": per_group(lambda r: r / (r.std(ddof=1) + 1e-6)),
    "batch-std-uncentred": ascending(lambda b: column(b.rewards / (b.rewards.std(ddof=1) + 1e-8))),
    "group-variance": per_group(lambda r: (r - r.mean()) / (r.var(ddof=1) + 1e-6)),
    "group-absolute-deviation": per_group(lambda r: (r - r.mean()) / (np.abs(r - r.mean()).mean() + 1e-6)),
    "opo-self": ascending(opo),
    "best-of-group-baseline": per_group(lambda r: r - r.max()),
    "median-baseline": per_group(lambda r: r - np.median(r)),
    "worst-of-group-baseline": per_group(lambda r: r - r.min()),
    "group-range": per_group(lambda r: (r - r.mean()) / (np.ptp(r) + 1e-6)),
    "sign-reversed": ascending(lambda b: -others(b)),
    "group-std + sign-reversed": per_group(lambda r: -(r - r.mean()) / (r.std(ddof=1) + 1e-4)),
    "negative-advantages-dropped": per_group(lambda r: np.maximum(r - r.mean(), 0)),
    "advantage-sign-only": per_group(lambda r: np.sign(np.round(r - r.mean(), 9))),
}

UNBIASED = {
    "batch-mean-baseline": ascending(lambda b: column(b.rewards - b.rewards.mean())),
    "baseline-of-next-group": ascending(next_groups_mean),
}
"""What only adds noise, or a factor: another prompt's mean is independent of the own sample."""


def shared(share):
    """Return the loss −Σ share(b) A log π over all tokens of the batch."""
    return lambda b: -(share(b) * others(b) * b.log_probs * b.mask).sum(axis=(-2, -1))


def length(b):
    return np.asarray(b.mask).sum(axis=1, keepdims=True)


def longest_in_group(b):
    each = by_group(b, length(b)[:, 0])
    return column(np.repeat(each.max(axis=1), each.shape[1]))


SHARES = {
    "length-per-trajectory": shared(lambda b: 1 / length(b) / len(b.rewards)),
    "length-per-batch": shared(lambda b: 1 / np.asarray(b.mask).sum()),
    "length-of-longest": shared(lambda b: 1 / length(b).max() / len(b.rewards)),
    "length-of-longest-in-group": shared(lambda b: 1 / longest_in_group(b) / len(b.rewards)),
    "length-root": shared(lambda b: length(b) ** -0.5 / len(b.rewards)),
}


def masked(mask):
    """Return the loss −E Σ A log π over other tokens than a completion's own."""
    return lambda b: -(others(b) * b.log_probs * mask(b)).sum(axis=(-2, -1)) / len(b.rewards)


def place(b):
    return np.arange(np.asarray(b.mask).shape[1])


TOKENS = {
    "padding-counted": masked(lambda b: np.ones(np.asarray(b.mask).shape)),
    "last-token-only": masked(lambda b: place(b) == length(b) - 1),
    "mask-one-too-long": masked(lambda b: place(b) <= length(b)),
}


def of_ratio(gain):
    """Return the loss −E Σ gain(ρ, A)."""
    return lambda b: -mean_of_sums(b, gain(ratio(b), others(b)))


RATIOS = {
    "ppo-max-for-min": of_ratio(lambda r, a: greater(r * a, clipped(r, 0.8, 1.2) * a)),
    "clip-upper-only": of_ratio(lambda r, a: lesser(r * a, clipped(r, 0.0, 1.2) * a)),
    "clip-lower-only": of_ratio(lambda r, a: lesser(r * a, clipped(r, 0.8, 1e9) * a)),
    "clip-before-advantage": of_ratio(lambda r, a: lesser(r, clipped(r, 0.8, 1.2)) * a),
    "clip-log-ratio": of_ratio(lambda r, a: lesser(r * a, np.exp(clipped(np.log(r), -0.2, 0.2)) * a)),
    "ratio-squared": of_ratio(lambda r, a: r * r * a),
    "ratio-applied-twice": of_ratio(lambda r, a: held(r) * r * a),
    "log-rho-swapped": of_ratio(lambda r, a: a / r),
    "probability-not-log": lambda b: -mean_of_sums(b, np.exp(b.log_probs) * others(b)),
}


def with_penalty(term):
    """Return the leave-one-out loss plus a tenth of a term of x = log π/π_ref."""
    return lambda b: rloo(b) + 0.1 * mean_of_sums(b, term(b.log_probs - b.ref_log_probs))


PENALTIES = {
    "kl-k3-as-loss": with_penalty(lambda x: np.exp(-x) - 1 + x),
    "kl-absolute-as-loss": with_penalty(lambda x: greater(x, -x)),
    "entropy-sign": lambda b: rloo(b) + 0.1 * mean_of_sums(b, b.entropies),
}
TARGETS = {"entropy-sign": "policy_gradient + entropy(0.1)"}

ON_POLICY = {**ADVANTAGES, **SHARES, **TOKENS}
COUPLED = ("length-per-batch", "length-of-longest", "length-of-longest-in-group", "opo-self")
"""Seen with two prompts: a group beside another."""


def verdict(loss, **options):
    return pgv.check_lm(ByComplexStep(loss), group_size=3, framework="numpy", **options)


def named(report, slug: str) -> None:
    assert not report.outcome.good
    assert report.diagnosis == slug, str(report)
    assert report.cause
    assert report.cure
    assert sum(not finding.holds for finding in report.findings) >= 2


@pytest.mark.parametrize("slug", ON_POLICY)
def test_a_fault_of_advantages_shares_or_tokens_is_named(slug: str) -> None:
    named(verdict(ON_POLICY[slug], prompts=2 if slug in COUPLED else 1), slug)


@pytest.mark.parametrize("slug", RATIOS)
def test_a_fault_of_the_ratio_is_named(slug: str) -> None:
    named(verdict(RATIOS[slug], prompts=1, sampler="old", target="surrogate"), slug)


@pytest.mark.parametrize("slug", PENALTIES)
def test_a_fault_of_the_penalty_is_named(slug: str) -> None:
    target = TARGETS.get(slug, "policy_gradient + state_kl(0.1)")
    named(verdict(PENALTIES[slug], prompts=1, target=target), slug)


@pytest.mark.parametrize("slug", UNBIASED)
def test_what_is_only_noise_is_not_accused(slug: str) -> None:
    assert verdict(UNBIASED[slug], prompts=2).outcome in (pgv.Outcome.CORRECT, pgv.Outcome.SCALED)


def test_faults_compose() -> None:
    """GRPO: each group's standard deviation, each completion's length."""

    def grpo(b):
        r = by_group(b, b.rewards)
        a = (r - r.mean(axis=1, keepdims=True)) / (r.std(axis=1, ddof=1, keepdims=True) + 1e-4)
        return -(column(a) * b.log_probs * b.mask / length(b)).sum(axis=(-2, -1)) / len(b.rewards)

    assert verdict(grpo, prompts=1).diagnosis == "group-std + length-per-trajectory"


def test_a_penalty_and_an_entropy_bonus_are_told_apart() -> None:
    def loss(b):
        x = b.log_probs - b.ref_log_probs
        return rloo(b) + 0.1 * mean_of_sums(b, np.exp(x) - 1 - x) - 0.01 * mean_of_sums(b, b.entropies)

    report = verdict(loss, prompts=1, target="policy_gradient + state_kl(0.1) + entropy(0.01)")
    assert report.diagnosis == "kl-k3-upside-down"


def test_the_right_loss_has_no_name() -> None:
    """Negative control."""
    report = verdict(lambda b: -mean_of_sums(b, own_mean(b) * 1.5 * b.log_probs), prompts=1)
    assert (report.outcome, report.diagnosis) == (pgv.Outcome.CORRECT, None)


def test_every_faulty_part_is_tried_here_or_as_an_entry() -> None:
    parts = {
        part.name
        for part in (*advantages.FAULTY, *shares.FAULTY, *tokens.FAULTY, *faulty_ratios.FAULTY, *penalties.TERMS)
        if part.fault
    }
    tried = {*ADVANTAGES, *UNBIASED, *SHARES, *TOKENS, *RATIOS, *PENALTIES, *(bug.slug for bug in LOSS_ENTRIES)}
    assert parts - tried == {"kl-k1-as-loss"}  # in expectation nothing: CORRECT, with a note
