"""The scope of a verdict: what was tried, and what could not have shown."""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True)
class SampledSize:
    """What sampled batches of one size say on one problem.

    Attributes
    ----------
    size : int
        Trajectories in a batch.
    calls : int
        Batches that were drawn.
    hidden_bias : float
        Relative to the target: a larger bias would have been seen; infinite where nothing can be said.
    rarest : float
        What happens in fewer than this part of the batches may not have been seen.
    """

    size: int
    calls: int
    hidden_bias: float
    rarest: float

    def __str__(self) -> str:
        if math.isinf(self.hidden_bias):
            return f"{self.size} (any bias could hide in {self.calls} batches)"
        return (
            f"{self.size} (a bias up to {self.hidden_bias:.1g} of the target could hide; in fewer than 1 of "
            f"{round(1.0 / self.rarest)} batches: unseen)"
        )
