"""NumPy: a loss returns its derivatives with it, or is differentiated by differences.

NumPy has no automatic derivative, and no way to hold a factor constant. A loss may return the triple
(loss, ∂loss/∂log_probs, ∂loss/∂entropies), or the pair without the last; these are then taken at their word. One that
returns its value alone is differentiated by central differences of fourth order,

    f' ≈ (8 (f(x+h) − f(x−h)) − (f(x+2h) − f(x−2h))) / 12h,   h = 2⁻¹⁰,

with an error of h⁴ f⁗⁻⁵/30 and ε f/h, about 1e-12 for a loss of order 1: every factor of it counts as a function of the
log-probabilities, also one that is detached in training.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from jaxtyping import Float, Integer

from pgverify.language.completion_batch import CompletionBatch
from pgverify.language.frameworks.differentiated import LossCall, LossDerivatives, LossRefused, require_one_number
from pgverify.language.row_table import RowTable
from pgverify.validation import Array

STEP = 2.0**-10
"""h, a power of two so that x ± h loses nothing."""

DIFFERENCES = ((STEP, 8.0), (-STEP, -8.0), (2 * STEP, -1.0), (-2 * STEP, 1.0))
"""Where the loss is called, and how often it counts, in units of 1/12h."""


def numpy_call(loss: Callable[[Any], Any], table: RowTable, flags: bool = True, precision: str = "float64") -> LossCall:
    """Return the function that calls a loss on some rows of a table.

    Parameters
    ----------
    loss : CompletionBatch of arrays -> number, (number, [B, T]) or (number, [B, T], [B, T])
    table : RowTable
    flags : bool
        Whether the mask is of bool; otherwise of the numbers' type.
    precision : "float64" or "float32"
    """
    floating = np.dtype(precision)

    def batch_of(rows: Integer[Array, "B"]) -> CompletionBatch:
        numbers = table.numbers[:, rows].astype(floating)
        mask = table.mask[rows] if flags else table.mask[rows].astype(floating)
        group, rewards = np.arange(len(rows)) // table.group_size, table.rewards[rows].astype(floating)
        return CompletionBatch._make((*numbers, mask, rewards, group, table.prompt[rows]))

    def call(rows: Integer[Array, "B"]) -> LossDerivatives:
        batch = batch_of(rows)
        found = loss(batch)
        if isinstance(found, tuple):
            return _with_derivatives(found, batch)
        value = _number(found)
        by_log_probs = _differences(loss, batch, "log_probs")
        by_entropies = _differences(loss, batch, "entropies")
        return LossDerivatives(value, by_log_probs, by_entropies)

    return call


def _with_derivatives(found: tuple[Any, ...], batch: CompletionBatch) -> LossDerivatives:
    """Return what the loss gave, its derivatives checked for their shape."""
    shape = batch.log_probs.shape
    if len(found) not in (2, 3):
        raise LossRefused(
            f"the loss returned {len(found)} things, must be a number, or it with its derivatives by "
            "log_probs and entropies"
        )
    given = [np.asarray(each, dtype=np.float64) for each in found[1:]]
    for name, derivative in zip(("log_probs", "entropies"), given, strict=False):
        if derivative.shape != shape:
            raise LossRefused(f"the derivative by {name} has shape {derivative.shape}, must be that of it, {shape}")
    return LossDerivatives(_number(found[0]), given[0], given[1] if len(given) == 2 else np.zeros(shape))


def _differences(loss: Callable[[Any], Any], batch: CompletionBatch, name: str) -> Float[Array, "B T"]:
    """Return ∂loss/∂field, one entry after another; 0 at once where the whole field does not matter."""
    field = np.asarray(getattr(batch, name), dtype=np.float64)
    found = np.zeros(field.shape)
    plain = _number(loss(batch))
    moved = [
        _number(loss(batch._replace(**{name: field + shift * np.cos(np.arange(field.size).reshape(field.shape))})))
        for shift in (STEP, 3 * STEP)
    ]
    if all(value == plain for value in moved):
        return found
    for place in np.ndindex(*field.shape):
        for shift, weight in DIFFERENCES:
            changed = field.copy()
            changed[place] += shift
            found[place] += weight * _number(loss(batch._replace(**{name: changed})))
    return found / (12 * STEP)


def _number(found: Any) -> float:
    if type(found).__module__.partition(".")[0] not in ("numpy", "builtins"):
        require_one_number(found, None, "NumPy number", "; a loss of another framework needs framework=")
    try:
        array = np.asarray(found, dtype=np.float64)
    except (TypeError, ValueError):
        require_one_number(found, None, "NumPy number", "; a loss of another framework needs framework=")
        raise
    require_one_number(found, array.shape, "NumPy number", "")
    return float(array.reshape(()))
