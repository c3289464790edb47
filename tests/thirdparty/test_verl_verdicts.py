"""verl: its advantages and policy losses, in the signatures that they have, by the adapters for them.

The estimands are those derived in `tests/language`; the names are those of the catalogue. Needs verl beside the others:
see `verl_loading`; without it, or without PyTorch, the module is skipped with the reason.
"""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from verl_loading import actor, core_algorithms

import pgverify as pgv
from pgverify import Outcome

verl = core_algorithms()
adapt = pgv.adapters.token_losses
G = 4


def others(b):
    r = b.rewards.view(-1, G)
    return ((r - r.mean(1, keepdim=True)) * G / (G - 1)).view(-1, 1)


def verdict(loss, **options):
    return pgv.check_lm(loss, group_size=G, **options)


ADVANTAGES = {
    "rloo": ({}, Outcome.CORRECT, None),
    "rloo_vectorized": ({}, Outcome.CORRECT, None),
    "grpo": ({}, Outcome.OTHER_TARGET, "group-std"),
    "grpo without std": ({"norm_adv_by_std_in_grpo": False}, Outcome.SCALED, None),
    "opo": ({}, Outcome.BIASED, "opo-self"),
    "gpg": ({}, Outcome.BIASED, "gpg-nonzero-rewards"),
    "reinforce_plus_plus": ({"config": SimpleNamespace(gamma=1.0)}, Outcome.BIASED, "token-whitened"),
    "reinforce_plus_plus_baseline": ({}, Outcome.BIASED, "group-then-token-whitened"),
}


@pytest.mark.parametrize("name", ADVANTAGES)
def test_advantages(name: str) -> None:
    options, outcome, slug = ADVANTAGES[name]
    function = verl.get_adv_estimator_fn(name.partition(" ")[0])
    report = verdict(adapt.from_advantages(function, **options))
    assert (report.outcome, report.diagnosis) == (outcome, slug), str(report)


DUAL = pgv.targets.Surrogate(clip=0.2, dual=3.0)

AGGREGATIONS = {
    "seq-mean-token-sum": (Outcome.CORRECT, None),
    "seq-mean-token-sum-norm": (Outcome.SCALED, None),
    "token-mean": (Outcome.BIASED, "length-per-batch"),
    "seq-mean-token-mean": (Outcome.BIASED, "length-per-trajectory"),
}


def policy_loss(name: str, aggregation: str, **config):
    return adapt.from_policy_loss(
        verl.get_policy_loss_fn(name), others, loss_agg_mode=aggregation, config=actor(**config)
    )


@pytest.mark.parametrize("aggregation", AGGREGATIONS)
def test_the_clipped_loss_is_the_dual_clipped_surrogate_and_no_way_of_averaging_but_one_is_right(
    aggregation: str,
) -> None:
    report = verdict(policy_loss("vanilla", aggregation), sampler="old", target=DUAL)
    assert (report.outcome, report.diagnosis) == AGGREGATIONS[aggregation], str(report)


def test_without_the_dual_clip_in_the_claim_it_is_another() -> None:
    """Where any ratio passes 3; on these trees none does, so that both claims hold, and the scope says how far."""
    report = verdict(policy_loss("vanilla", "seq-mean-token-sum"), sampler="old", target="surrogate")
    assert report.outcome is Outcome.CORRECT
    assert report.scope.ratios


METHODS = {
    "gspo": ("seq-mean-token-mean", {"clip_ratio_low": 3e-4, "clip_ratio_high": 4e-4}, "GSPO"),
    "sapo": ("seq-mean-token-sum", {}, "SAPO"),
    "geo_mean": ("seq-mean-token-mean", {"clip_ratio_low": 0.4, "clip_ratio_high": 0.4}, "GMPO"),
    "cispo": ("seq-mean-token-sum", {}, "CISPO"),
    "dro": ("seq-mean-token-sum", {}, "DRO"),
    "gpg": ("seq-mean-token-sum", {}, "no ratio"),
}
"""What is no clipped surrogate is told so, by the name of its paper; GPG has no ratio at all."""


@pytest.mark.parametrize("name", METHODS)
def test_methods_are_named(name: str) -> None:
    aggregation, config, words = METHODS[name]
    report = verdict(policy_loss(name, aggregation, **config), sampler="old", target="surrogate", prompts=1)
    assert not report.outcome.good
    assert report.estimand is not None
    assert words in report.estimand.words, str(report)


PENALTIES = {
    "k1": (Outcome.OTHER_TARGET, "kl-k1-as-loss"),
    "k2": (Outcome.CORRECT, None),
    "k3": (Outcome.OTHER_TARGET, "kl-k3-as-loss"),
    "k3+": (Outcome.CORRECT, None),
    "k1+": (Outcome.CORRECT, None),
    "abs": (Outcome.BIASED, "kl-absolute-as-loss"),
}


@pytest.mark.parametrize("name", PENALTIES)
def test_kl_penalties_as_loss(name: str) -> None:
    def loss(b):
        penalty = verl.kl_penalty(b.log_probs, b.ref_log_probs, name)
        return -((others(b) * b.log_probs - 0.1 * penalty) * b.mask).sum(1).mean()

    report = verdict(loss, prompts=1, target="policy_gradient + state_kl(0.1)")
    assert (report.outcome, report.diagnosis) == PENALTIES[name], str(report)
