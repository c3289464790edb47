"""Which tokens count: the end, the first, or their neighbours."""

from __future__ import annotations

from typing import Any

import numpy as np

from pgverify.bugs.bug import Effect
from pgverify.bugs.loss_bug import LossBug
from pgverify.bugs.losses.written import others, rloo


def _with_mask(b: Any, mask: Any) -> Any:
    return -(others(b) * b.log_probs * mask).sum(axis=(-2, -1)) / len(b.rewards)


def _without_end(b: Any) -> Any:
    mask = np.asarray(b.mask, dtype=float)
    return _with_mask(b, mask * (mask.cumsum(axis=1) < mask.sum(axis=1, keepdims=True)))


def _without_first(b: Any) -> Any:
    mask = np.asarray(b.mask, dtype=float)
    return _with_mask(b, mask * (mask.cumsum(axis=1) > 1))


def _of_inputs(b: Any) -> Any:
    mask = np.asarray(b.mask, dtype=float)
    shifted = np.concatenate([np.zeros_like(mask[:, :1]), mask[:, :-1]], axis=1)
    return _with_mask(b, shifted)


END_TOKEN_LEFT_OUT = LossBug(
    number=90,
    slug="end-token-left-out",
    effect=Effect.BIASED,
    cause="The token that ends the completion is masked out: whether to stop is never learnt.",
    cure="Let the mask include the end token.",
    source=("mll-lab-nu/RAGEN#59", "rasbt/reasoning-from-scratch#185"),
    loss=_without_end,
    correct_loss=rloo,
)

FIRST_TOKEN_LEFT_OUT = LossBug(
    number=91,
    slug="first-token-left-out",
    effect=Effect.BIASED,
    cause="The first token of the completion is masked out: the boundary of the mask is one place too late.",
    cure="Shift logits against labels once, where log-probabilities are gathered.",
    source=("jingyaogong/minimind#621",),
    loss=_without_first,
    correct_loss=rloo,
)

MASK_SHIFTED = LossBug(
    number=92,
    slug="mask-shifted",
    effect=Effect.BIASED,
    cause="The mask stands at the places of inputs, not of targets: the first token is left out, one after the end "
    "counts.",
    cure="Cut the mask as the targets are cut: mask[:, 1:].",
    source=("Goekdeniz-Guelmez/mlx-lm-lora#80",),
    loss=_of_inputs,
    correct_loss=rloo,
)
