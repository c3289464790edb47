"""What a report is asked for: the batch in question, and the error that is to be reached."""

from __future__ import annotations

from dataclasses import dataclass

from pgverify.errors import InvalidSampling
from pgverify.validation import require_integer, require_number, settle


@dataclass(frozen=True)
class Accuracy:
    """The batch whose quality is told, and the relative error for which trajectories are counted.

    Parameters
    ----------
    batch_size : int
        N of the expected cosine, and of estimators that couple the trajectories of a batch.
    relative_error : float
        ε in (0, 1]: |ĝ − ∇J| ≤ ε |∇J|.
    confidence : float
        Probability with which that error is kept.
    max_steps : int, optional
        As for `pgverify.sample`.

    Raises
    ------
    InvalidSampling
        When one of them is out of range.
    """

    batch_size: int = 100
    relative_error: float = 0.05
    confidence: float = 0.95
    max_steps: int | None = None

    def __post_init__(self) -> None:
        settle(
            self,
            batch_size=require_integer(
                "batch_size", self.batch_size, 2, InvalidSampling, ": a mean of others leaves one out"
            ),
            relative_error=require_number(
                "relative_error", self.relative_error, 1e-12, 1.0, InvalidSampling, "in (0, 1]; 0.05 is 5 %"
            ),
            confidence=require_number("confidence", self.confidence, 1e-12, 1 - 1e-12, InvalidSampling, "in (0, 1)"),
        )
