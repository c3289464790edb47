"""The exact expectation of an estimate from batches of one size, beside what it is measured against."""

from __future__ import annotations

from dataclasses import dataclass

from jaxtyping import Float

from pgverify.exact.expectation import Expectation
from pgverify.validation import Array


@dataclass(frozen=True, eq=False)
class BatchExpectation:
    """The exact mean of an estimate over all batches of one size.

    Attributes
    ----------
    batch_size : int
        Trajectories in a batch; 1 for functions that treat trajectories independently.
    mean : [d]
    scale : float
        E of the largest entry of |estimate|: what rounding errors are relative to.
    trace : float
        tr Cov of the estimate, times the batch size.
    natural : float
        The same as `scale` for reward-to-go: what deviations are relative to.
    """

    batch_size: int
    mean: Float[Array, "d"]
    scale: float
    trace: float
    natural: float

    @classmethod
    def of(cls, batch_size: int, listed: Expectation, natural: float) -> BatchExpectation:
        """Return the summary of what was listed."""
        return cls(batch_size, listed.mean, listed.largest, batch_size * listed.trace, natural)
