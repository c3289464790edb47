"""The exact expectation of an estimate from batches of one size, beside what it is measured against."""

from __future__ import annotations

from dataclasses import dataclass

from jaxtyping import Float

from pgverify.checking.exhaustive.conditioning import Conditioning
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
    conditioning : float
        E Σ_t |w_t| of reward-to-go: what errors of rounding are relative to.
    amplitude : float
        How many times as large as those of reward-to-go the largest estimates are.
    """

    batch_size: int
    mean: Float[Array, "d"]
    scale: float
    trace: float
    natural: float
    conditioning: float = 0.0
    amplitude: float = 1.0

    @classmethod
    def of(cls, batch_size: int, listed: Expectation, natural: float, known: Conditioning) -> BatchExpectation:
        """Return the summary of what was listed."""
        amplitude = known.amplitude(listed, batch_size == 1)
        trace = batch_size * listed.trace
        return cls(batch_size, listed.mean, listed.largest, trace, natural, known.expected, amplitude)
