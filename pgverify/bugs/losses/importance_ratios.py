"""Importance ratios of losses: to another policy, clipped elsewhere, of another power."""

from __future__ import annotations

from typing import Any

import numpy as np

from pgverify.bugs.bug import Effect
from pgverify.bugs.loss_bug import LossBug
from pgverify.bugs.losses.complex_step import clipped, held, lesser
from pgverify.bugs.losses.written import HIGH, LOW, mean_of_sums, others, ppo, ratio, surrogate

CAP = 2.0
"""Of a truncated weight."""


def _to_reference(b: Any) -> Any:
    return surrogate(b, np.exp(b.log_probs - b.ref_log_probs))


def _to_itself(b: Any) -> Any:
    return surrogate(b, np.exp(b.log_probs - held(b.log_probs)))


def _from_epsilon(b: Any) -> Any:
    r, a = ratio(b), others(b)
    return -mean_of_sums(b, lesser(r * a, clipped(r, 1 - LOW, HIGH) * a))


def _clipped_alone(b: Any) -> Any:
    return surrogate(b, clipped(ratio(b), LOW, HIGH))


def _product_clamped(b: Any) -> Any:
    gain = ratio(b) * others(b)
    return -mean_of_sums(b, lesser(gain, clipped(gain, LOW, HIGH)))


def _unclipped(b: Any) -> Any:
    return surrogate(b, ratio(b))


def _token_root(b: Any) -> Any:
    lengths = np.asarray(b.mask).sum(axis=1, keepdims=True)
    return surrogate(b, np.exp((b.log_probs - b.old_log_probs) / lengths))


def _to_rollout(b: Any) -> Any:
    return surrogate(b, np.exp(b.log_probs - b.rollout_log_probs))


def _whole(b: Any) -> Any:
    """Return log π/μ of whole completions."""
    return ((b.log_probs - b.rollout_log_probs) * b.mask).sum(axis=-1, keepdims=True)


def _sequence_weight(b: Any) -> Any:
    return -mean_of_sums(b, held(np.exp(_whole(b))) * others(b) * b.log_probs)


def _sequence_mean(b: Any) -> Any:
    lengths = np.asarray(b.mask).sum(axis=1, keepdims=True)
    weight = np.minimum(held(np.exp(_whole(b) / lengths)), CAP)
    return -mean_of_sums(b, weight * others(b) * b.log_probs)


RATIO_TO_REFERENCE = LossBug(
    number=100,
    slug="ratio-to-reference",
    effect=Effect.BIASED,
    cause="The ratio is to the reference policy, which did not draw the completions.",
    cure="Divide by the probability under the policy that drew.",
    source=("huggingface/trl#2837",),
    loss=_to_reference,
    correct_loss=_unclipped,
    note="On policy too: there the right ratio is 1.",
)

RATIO_MISSING = LossBug(
    number=101,
    slug="ratio-missing",
    effect=Effect.BIASED,
    cause="There is no ratio to the policy that drew (or its old log-probability is recomputed: always 1).",
    cure="Store the log-probabilities when the tokens are drawn, and weight by exp(log π − log π_old).",
    source=("meta-pytorch/torchforge#571", "jingyaogong/minimind#775"),
    loss=_to_itself,
    correct_loss=ppo,
    target="surrogate",
    sampler="old",
    note="Innocent where θ = θ_old: see ratio-of-one.",
)

CLIP_RANGE_NOT_AROUND_ONE = LossBug(
    number=102,
    slug="clip-range-not-around-one",
    effect=Effect.BIASED,
    cause="The ratio is clipped to [ε, 1 + ε] where [1 − ε, 1 + ε] belongs.",
    cure="Write clamp(ρ, 1 − ε, 1 + ε).",
    source=("ChenmienTan/RL2#21",),
    loss=_from_epsilon,
    correct_loss=ppo,
    target="surrogate",
    sampler="old",
    note="With no ratio below ε it is the same as clip-upper-only.",
)

CLIP_WITHOUT_MIN = LossBug(
    number=103,
    slug="clip-without-min",
    effect=Effect.BIASED,
    cause="Only the clipped term is used: tokens that have moved the wrong way are never pulled back.",
    cure="Take the minimum with the unclipped term.",
    source=("tensorforce/tensorforce#106",),
    loss=_clipped_alone,
    correct_loss=ppo,
    target="surrogate",
    sampler="old",
)

SURROGATE_CLAMPED = LossBug(
    number=104,
    slug="surrogate-clamped",
    effect=Effect.BIASED,
    cause="The product of ratio and advantage is clamped to 1 ± ε, not the ratio: large advantages are lost.",
    cure="Clamp the ratio, then multiply by the advantage.",
    source=("alexis-jacq/Pytorch-DPPO#3",),
    loss=_product_clamped,
    correct_loss=ppo,
    target="surrogate",
    sampler="old",
)

CLIP_NOT_APPLIED = LossBug(
    number=105,
    slug="clip-not-applied",
    effect=Effect.OTHER_TARGET,
    cause="The clipped term is computed and not used: the mean is taken over the unclipped one.",
    cure="Average the larger of both losses.",
    source=("rllm-org/rllm#81",),
    loss=_unclipped,
    correct_loss=ppo,
    target="surrogate",
    sampler="old",
    note="Correct where the unclipped surrogate is claimed.",
)

GSPO_TOKEN_ROOT = LossBug(
    number=106,
    slug="gspo-token-root",
    effect=Effect.BIASED,
    cause="Each token's own log-ratio is divided by the length where their mean over the sequence belongs.",
    cure="Sum the log-ratios of the completion, then divide by its length: one ratio for all of its tokens.",
    source=("agentscope-ai/Trinity-RFT#154", "arXiv:2507.18071"),
    loss=_token_root,
    correct_loss=ppo,
    target="surrogate",
    sampler="old",
)

TIS_SEQUENCE_MEAN = LossBug(
    number=107,
    slug="tis-sequence-mean",
    effect=Effect.BIASED,
    cause="The weight of a completion is the geometric mean of its tokens' ratios: no importance weight of anything.",
    cure="Multiply the ratios of all tokens; cap the product, and say that this biases.",
    source=("huggingface/trl#5815", "NVIDIA-NeMo/RL#2269"),
    loss=_sequence_mean,
    correct_loss=_sequence_weight,
    sampler="rollout",
    note="Proposed against the variance of the product, which it removes together with the correction.",
)

RATIO_TO_ROLLOUT = LossBug(
    number=108,
    slug="ratio-to-rollout",
    effect=Effect.BIASED,
    cause="The ratio is to the policy of the rollout engine, token by token, where π_old belongs.",
    cure="Clip the ratio to π_old, and correct for the rollout by π_old/μ, of whole sequences.",
    source=("huggingface/trl#3193", "PrimeIntellect-ai/verifiers#462", "huggingface/trl#6789"),
    loss=_to_rollout,
    correct_loss=_sequence_weight,
    sampler="rollout",
    known_as="tis-token-inf",
    note="The same as token-level truncated importance sampling without a cap, while π_old = π: it follows the states "
    "of the rollout policy, the surrogate of its own, not ∇J.",
)
