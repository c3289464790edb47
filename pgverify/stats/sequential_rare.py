"""What events that no sample has shown may add: bounds from outside the sample."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from pgverify.validation import Array


@dataclass(frozen=True, eq=False)
class RareEvents:
    """Bounds on what samples may not have shown; U, the variance that is allowed for, is the smaller of the two.

    U = (L/n) d diag(jump²)  or  U = root rootᵀ

    Of n samples, events of total probability L/n may show in none.

    Parameters
    ----------
    jump : [d]
        |x_j − E x_j| in such an event.
    root : [d, k]
        root rootᵀ bounds E[(x − E x)(x − E x)ᵀ; such an event], in every direction.
    """

    jump: Float[Array, "d"]
    root: Float[Array, "d k"]

    def times(self, factor: float) -> RareEvents:
        """Return the bounds on samples that are all multiplied."""
        return RareEvents(abs(factor) * self.jump, factor * self.root)

    def covariance(self, n: int, log_odds: float) -> Float[Array, "d d"]:
        """Return U, the one with the smaller largest eigenvalue."""
        whole, jump = self.root @ self.root.T, np.diag(self.jump.size * self.jump**2) * log_odds / n
        return jump if jump.max() <= np.linalg.eigvalsh(whole)[-1] else whole

    def variance(self, n: int, log_odds: float) -> Float[Array, "d"]:
        """Return U one coordinate at a time."""
        return np.minimum(self.jump**2 * log_odds / n, (self.root**2).sum(axis=1))

    def largest(self, n: int, log_odds: float) -> float:
        """Return the largest eigenvalue of U."""
        return float(np.linalg.eigvalsh(self.covariance(n, log_odds))[-1])
