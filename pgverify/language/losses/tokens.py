"""Which tokens count: a completion's own, or others."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from pgverify.language.losses.loss_rows import LossRows
from pgverify.language.losses.parts import LossPart
from pgverify.validation import Array


def own(rows: LossRows) -> Float[Array, "N B T"]:
    """Return 1 on the completion's own tokens."""
    return rows.mask.astype(np.float64)


def everything(rows: LossRows) -> Float[Array, "N B T"]:
    """Return 1 everywhere, padding included."""
    return np.ones(rows.mask.shape)


def without_last(rows: LossRows) -> Float[Array, "N B T"]:
    """Return 1 on own tokens but the last."""
    last = np.arange(rows.mask.shape[2]) == rows.lengths[:, :, None] - 1
    return own(rows) * ~last


def without_first(rows: LossRows) -> Float[Array, "N B T"]:
    """Return 1 on own tokens but the first."""
    return own(rows) * (np.arange(rows.mask.shape[2]) > 0)


def last_only(rows: LossRows) -> Float[Array, "N B T"]:
    """Return 1 on the last own token."""
    return own(rows) - without_last(rows)


def one_too_many(rows: LossRows) -> Float[Array, "N B T"]:
    """Return 1 on own tokens, and on the first of padding."""
    return (np.arange(rows.mask.shape[2]) <= rows.lengths[:, :, None]).astype(np.float64)


RIGHT: tuple[LossPart, ...] = (LossPart("own-tokens", "", own),)

FAULTY: tuple[LossPart, ...] = (
    LossPart(
        "padding-counted",
        "padding counted too",
        everything,
        fault=True,
        cause="The mask is not applied: log-probabilities of padding enter the loss.",
        cure="Multiply by the mask before summing over tokens.",
        source=("huggingface/trl#7024", "allenai/open-instruct#756", "MakazhanAlpamys/Soup#723"),
    ),
    LossPart(
        "end-token-left-out",
        "the last token left out",
        without_last,
        fault=True,
        cause="The token that ends the completion is masked out: whether to stop is never learnt.",
        cure="Let the mask include the end token.",
        source=("verl-project/verl#535", "huggingface/trl#2708"),
    ),
    LossPart(
        "first-token-left-out",
        "the first token left out",
        without_first,
        fault=True,
        cause="The first token of the completion is masked out, as by a shift of the labels twice.",
        cure="Shift logits against labels once, where log-probabilities are gathered.",
        source=("lucidrains/PaLM-rlhf-pytorch#31", "modelscope/ms-swift#7066"),
    ),
    LossPart(
        "last-token-only",
        "the last token alone",
        last_only,
        fault=True,
        cause="Only the token that receives the reward is trained on.",
        cure="Give every token of the completion its advantage.",
        source=("ServiceNow/PipelineRL#54",),
    ),
    LossPart(
        "mask-one-too-long",
        "one token of padding counted too",
        one_too_many,
        fault=True,
        cause="The mask reaches one place into the padding, as with ≤ where < belongs.",
        cure="End the mask with the end token.",
        source=("bingreeky/MemGen#33", "modelscope/ms-swift#7066"),
    ),
)
