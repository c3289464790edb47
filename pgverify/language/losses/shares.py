"""Normalisers: what each token counts, by sequence, token, constant or prompt."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from pgverify.language.losses.loss_rows import LossRows
from pgverify.language.losses.parts import LossPart, fault
from pgverify.validation import Array


def by_rows(rows: LossRows) -> Float[Array, "N B 1"]:
    """Return 1/B: sums over tokens, the mean over sequences."""
    return np.full((*rows.rewards.shape, 1), 1.0 / rows.rewards.shape[1])


def by_own_length(rows: LossRows) -> Float[Array, "N B 1"]:
    """Return 1/(B L): the mean over each sequence's tokens, then over sequences."""
    return by_rows(rows) / rows.lengths[:, :, None]


def by_padded_width(rows: LossRows) -> Float[Array, "N B 1"]:
    """Return 1/(B T): the mean over all places, padding included in the count."""
    return by_rows(rows) / rows.mask.shape[2]


def by_batch_tokens(rows: LossRows) -> Float[Array, "N B 1"]:
    """Return 1/ΣL over the batch: the mean over tokens."""
    return np.broadcast_to(1.0 / rows.lengths.sum(axis=1)[:, None, None], (*rows.rewards.shape, 1))


def by_prompt_tokens(rows: LossRows) -> Float[Array, "N B 1"]:
    """Return 1/(P ΣL) over the prompt's group: the mean over its tokens, then over prompts."""
    totals = rows.by_group(rows.lengths).sum(axis=2, keepdims=True)
    return (1.0 / (totals.shape[1] * rows.spread(totals)))[:, :, None]


def by_longest(rows: LossRows) -> Float[Array, "N B 1"]:
    """Return 1/(B max L) over the batch."""
    return by_rows(rows) / rows.lengths.max(axis=1)[:, None, None]


def by_longest_of_group(rows: LossRows) -> Float[Array, "N B 1"]:
    """Return 1/(B max L) over the group."""
    longest = rows.by_group(rows.lengths).max(axis=2, keepdims=True)
    return by_rows(rows) / rows.spread(longest)[:, :, None]


def by_root_length(rows: LossRows) -> Float[Array, "N B 1"]:
    """Return 1/(B √L)."""
    return by_rows(rows) / np.sqrt(rows.lengths)[:, :, None]


def by_squared_reward(rows: LossRows) -> Float[Array, "N B 1"]:
    """Return R²/ΣR² over the batch: completions drawn again in proportion to the square of their reward (PF-PPO)."""
    weight = rows.rewards**2
    total = weight.sum(axis=1, keepdims=True)
    return np.divide(weight, total, out=np.zeros_like(weight), where=total > 0)[:, :, None]


RIGHT: tuple[LossPart, ...] = (LossPart("sequence-sum", "", by_rows),)
"""Whose expectation is ∇J; constants, such as 1/T, are its multiples."""

METHODS: tuple[LossPart, ...] = (
    LossPart(
        "pf-ppo",
        "weighed by the square of the reward (PF-PPO)",
        by_squared_reward,
        source=("arXiv:2409.06957",),
        coupled=True,
    ),
)
"""What papers propose."""

FAULTY: tuple[LossPart, ...] = (
    fault("length-per-trajectory", "each completion divided by its own length", by_own_length),
    fault("length-per-batch", "the mean over the tokens of the batch", by_batch_tokens, coupled=True),
    fault("length-per-prompt", "the mean over the tokens of each prompt's group", by_prompt_tokens),
    fault("length-of-longest", "divided by the longest completion of the batch", by_longest, coupled=True),
    LossPart(
        "length-of-longest-in-group",
        "divided by the longest completion of its group",
        by_longest_of_group,
        fault=True,
        cause="The divisor is the longest completion of the group, which depends on the sampled ones.",
        cure="Divide by the largest length allowed.",
    ),
    LossPart(
        "length-root",
        "each completion divided by the root of its own length",
        by_root_length,
        fault=True,
        cause="Each completion is divided by the root of its own length.",
        cure="Divide by a constant.",
    ),
)
"""The rest: divisors that are random."""

OF_LENGTHS = (
    "length-per-trajectory",
    "length-per-batch",
    "length-per-prompt",
    "length-of-longest",
    "length-of-longest-in-group",
    "length-root",
)
"""Those that count tokens."""
