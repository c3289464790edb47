"""JAX: one call of a loss, differentiated by its log-probabilities and entropies; compiled where it can be."""

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


def jax_call(loss: Callable[[Any], Any], table: RowTable, flags: bool = True, precision: str = "float64") -> LossCall:
    """Return the function that calls a loss on some rows of a table.

    The loss is compiled, once for each number of rows; one that branches on values is called uncompiled.

    Parameters
    ----------
    loss : CompletionBatch of arrays -> array with one entry
    table : RowTable
    flags : bool
        Whether the mask is of bool; otherwise of the numbers' type.
    precision : "float64", "float32" or "bfloat16"

    Raises
    ------
    InvalidInput
        When JAX is not installed.
    """
    try:
        import jax
    except ImportError:
        raise InvalidInput(
            "framework is 'jax', which is not installed: pip install pgverify[jax], or write the loss in NumPy and "
            "pass framework='numpy'"
        ) from None

    def scalar(log_probs: Any, entropies: Any, batch: CompletionBatch) -> Any:
        found = loss(batch._replace(log_probs=log_probs, entropies=entropies))
        shape = found.shape if isinstance(found, jax.Array) else None
        require_one_number(found, shape, "JAX array", "; a loss of another framework needs framework=")
        return found.reshape(())

    plain = jax.value_and_grad(scalar, (0, 1))
    ways = [jax.jit(plain), plain]

    def call(rows: Integer[Array, "B"]) -> LossDerivatives:
        with jax.enable_x64(True):
            floating = getattr(jax.numpy, precision)
            numbers = jax.numpy.asarray(table.numbers[:, rows], dtype=floating)
            mask = jax.numpy.asarray(table.mask[rows], dtype=bool if flags else floating)
            rewards = jax.numpy.asarray(table.rewards[rows], dtype=floating)
            group, prompt = np.arange(len(rows)) // table.group_size, table.prompt[rows]
            batch = CompletionBatch._make((*numbers, mask, rewards, *map(jax.numpy.asarray, (group, prompt))))
            try:
                value, (by_log_probs, by_entropies) = ways[0](numbers[0], numbers[4], batch)
            except (
                jax.errors.ConcretizationTypeError,
                jax.errors.TracerArrayConversionError,
                jax.errors.NonConcreteBooleanIndexError,
            ):
                del ways[:-1]
                value, (by_log_probs, by_entropies) = ways[0](numbers[0], numbers[4], batch)
            return LossDerivatives(
                float(value), np.asarray(by_log_probs, dtype=np.float64), np.asarray(by_entropies, dtype=np.float64)
            )

    return call
