"""Losses that look wrong, were reported as wrong, and are right."""

from __future__ import annotations

from typing import Any

import numpy as np

from pgverify.bugs.bug import Effect
from pgverify.bugs.loss_bug import LossBug
from pgverify.bugs.losses.complex_step import clipped, greater, held, lesser
from pgverify.bugs.losses.written import HIGH, LOW, by_group, mean_of_sums, others, ppo, ratio, rloo, surrogate


def _ratio_of_one(b: Any) -> Any:
    return surrogate(b, np.exp(b.log_probs - held(b.log_probs)))


def _bound_by_sign(b: Any) -> Any:
    a = others(b)
    bound = np.where(a > 0, HIGH * a, LOW * a)
    return -mean_of_sums(b, lesser(ratio(b) * a, bound))


def _max_of_losses(b: Any) -> Any:
    r, a = ratio(b), others(b)
    return mean_of_sums(b, greater(-r * a, -clipped(r, LOW, HIGH) * a))


def _summed_rewards(b: Any) -> Any:
    mask = np.asarray(b.mask, dtype=float)
    last = mask * (mask.cumsum(axis=1) == mask.sum(axis=1, keepdims=True))
    outcome = by_group(b, (b.rewards[:, None] * last).sum(axis=1))
    size = outcome.shape[1]
    baseline = (outcome.sum(axis=1, keepdims=True) - outcome) / (size - 1)
    return -mean_of_sums(b, (outcome - baseline).reshape(-1, 1) * b.log_probs)


RATIO_OF_ONE = LossBug(
    number=109,
    slug="ratio-of-one",
    effect=Effect.INNOCENT,
    cause="exp(log π − log π.detach()) is always 1, and a group's loss nearly 0: it looks as if nothing is learnt.",
    cure="Nothing to change on policy: its gradient is ψ, whatever its value.",
    source=("huggingface/trl#2769", "dhcode-cpp/X-R1#11", "modelscope/ms-swift#4727", "om-ai-lab/VLM-R1#38"),
    loss=_ratio_of_one,
    correct_loss=rloo,
    note="After a first update it is ratio-missing.",
)

CLIP_BY_SIGN = LossBug(
    number=110,
    slug="clip-by-sign",
    effect=Effect.INNOCENT,
    cause="The bound is (1 ± ε)A by the sign of A, and no ratio is clipped: it looks like another objective.",
    cure="Nothing to change: the minimum with ρA is that of clip(ρ)A, on either side.",
    source=("openai/spinningup#315",),
    loss=_bound_by_sign,
    correct_loss=ppo,
    target="surrogate",
    sampler="old",
)

MAX_OF_LOSSES = LossBug(
    number=111,
    slug="max-of-losses",
    effect=Effect.INNOCENT,
    cause="The larger of two terms is taken where the paper has the smaller.",
    cure="Nothing to change: both are negative advantages, and max(−x, −y) = −min(x, y).",
    source=("lqtrung1998/mwp_ReFT#21",),
    loss=_max_of_losses,
    correct_loss=ppo,
    target="surrogate",
    sampler="old",
)

REWARDS_SUMMED = LossBug(
    number=112,
    slug="rewards-summed-over-tokens",
    effect=Effect.INNOCENT,
    cause="Rewards are summed over the tokens of a completion, which looks as if long ones earned more.",
    cure="Nothing to change: only the last token is paid.",
    source=("hiyouga/EasyR1#152",),
    loss=_summed_rewards,
    correct_loss=rloo,
)
