"""The table is complete: every entry has its slug and its number; the first 64 are those of the design."""

from __future__ import annotations

import pytest

from pgverify.bugs import CATALOGUE, ENTRIES, LOSS_ENTRIES, TARGETS, Effect, get, names
from pgverify.errors import UnknownName

TABLE = """
discount-dropped discount-kept reward-discounted-by-index total-return-weight reward-shifted-late reward-shifted-early
past-rewards return-crosses-episodes done-index-shifted truncation-as-termination truncation-wrong-state
autoreset-step-kept vtrace-next-trajectory bootstrap-twice log-rho-swapped ratio-applied-twice trace-decay-shifted
advantage-not-detached target-not-detached reparameterised-sample sampled-entropy entropy-sign clipped-action-scored
squash-correction-missing squash-constant-omitted action-dims-not-summed broadcast-outer-product double-exp-std
parameter-left-out double-softmax mask-missing-in-update exploration-not-scored temperature-mismatch truncated-sampling
old-logp-recomputed ratio-noise ppo-max-for-min clip-before-advantage normalise-wrong-axis normalise-minibatch
baseline-fit-same-batch group-mean-self group-std groups-mixed rejected-in-baseline length-per-trajectory
length-per-batch microbatch-normalised accumulation-factor padding-counted kl-k1-as-loss kl-k3-as-loss kl-k2-as-loss
sequence-ratio-token-kl logit-off-by-one fisher-not-detached kl-direction-local first-n-finished stale-samples
reward-running-std unequal-comparison action-baseline-uncorrected argmax-action opo-self
return-undiscounted sign-reversed last-row-lost first-as-baseline sum-over-steps length-of-longest immediate-reward
last-reward-doubled reward-clipped done-index-late trace-crosses-cut rloo-token-mean rloo-sequence-mean
group-std-population best-of-group-baseline median-baseline
reward-sign reward-thresholded reward-squashed reward-rectified last-reward-alone rewards-standardised rewards-centred
return-clipped return-sign return-thresholded positive-part-alone returns-winsorised returns-ranked min-max-scaled
divided-by-batch-scale log-missing log-prob-clamped log-of-raised-probability log-probs-averaged-first
greedy-action-scored softmax-over-wrong-axis first-step-alone last-step-left-out first-step-left-out
discount-applied-twice value-of-next-state bootstrap-undiscounted entropy-averaged-over-actions entropy-of-taken-action
log-probs-of-all-actions worst-of-group-baseline ratio-of-a-step-missing ratios-summed
exponential-weights elite-trajectories-alone return-squared reward-squared midrange-baseline ratio-product-capped
"""
LOSSES = """
normalised-twice batch-whitened batch-std token-whitened group-then-token-whitened gpg-nonzero-rewards
groups-alike-left-out leave-one-out-std advantages-clipped tokens-discounted length-per-prompt end-token-left-out
first-token-left-out mask-shifted kl-k3-upside-down kl-k3-in-reward kl-sign-reversed kl-to-old-policy kl-ignored
entropy-without-gradient kl-ratio-missing ratio-to-reference ratio-missing clip-range-not-around-one clip-without-min
surrogate-clamped clip-not-applied gspo-token-root tis-sequence-mean ratio-to-rollout ratio-of-one clip-by-sign
max-of-losses rewards-summed-over-tokens
"""
SLUGS = TABLE.split()
"""The slugs of the entries on trajectories, in the order of their numbers; those of the design end with opo-self."""


def test_all_rows_are_there_in_order() -> None:
    assert SLUGS.index("opo-self") == 63
    assert [bug.slug for bug in ENTRIES] == SLUGS
    assert [bug.slug for bug in LOSS_ENTRIES] == LOSSES.split()
    assert sorted(names()) == sorted((*SLUGS, *LOSSES.split()))
    assert [bug.number for bug in CATALOGUE] == list(range(1, len(names()) + 1))


def test_there_are_more_than_a_hundred() -> None:
    assert len(names()) >= 100


@pytest.mark.parametrize("bug", ENTRIES, ids=lambda bug: bug.slug)
def test_every_entry_says_what_why_and_where(bug) -> None:
    assert bug.cause.strip().endswith(".")
    assert bug.cure.strip().endswith(".")
    assert bug.source
    assert all(place.strip() for place in bug.source)
    assert bug.target in TARGETS
    assert callable(bug.implementation)
    assert callable(bug.correct)
    assert bug.batch_size >= 1
    assert (bug.factor is not None) == (bug.effect is Effect.SCALED)
    assert (bug.other_target in TARGETS) == (bug.effect is Effect.OTHER_TARGET)


def test_an_entry_is_found_by_its_slug() -> None:
    assert [get(slug) for slug in names()] == list(CATALOGUE)


def test_an_unknown_slug_is_refused_with_the_nearest() -> None:
    with pytest.raises(UnknownName, match="unknown bug 'discount-droped': the nearest known are discount-dropped"):
        get("discount-droped")
