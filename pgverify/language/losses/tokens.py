"""Which tokens count: a completion's own, or others."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from jaxtyping import Float

from pgverify.language.losses.loss_rows import LossRows
from pgverify.language.losses.parts import LossPart, fault
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


def of_inputs(rows: LossRows) -> Float[Array, "N B T"]:
    """Return 1 one place after each own token: the mask of inputs, not of targets."""
    return np.concatenate([np.zeros_like(own(rows)[:, :, :1]), own(rows)[:, :, :-1]], axis=2)


def discounted(discount: float) -> Callable[[LossRows], Float[Array, "N B T"]]:
    """Return γ^{L−1−t} on own tokens: the reward discounted back from the end."""

    def weights(rows: LossRows) -> Float[Array, "N B T"]:
        to_come = rows.lengths[:, :, None] - 1.0 - np.arange(rows.mask.shape[2])
        return own(rows) * discount ** np.maximum(to_come, 0.0)

    return weights


def finished(rows: LossRows) -> Float[Array, "N B T"]:
    """Return 1 on own tokens of completions that are shorter than the longest allowed: the overlong filter."""
    return own(rows) * (rows.lengths < rows.mask.shape[2])[:, :, None]


DISCOUNTS = (0.99, 0.95, 0.9, 0.999)
"""As configurations have them."""

RIGHT: tuple[LossPart, ...] = (LossPart("own-tokens", "", own),)

METHODS: tuple[LossPart, ...] = (
    LossPart(
        "overlong-filter",
        "completions of the largest length left out",
        finished,
        source=("arXiv:2503.14476",),
    ),
)
"""What papers propose."""

FAULTY: tuple[LossPart, ...] = (
    fault("padding-counted", "padding counted too", everything),
    fault("end-token-left-out", "the last token left out", without_last),
    fault("first-token-left-out", "the first token left out", without_first),
    fault("mask-shifted", "the mask one place too late", of_inputs),
    LossPart(
        "last-token-only",
        "the last token alone",
        last_only,
        fault=True,
        cause="Only the token that receives the reward is trained on.",
        cure="Give every token of the completion its advantage.",
    ),
    LossPart(
        "mask-one-too-long",
        "one token of padding counted too",
        one_too_many,
        fault=True,
        cause="The mask reaches one place into the padding, as with ≤ where < belongs.",
        cure="End the mask with the end token.",
    ),
    *(
        fault("tokens-discounted", f"discounted back from the end by {each:g} a token", discounted(each))
        for each in DISCOUNTS
    ),
)
