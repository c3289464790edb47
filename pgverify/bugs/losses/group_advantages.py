"""Advantages of groups: what else they are divided by, cut at, or spread over."""

from __future__ import annotations

from typing import Any

import numpy as np

from pgverify.bugs.bug import Effect
from pgverify.bugs.loss_bug import LossBug
from pgverify.bugs.losses.written import ascent, by_group, others, own_mean, rloo, whitened

WITHOUT = "Subtract the mean of the others, and divide by nothing, or by a constant."


def _twice(b: Any) -> Any:
    r = by_group(b, b.rewards)
    once = own_mean(b) / (r.std(axis=1, ddof=1, keepdims=True).repeat(r.shape[1], axis=1).reshape(-1, 1) + 1e-6)
    return ascent(b, whitened(b, once))


def _over_batch(b: Any) -> Any:
    return ascent(b, ((b.rewards - b.rewards.mean()) / (b.rewards.std(ddof=1) + 1e-8))[:, None])


def _batch_std(b: Any) -> Any:
    return ascent(b, own_mean(b) / (b.rewards.std(ddof=1) + 1e-6))


def _over_tokens(b: Any) -> Any:
    return ascent(b, whitened(b, np.asarray(b.rewards)[:, None]))


def _group_then_tokens(b: Any) -> Any:
    return ascent(b, whitened(b, own_mean(b)))


def _nonzero(b: Any) -> Any:
    return ascent(b, own_mean(b) * len(b.rewards) / max(np.count_nonzero(b.rewards), 1))


def _informative(b: Any) -> Any:
    mixed = np.ptp(by_group(b, b.rewards), axis=1) > 0
    return ascent(b, own_mean(b) * len(mixed) / max(int(mixed.sum()), 1))


def _std_of_others(b: Any) -> Any:
    r = by_group(b, b.rewards)
    spread = np.empty_like(r)
    for i in range(r.shape[1]):
        spread[:, i] = np.delete(r, i, axis=1).std(axis=1, ddof=1)
    safe = np.where(spread > 1e-9, spread + 1e-6, 1.0).reshape(-1, 1)  # as the thread's cure has it: not divided
    return ascent(b, others(b) / safe)


def _cut(b: Any) -> Any:
    return ascent(b, np.clip(others(b), -0.5, 0.5))


def _discounted(b: Any) -> Any:
    to_come = np.asarray(b.mask).sum(axis=1, keepdims=True) - 1 - np.arange(np.asarray(b.mask).shape[1])
    return ascent(b, others(b) * 0.95 ** np.maximum(to_come, 0))


def _minibatch_tokens(b: Any) -> Any:
    tokens = by_group(b, np.asarray(b.mask).sum(axis=1))
    share = (1.0 / tokens.sum(axis=1, keepdims=True)).repeat(tokens.shape[1], axis=1).reshape(-1, 1)
    return ascent(b, others(b) * share * len(b.rewards) / len(tokens))


NORMALISED_TWICE = LossBug(
    number=79,
    slug="normalised-twice",
    effect=Effect.BIASED,
    cause="Advantages that were divided by their group's deviation are whitened once more, over the batch's tokens.",
    cure=WITHOUT,
    source=("axon-rl/gem#113", "amazon-science/reskill#12"),
    loss=_twice,
    correct_loss=rloo,
    prompts=2,
)

BATCH_WHITENED = LossBug(
    number=80,
    slug="batch-whitened",
    effect=Effect.BIASED,
    cause="Mean and standard deviation are those of the whole batch, not of the prompt's group.",
    cure="Compute them for each prompt: rewards.view(-1, G), over the second axis.",
    source=("XU-YIJIE/grpo-flat#2", "yifan123/flow_grpo#46"),
    loss=_over_batch,
    correct_loss=rloo,
    prompts=2,
)

BATCH_STD = LossBug(
    number=81,
    slug="batch-std",
    effect=Effect.BIASED,
    cause="Advantages are divided by the standard deviation of the batch, which includes the own sample.",
    cure="Divide by a constant, or by a running value of earlier batches.",
    source=("yifan123/flow_grpo#52", "PrimeIntellect-ai/prime-rl#1047", "areal-project/AReaL#303"),
    loss=_batch_std,
    correct_loss=rloo,
    prompts=2,
)

TOKEN_WHITENED = LossBug(
    number=82,
    slug="token-whitened",
    effect=Effect.BIASED,
    cause="Advantages are whitened over the tokens of the batch: weighed by length, the own sample included.",
    cure="Subtract a baseline without the own sample, and divide by a constant.",
    source=("verl-project/verl#228", "THUDM/slime#24", "arXiv:2501.03262"),
    loss=_over_tokens,
    correct_loss=rloo,
    prompts=2,
)

GROUP_THEN_TOKEN_WHITENED = LossBug(
    number=83,
    slug="group-then-token-whitened",
    effect=Effect.BIASED,
    cause="Advantages are whitened over the tokens of the batch after the group's mean was subtracted.",
    cure="Leave the own sample out of the mean, and divide by a constant.",
    source=("verl-project/verl#908", "arXiv:2501.03262"),
    loss=_group_then_tokens,
    correct_loss=rloo,
    prompts=2,
)

GPG_NONZERO_REWARDS = LossBug(
    number=84,
    slug="gpg-nonzero-rewards",
    effect=Effect.BIASED,
    cause="The correction for groups all alike counts the rewards that are not zero instead.",
    cure="Count the groups that are all alike, or leave the factor out.",
    source=("verl-project/verl#6803", "AMAP-ML/GPG#8", "arXiv:2504.02546"),
    loss=_nonzero,
    correct_loss=rloo,
    prompts=2,
)

GROUPS_ALIKE_LEFT_OUT = LossBug(
    number=85,
    slug="groups-alike-left-out",
    effect=Effect.BIASED,
    cause="Groups whose rewards are all alike are left out, and the mean is over the others: their number is random, "
    "and counts the own sample.",
    cure="Divide by the number of all groups; or draw until there are enough: that is 1/P(accept) times ∇J.",
    source=("huggingface/trl#6681", "arXiv:2504.02546", "arXiv:2503.14476"),
    loss=_informative,
    correct_loss=rloo,
    prompts=2,
    note="Of one prompt alone nothing is left out but what is zero: then it is (1 − 1/G)∇J.",
)

LEAVE_ONE_OUT_STD = LossBug(
    number=86,
    slug="leave-one-out-std",
    effect=Effect.BIASED,
    cause="Advantages are divided by the deviation of the other completions: unbiased for none, and huge where two "
    "of them are nearly alike.",
    cure=WITHOUT,
    source=("NVIDIA-NeMo/RL#1518", "NVIDIA-NeMo/RL#4158"),
    loss=_std_of_others,
    correct_loss=rloo,
    group_size=4,
    note="The own sample does not enter the divisor: prompts are weighed anew, each by E[1/std] of its others.",
)

ADVANTAGES_CLIPPED = LossBug(
    number=87,
    slug="advantages-clipped",
    effect=Effect.BIASED,
    cause="Advantages are cut at a bound: what is far better counts as no more than what is a little better.",
    cure="Scale rewards by a constant instead.",
    source=("NVIDIA-NeMo/RL#2686", "kvablack/ddpo-pytorch#12"),
    loss=_cut,
    correct_loss=rloo,
)

TOKENS_DISCOUNTED = LossBug(
    number=88,
    slug="tokens-discounted",
    effect=Effect.BIASED,
    cause="The reward is discounted token by token, back from the end: early tokens count less, in long answers most.",
    cure="Take γ = 1: a completion is one decision that is paid once.",
    source=("OpenRLHF/OpenRLHF#842",),
    loss=_discounted,
    correct_loss=rloo,
)

LENGTH_PER_PROMPT = LossBug(
    number=89,
    slug="length-per-prompt",
    effect=Effect.BIASED,
    cause="Each group's sum is divided by the number of its tokens, which depends on the sampled completions.",
    cure="Divide by a constant.",
    source=("allenai/open-instruct#1161", "arXiv:2503.14476"),
    loss=_minibatch_tokens,
    correct_loss=rloo,
    prompts=2,
    note="The thread's minibatch is one group here; over the whole batch it is length-per-batch.",
)
