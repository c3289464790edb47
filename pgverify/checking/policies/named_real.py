"""The names of faults of real actions: by what the log-density, or the score, differs from the right one."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from pgverify.checking.policies.real_policy import RealDoors
from pgverify.validation import Array

CLOSE = 1e-6


def name_real(doors: RealDoors) -> str | None:
    """Return the slug of the fault behind what the doors say; None where there is no name for it."""
    if doors.given.ndim == 3:
        return "action-dims-not-summed"
    if np.isnan(doors.truth).any():
        return "clipped-action-scored"
    return _of_density(doors) or _of_score(doors)


def _of_density(doors: RealDoors) -> str | None:
    off = doors.given - doors.truth
    if np.abs(off).max() <= CLOSE:
        return None
    dimensions = doors.points.shape[1]
    if dimensions > 1 and _constant(doors.given - doors.truth / dimensions):
        return "action-dims-not-summed"
    if _constant(off):
        return "squash-constant-omitted"
    if not _constant(doors.log_slope) and _constant(off - doors.log_slope):
        return "squash-correction-missing"
    coefficients = _even_part(off, doors.points)
    if coefficients is not None:
        # log N(a; μ, σ'²) − log N(a; μ, σ²) is (1 − σ²/σ'²) x²/2: σ² / σ'² = exp(2l − 2 exp l) where l was taken twice.
        spread = doors.log_slope[:, 0] / dimensions
        twice = 0.5 * (1.0 - np.exp(2.0 * spread - 2.0 * np.exp(spread)))
        if dimensions == 1 and np.allclose(coefficients[:, 0], twice, rtol=1e-4):
            return "double-exp-std"
        return "std-mismatch"
    return None


def _of_score(doors: RealDoors) -> str | None:
    if doors.score is None or doors.slope is None or _same(doors.score, doors.slope):
        return None
    if not np.abs(doors.score).any():
        return "reparameterised-sample"
    square = float((doors.slope**2).sum())
    factor = float((doors.score * doors.slope).sum()) / square if square > 0 else 0.0
    dimensions = doors.points.shape[1]
    if dimensions > 1 and _same(doors.score, doors.slope / dimensions):
        return "action-dims-not-summed"
    if factor > 0 and _same(doors.score, factor * doors.slope):
        return "score-scaled"
    order = np.argsort(doors.points[:, 0], kind="stable")
    ends = doors.score[:, order[-2:]] if dimensions == 1 else doors.score[:, :0]
    starts = doors.score[:, order[:2]] if dimensions == 1 else doors.score[:, :0]
    if any(
        part.size and np.abs(part[:, 1] - part[:, 0]).max() <= CLOSE * np.abs(doors.score).max()
        for part in (ends, starts)
    ):
        return "clipped-action-scored"
    dead = ~np.abs(doors.score).any(axis=(0, 1)) & np.abs(doors.slope).any(axis=(0, 1))
    if dimensions > 1 and dead.any():
        return "action-dims-not-summed"
    return None


def _even_part(off: Float[Array, "S K"], points: Float[Array, "K D"]) -> Float[Array, "S D"] | None:
    """Return the coefficients of x_j² in every state if that and a constant is all there is."""
    design = np.concatenate([points**2, np.ones((len(points), 1))], axis=1)
    found, *_ = np.linalg.lstsq(design, off.T, rcond=None)
    if np.abs(design @ found - off.T).max() > CLOSE * max(1.0, float(np.abs(off).max())):
        return None
    return found[:-1].T


def _constant(values: Array) -> bool:
    return float(np.ptp(values)) <= CLOSE * max(1.0, float(np.abs(values).max()))


def _same(found: Array, expected: Array) -> bool:
    largest = max(float(np.abs(expected).max(initial=0.0)), float(np.abs(found).max(initial=0.0)))
    return float(np.abs(found - expected).max(initial=0.0)) <= CLOSE * largest
