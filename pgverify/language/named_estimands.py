"""What a loss may estimate instead of its target, by name."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

from pgverify.targets import (
    GroupStd,
    LengthBonus,
    LengthNormalised,
    PolicyGradient,
    SequenceKL,
    StateKL,
    Surrogate,
)
from pgverify.targets.target import Target
from pgverify.validation import Array

REWARDED: tuple[Target, ...] = (
    PolicyGradient(),
    LengthNormalised("leave-one-out"),
    LengthNormalised("none"),
    Surrogate(None),
    Surrogate(0.2),
    Surrogate((0.2, 0.28)),
    Surrogate(0.2, "own-mean"),
    Surrogate(0.2, "none"),
    GroupStd(1e-6),
    GroupStd(1e-4),
    GroupStd(1e-8),
    *(GroupStd(epsilon, 0) for epsilon in (1e-6, 1e-4, 1e-8, 0.0)),
)
"""Of what is rewarded."""

CLIPPED: tuple[Target, ...] = (
    *(Surrogate(clip) for clip in (0.1, 0.3, 0.15, 0.25, 0.4, 0.5)),
    *(Surrogate(clip) for clip in ((0.2, 0.25), (0.2, 0.3), (0.2, 0.27), (0.2, 0.4), (0.1, 0.2), (0.1, 0.3))),
    *(Surrogate(clip, dual=3.0) for clip in (0.2, (0.2, 0.28))),
)
"""Surrogates with other clips, as configurations have them; beyond θ_old they differ."""

FREE: tuple[Target, ...] = (
    StateKL(),
    StateKL(direction="forward"),
    SequenceKL(),
    LengthBonus(),
)
"""Of terms of log-probabilities that do not depend on rewards; each is also tried with the other sign."""

TOLD = 1e3
"""Times the rounding that a vector must be long, of what it is relative to: less is the multiple of anything."""

Vectors = Sequence[Float[Array, "d"]]


def common_factor(found: Vectors, named: Vectors, sizes: Sequence[float], rounding: float) -> float | None:
    """Return c with found = c · named on every tree, or None; c = 0 never counts.

    Parameters
    ----------
    found, named : one [d] a tree
    sizes : one a tree
        What rounding is relative to.
    rounding : float
    """
    square = sum(float(vector @ vector) for vector in named)
    if square == 0:
        return None
    factor = sum(float(a @ b) for a, b in zip(found, named, strict=True)) / square
    fits = all(
        np.linalg.norm(a - factor * b) <= rounding * size for a, b, size in zip(found, named, sizes, strict=True)
    )
    told = any(abs(factor) * np.linalg.norm(b) > TOLD * rounding * size for b, size in zip(named, sizes, strict=True))
    return factor if fits and told else None
