"""Comparisons of arrays for the report on a policy, and the directions in which derivatives are taken."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from jaxtyping import Float

from pgverify.checking.policies.policy_report import PolicyFinding
from pgverify.validation import Array

TOLERANCE = 1e-6
"""Relative deviation that is rounding: of policies in float32 too, and of derivatives by differences."""

MOST_DIRECTIONS = 24
"""Parameters up to which derivatives are taken by each; with more, along as many fixed random directions."""

RATE = 1e-6
"""Total false-alarm probability of what is sampled."""


class DoorFailed(Exception):
    """A door of the policy raised, or returned what cannot be read; the message says which and what."""


def asked(name: str, function: Callable[..., Any], *arguments: Any) -> np.ndarray:
    """Return what a door answers, as an array of finite numbers.

    Raises
    ------
    DoorFailed
    """
    try:
        found = np.asarray(function(*arguments))
    except Exception as reason:
        said = " ".join(str(reason).split())[:160]
        raise DoorFailed(f"{name} raised {type(reason).__name__}: {said}") from reason
    if found.dtype.kind not in "fciu":
        raise DoorFailed(f"{name} has dtype {found.dtype}, must hold numbers")
    if not np.isfinite(found).all():
        bad = np.argwhere(~np.isfinite(found))[0].tolist() if found.ndim else []
        raise DoorFailed(f"{name} is {found[tuple(bad)]} at {bad}, must be finite")
    return found


def compared(
    check: str, found: Array, expected: Array, error: float = 0.0, scale: float | None = None
) -> PolicyFinding:
    """Return the finding that two arrays are the same.

    Parameters
    ----------
    check : str
    found, expected : of one shape
    error : float
        Absolute, of the expected one.
    scale : float, optional
        What deviations are relative to; by default the largest entry.
    """
    largest = (
        scale
        if scale is not None
        else max(float(np.abs(expected).max(initial=0.0)), float(np.abs(found).max(initial=0.0)))
    )
    largest = largest or 1.0
    apart = np.abs(found - expected) / largest
    worst = float(apart.max(initial=0.0))
    bound = max(TOLERANCE, 20.0 * error / largest)
    where = str([int(i) for i in np.unravel_index(int(apart.argmax()), apart.shape)]) if apart.size else ""
    return PolicyFinding(check, worst <= bound, worst, bound, where=where)


def directions(size: int) -> Float[Array, "d k"]:
    """Return the directions of θ along which derivatives are taken."""
    if size <= MOST_DIRECTIONS:
        return np.eye(size)
    drawn = np.random.default_rng(0).normal(size=(size, MOST_DIRECTIONS))
    return np.linalg.qr(drawn)[0]
