"""What one call of a loss gives, whatever the framework: its value and its derivatives."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from jaxtyping import Float, Integer

from pgverify.errors import InvalidInput, shown
from pgverify.validation import Array


@dataclass(frozen=True, eq=False)
class LossDerivatives:
    """One call of a loss.

    Attributes
    ----------
    value : float
    by_log_probs, by_entropies : [B, T]
        ∂loss/∂log_probs and ∂loss/∂entropies.
    """

    value: float
    by_log_probs: Float[Array, "B T"]
    by_entropies: Float[Array, "B T"]


LossCall: TypeAlias = Callable[[Integer[Array, "B"]], LossDerivatives]
"""The rows of a batch -> the loss and its derivatives there."""


class LossRefused(InvalidInput):
    """The loss returned what is not one finite number of its framework; the message says what."""


def require_one_number(loss: object, shape: tuple[int, ...] | None, kind: str, other: str) -> None:
    """Refuse a loss that is not one number of the framework (`shape` None: not even an array of it)."""
    if shape is None:
        raise LossRefused(
            f"the loss is {shown(loss)} of type {type(loss).__name__}, must be a {kind} with one entry{other}"
        )
    if int(np.prod(shape)) != 1:
        raise LossRefused(f"the loss has shape {tuple(shape)}, must be one number; take its mean or its sum")
