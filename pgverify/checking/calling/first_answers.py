"""The first answers of a check, asked for once more in the end: a function that has changed meanwhile keeps state."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from jaxtyping import Float

from pgverify.trajectories import Trajectories
from pgverify.validation import Array

MOST_KEPT = 48
"""Answers: those on the smallest problem, and some of the next, whose batches are small."""

CLOSE = 1e-6
"""Relative difference that single precision may make, or threads that add up in another order."""


class FirstAnswers:
    """Keeps the first answers of a function, with the batches on which it gave them."""

    def __init__(self) -> None:
        self._kept: list[tuple[Trajectories, Float[Array, "d"]]] = []

    @property
    def wanted(self) -> bool:
        """Whether more are kept."""
        return len(self._kept) < MOST_KEPT

    def keep(self, batch: Trajectories, answer: Float[Array, "d"]) -> None:
        """Keep one more answer."""
        self._kept.append((batch, answer))

    def gap_to(self, again: Callable[[Trajectories], Float[Array, "d"] | None]) -> float:
        """Return by how much the answers of today differ from the first ones, at most; 0 if by rounding alone.

        Parameters
        ----------
        again : batch -> [d], or None where it gives no value
        """
        gap = 0.0
        for batch, first in self._kept:
            answer = again(batch)
            if answer is None:
                return float("inf")
            off = float(np.abs(answer - first).max(initial=0.0))
            if off > CLOSE * max(np.abs(first).max(initial=0.0), np.abs(answer).max(initial=0.0)):
                gap = max(gap, off)
        return gap
