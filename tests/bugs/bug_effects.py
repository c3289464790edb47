"""What the effects mean, so that a machine can check them: two exact expectations, compared on several problems."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from pgverify.bugs import Effect
from pgverify.validation import Array

TOLERANCE = 1e-9
"""Differences below this, relative to the size of the terms that are added up, are rounding."""


@dataclass(frozen=True, eq=False)
class Evidence:
    """One problem: what the implementation and its correct counterpart estimate there, exactly.

    Attributes
    ----------
    found : [d]
        Expectation of the implementation.
    right : [d]
        Expectation of the correct counterpart.
    scale : float
        Size of the terms that the expectations are sums of; rounding is relative to it.
    found_trace, right_trace : float
        Traces of the covariances of the two estimates.
    batch_size : int
        Trajectories in the batch.
    other : [d], optional
        The other target that the implementation is said to estimate.
    """

    found: Float[Array, "d"]
    right: Float[Array, "d"]
    scale: float
    found_trace: float = 0.0
    right_trace: float = 0.0
    batch_size: int = 1
    other: Float[Array, "d"] | None = None

    def _rounding(self) -> float:
        return TOLERANCE * self.scale

    def equal(self) -> bool:
        """Return whether both expectations are the same vector."""
        return bool(np.abs(self.found - self.right).max(initial=0.0) <= self._rounding())

    def silent(self) -> bool:
        """Return whether the implementation's expectation is 0."""
        return bool(np.abs(self.found).max(initial=0.0) <= self._rounding())

    def informative(self) -> bool:
        """Return whether there is anything to estimate: the right expectation is not 0."""
        return bool(np.abs(self.right).max(initial=0.0) > self._rounding())

    def multiple(self) -> float | None:
        """Return c > 0 with found = c · right, or None where there is none (0 is no positive multiple)."""
        if not self.informative():
            return None
        factor = float(self.found @ self.right / (self.right @ self.right))
        off = np.abs(self.found - factor * self.right).max()
        return factor if factor > 0 and off <= self._rounding() * max(1.0, factor) and not self.silent() else None

    def biased(self) -> bool:
        """Return whether the direction is wrong: found is neither a positive multiple of right nor are both 0."""
        return self.multiple() is None and (self.informative() or not self.silent())

    def noisier(self) -> bool:
        """Return whether the implementation's variance is larger, by more than rounding."""
        return self.found_trace > self.right_trace + TOLERANCE * self.scale**2


def holds(
    effect: Effect,
    evidence: Sequence[Evidence],
    factor: Callable[[int], float] | None = None,
    needed: int = 2,
) -> bool:
    """Return whether the effect is what the evidence shows.

    B: the direction is wrong on at least `needed` problems. S: a positive multiple other than 1 on every problem, the
    one stated, or the same everywhere. V: the right expectation everywhere, a larger variance somewhere. O: the other
    target everywhere, and not the right one on `needed` problems. Z: 0 everywhere, the right expectation not. OK: the
    right expectation everywhere. Invalid comparison: the right expectation everywhere, but not the right variance.

    Parameters
    ----------
    effect : Effect
    evidence : one for each problem
    factor : function of the batch size, optional
        For S.
    needed : int
        Problems on which B and O must show; 1 for an entry with a single setting.
    """
    everywhere = all(e.equal() for e in evidence)
    if effect is Effect.BIASED:
        return sum(e.biased() for e in evidence) >= needed
    if effect is Effect.SCALED:
        return _scaled(evidence, factor)
    if effect is Effect.NOISIER:
        return everywhere and any(e.noisier() for e in evidence)
    if effect is Effect.OTHER_TARGET:
        hits = [e.other is not None and np.abs(e.found - e.other).max() <= TOLERANCE * e.scale for e in evidence]
        return all(hits) and sum(e.biased() for e in evidence) >= needed
    if effect is Effect.NO_SIGNAL:
        return all(e.silent() for e in evidence) and any(e.informative() for e in evidence)
    if effect is Effect.INNOCENT:
        return everywhere
    return everywhere and any(abs(e.found_trace - e.right_trace) > TOLERANCE * e.scale**2 for e in evidence)


def _scaled(evidence: Sequence[Evidence], factor: Callable[[int], float] | None) -> bool:
    found = [(e.multiple(), e.batch_size) for e in evidence if e.informative()]
    known = [(c, n) for c, n in found if c is not None]
    if not known or len(known) < len(found):
        return False
    stated = [factor(n) if factor is not None else known[0][0] for _, n in known]
    close = [abs(c - s) <= 1e-6 * s and abs(c - 1.0) > 1e-6 for (c, _), s in zip(known, stated, strict=True)]
    return all(close)
