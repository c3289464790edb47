"""Derivatives of a NumPy loss by complex steps, exact to rounding, with factors that are held.

    ∂f/∂x = Im f(x + ih)/h,   h = 1e-20

NumPy differentiates nothing and detaches nothing. A loss written with ordinary operations on `log_probs` and
`entropies` is differentiated by moving one entry at a time along the imaginary axis, all of them at once in a leading
axis; what is detached in training is a real part.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float, Inexact

from pgverify.validation import Array

STEP = 1e-20
"""h: nothing is subtracted, so that it may be as small as no product of two of them is 0."""


def held(x: Inexact[Array, "*shape"]) -> Float[Array, "*shape"]:
    """Return x as a constant: what `detach` and `stop_gradient` do."""
    return np.real(x)


def lesser(x: Any, y: Any) -> Any:
    """Return the smaller of two, entry by entry, with its derivative; the first where they are equal."""
    return np.where(np.real(x) <= np.real(y), x, y)


def greater(x: Any, y: Any) -> Any:
    """Return the larger of two, likewise."""
    return np.where(np.real(x) >= np.real(y), x, y)


def clipped(x: Any, low: float, high: float) -> Any:
    """Return x between two bounds; on a bound, and beyond, it has no derivative."""
    return np.where(np.real(x) < low, low, np.where(np.real(x) > high, high, x))


@dataclass(frozen=True)
class ByComplexStep:
    """A loss with its derivatives, as `pgv.check_lm` takes it in NumPy.

    Parameters
    ----------
    loss : batch -> number
        Of `log_probs` and `entropies` with any leading axes: it sums over the last two.
    """

    loss: Callable[[Any], Any]

    def __call__(self, batch: Any) -> tuple[float, Float[Array, "B T"], Float[Array, "B T"]]:
        """Return the loss, ∂loss/∂log_probs and ∂loss/∂entropies."""
        tables = [np.asarray(table, dtype=np.float64) for table in (batch.log_probs, batch.entropies)]
        steps = np.eye(tables[0].size).reshape(-1, *tables[0].shape) * (1j * STEP)
        nothing = np.zeros_like(steps)
        moved = batch._replace(
            log_probs=tables[0] + np.concatenate([steps, nothing]),
            entropies=tables[1] + np.concatenate([nothing, steps]),
        )
        found = np.broadcast_to(self.loss(moved), (2 * len(steps),))
        first, second = (np.imag(found) / STEP).reshape(2, *tables[0].shape)
        return float(np.real(found[0])), first, second
