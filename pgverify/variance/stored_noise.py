"""What stored rollouts say of noise and signal: traces, their ratios and |∇J|², with intervals that hold together."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from pgverify.stats import Moments, TraceInterval, VarianceRatio
from pgverify.stats.power import normal_critical
from pgverify.validation import Array
from pgverify.variance.sampled_noise import LARGEST_FULL

MOST_ROWS = 2_000
"""Rows whose products with each other are formed, where there are more coordinates than rows."""


@dataclass(frozen=True)
class Signal:
    """|∇J|² from the mean of n contributions: |ḡ|² − tr Σ/n, whose expectation it is.

    Attributes
    ----------
    square, low, high : float
        The estimate, which may be negative, and its interval, which may not.
    """

    square: float
    low: float
    high: float

    @property
    def norm(self) -> float:
        """Return |∇J|, 0 where the estimate of its square is below."""
        return float(np.sqrt(max(self.square, 0.0)))


def signal_of(rows: Float[Array, "n d"], level: float) -> Signal:
    """Return |∇J|² with an interval of the given level, by the normal approximation of a quadratic form.

    Var |ḡ|² ≈ 4 ∇Jᵀ Σ ∇J / n + 2 tr Σ² / n²

    Parameters
    ----------
    rows : [n, d]
        Contributions of an unbiased estimator.
    level : float
    """
    count, mean = len(rows), rows.mean(axis=0)
    trace = float(rows.var(axis=0, ddof=1).sum())
    square = float(mean @ mean) - trace / count
    along = float((rows @ mean).var(ddof=1))
    error = np.sqrt(4.0 * along / count + 2.0 * trace_of_square(rows) / count**2)
    reach = normal_critical(1.0 - level) * float(error)
    return Signal(square, max(square - reach, 0.0), max(square + reach, 0.0))


def trace_of_square(rows: Float[Array, "n d"]) -> float:
    """Return tr S² of the sample covariance S, which is too large by (tr S)²/n and so on the safe side.

    Parameters
    ----------
    rows : [n, d]
    """
    some = rows[:MOST_ROWS] if rows.shape[1] > len(rows) else rows
    centred = some - some.mean(axis=0)
    product = centred @ centred.T if centred.shape[1] > len(centred) else centred.T @ centred
    return float((product**2).sum()) / (len(some) - 1) ** 2


def spread_freedom(rows: Float[Array, "n d"]) -> float:
    """Return ν = (tr Σ)²/tr Σ² (Satterthwaite), at least 1; what sampling adds to tr S² is taken off.

    Parameters
    ----------
    rows : [n, d]
    """
    trace = float(rows.var(axis=0, ddof=1).sum())
    count = min(len(rows), MOST_ROWS) if rows.shape[1] > len(rows) else len(rows)
    square = trace_of_square(rows) - trace**2 / count
    return max(trace**2 / square, 1.0) if square > 0 else 1.0


def trace_interval(rows: Float[Array, "k d"], level: float, size: int = 1) -> TraceInterval:
    """Return the interval of tr Cov[g] of one trajectory, from contributions or from estimates of batches of `size`.

    Parameters
    ----------
    rows : [k, d]
    level : float
    size : int
    """
    found = TraceInterval.of(Moments.of(rows, rows.shape[1] > LARGEST_FULL), level)
    return TraceInterval(level, size * found.trace, size * found.low, size * found.high)


def ratio_interval(rows: Float[Array, "n d"], reference: Float[Array, "n d"], level: float) -> tuple[float, float]:
    """Return the interval of the ratio of two traces on the same trajectories.

    Parameters
    ----------
    rows, reference : [n, d]
    level : float
    """
    found = VarianceRatio(level).run(rows, reference)
    return found.low, found.high
