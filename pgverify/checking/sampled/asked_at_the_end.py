"""Whether a sampler answers at the end what it answered at first: the same generator has to give the same estimates."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from pgverify.checking.sampled.goal import Draw
from pgverify.validation import Array

ROWS = 16
"""Estimates asked for first, and again at the end."""

ROUNDING = 1e-5
"""Relative to the largest: what compiled code may add up in another order is no state."""

STATE = "keeps state between calls: at the end, the generator of its first call gives {how}"


@dataclass(frozen=True, eq=False)
class FirstEstimates:
    """The first estimates that a sampler gave, and the source that gives them again.

    No sample decides here: generator and call are the same, so that an honest sampler is never accused. One that draws
    numbers of its own answers differently twice in a row, and nothing is said of it.

    Attributes
    ----------
    draw : (count, call) -> [count, d]
    estimates : [ROWS, d]
    """

    draw: Draw
    estimates: Float[Array, "k d"]

    @classmethod
    def of(cls, draw: Draw) -> FirstEstimates:
        """Ask for them: before anything else, for a state may change with every call."""
        return cls(draw, draw(ROWS, 0))

    def asked_again(self) -> tuple[str, bool]:
        """Return how the same call is answered now, "" where no other way is seen, and whether it is a multiple."""
        late, once_more = self.draw(ROWS, 0), self.draw(ROWS, 0)
        if not np.array_equal(late, once_more):
            return "", False
        limit = ROUNDING * max(np.abs(late).max(initial=0.0), np.abs(self.estimates).max(initial=0.0))
        if np.abs(late - self.estimates).max(initial=0.0) <= limit:
            return "", False
        unit = float(np.abs(self.estimates).max(initial=0.0)) or 1.0  # no overflow in the squares
        first, now = self.estimates / unit, late / unit
        squares = float((first**2).sum())
        factor = float((first * now).sum()) / squares if squares else 0.0
        if squares and np.abs(now - factor * first).max() <= limit / unit:
            return STATE.format(how=f"{factor:.4g} times what it gave then"), True
        return STATE.format(how="other estimates than it gave then"), False
