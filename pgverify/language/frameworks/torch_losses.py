"""PyTorch: one call of a loss, differentiated by its log-probabilities and entropies."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from jaxtyping import Integer

from pgverify.errors import InvalidInput
from pgverify.language.completion_batch import CompletionBatch
from pgverify.language.frameworks.differentiated import LossCall, LossDerivatives, require_one_number
from pgverify.language.row_table import RowTable
from pgverify.validation import Array


def torch_call(loss: Callable[[Any], Any], table: RowTable, flags: bool = True, precision: str = "float64") -> LossCall:
    """Return the function that calls a loss on some rows of a table.

    Parameters
    ----------
    loss : CompletionBatch of tensors -> tensor with one entry
    table : RowTable
    flags : bool
        Whether the mask is of bool; otherwise of the numbers' type.
    precision : "float64", "float32" or "bfloat16"

    Raises
    ------
    InvalidInput
        When PyTorch is not installed.
    """
    try:
        import torch
    except ImportError:
        raise InvalidInput(
            "framework is 'torch', which is not installed: pip install pgverify[torch], or write the loss in NumPy and "
            "pass framework='numpy'"
        ) from None
    floating = getattr(torch, precision)
    numbers = torch.from_numpy(table.numbers).to(floating)
    mask = torch.from_numpy(table.mask)
    mask = mask if flags else mask.to(floating)
    rewards, prompts = torch.from_numpy(table.rewards).to(floating), torch.from_numpy(table.prompt)

    def call(rows: Integer[Array, "B"]) -> LossDerivatives:
        where = torch.from_numpy(rows)
        log_probs, old, reference, rollout, entropies = numbers[:, where].unbind(0)
        with torch.enable_grad():
            log_probs, entropies = log_probs.clone().requires_grad_(), entropies.clone().requires_grad_()
            found = loss(
                CompletionBatch(
                    log_probs,
                    old.clone(),
                    reference.clone(),
                    rollout.clone(),
                    entropies,
                    mask[where],
                    rewards[where],
                    torch.arange(len(rows)) // table.group_size,
                    prompts[where],
                )
            )
            require_one_number(
                found,
                tuple(found.shape) if isinstance(found, torch.Tensor) else None,
                "torch tensor",
                "; a loss of another framework needs framework=",
            )
            if not found.requires_grad:  # nothing in it depends on the log-probabilities
                nothing = np.zeros(log_probs.shape)
                return LossDerivatives(float(found.item()), nothing, nothing)
            by_log_probs, by_entropies = torch.autograd.grad(
                found.sum(), (log_probs, entropies), allow_unused=True, materialize_grads=True
            )
        return LossDerivatives(float(found.item()), by_log_probs.double().numpy(), by_entropies.double().numpy())

    return call
