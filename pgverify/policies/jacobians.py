"""Derivatives of somebody's function of θ: by complex step where it is analytic, else by Richardson extrapolation."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float

from pgverify.validation import Array

TINY = 1e-30
"""The complex step: its square vanishes beside one."""

FIRST_STEP = 0.05
"""Relative size of the first of the steps that are extrapolated."""

LEVELS = 7
"""Halvings: steps down to 1/128 of the first."""

AGREEMENT = 1e-6
"""Relative difference beyond which a function is not analytic, whatever its complex step says: |z|, real parts, max."""


@dataclass(frozen=True, eq=False)
class Jacobian:
    """∂f/∂θ with how it was taken.

    Attributes
    ----------
    table : [*out, d]
    method : "complex step" or "differences"
    error : float
        Estimate of the absolute error; 0 for the complex step.
    """

    table: Float[Array, "*out d"]
    method: str
    error: float


def jacobian(function: Callable[[Any], Any], theta: Float[Array, "d"], analytic: bool = True) -> Jacobian:
    """Return the Jacobian of a function of θ.

    Parameters
    ----------
    function : θ [d] -> [*out]
    theta : [d]
    analytic : bool
        Whether a complex step is tried: it is believed only where differences agree with it.
    """
    rough = richardson(function, theta)
    if not analytic:
        return rough
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # of imaginary parts that are dropped
            columns = [np.asarray(function(theta + 1j * TINY * unit)) for unit in np.eye(len(theta))]
        table = np.stack([np.asarray(column.imag) / TINY for column in columns], axis=-1)
    except Exception:  # a function of real numbers alone, whatever it says of others
        return rough
    scale = max(float(np.abs(rough.table).max(initial=0.0)), 1e-12)
    if (
        not np.isfinite(table).all()
        or np.abs(table - rough.table).max(initial=0.0) > AGREEMENT * scale + 10 * rough.error
    ):
        return rough
    return Jacobian(table, "complex step", 0.0)


def richardson(function: Callable[[Any], Any], theta: Float[Array, "d"], levels: int = LEVELS) -> Jacobian:
    """Return the Jacobian by central differences, extrapolated to step zero (Ridders 1982).

    Of every entry the extrapolation is taken that agrees best with its neighbours in the tableau.
    """
    columns, worst = [], 0.0
    for index, unit in enumerate(np.eye(len(theta))):
        first = FIRST_STEP * max(1.0, abs(float(theta[index])))
        rows: list[list[Array]] = []
        best, error = None, None
        for level in range(levels):
            step = first / 2.0**level
            ahead, behind = (np.asarray(function(theta + sign * step * unit), dtype=np.float64) for sign in (1, -1))
            row = [(ahead - behind) / (2.0 * step)]
            for order in range(1, level + 1):
                factor = 4.0**order
                row.append((factor * row[-1] - rows[-1][order - 1]) / (factor - 1.0))
                apart = np.maximum(np.abs(row[-1] - row[-2]), np.abs(row[-1] - rows[-1][order - 1]))
                if best is None or error is None:
                    best, error = row[-1], apart
                else:
                    closer = apart <= error
                    best, error = np.where(closer, row[-1], best), np.where(closer, apart, error)
            rows.append(row)
        columns.append(best)
        worst = max(worst, float(np.max(error, initial=0.0)) if error is not None else 0.0)
    return Jacobian(np.stack([np.asarray(column) for column in columns], axis=-1), "differences", worst)
