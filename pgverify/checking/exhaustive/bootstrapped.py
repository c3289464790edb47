"""Episodes that are cut, made whole: the value of what follows is earned on the last step."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from pgverify.trajectories import Trajectories


def with_bootstrap(batch: Trajectories) -> Trajectories:
    """Return the batch with γ V(s_T) added to the last reward of every episode that is cut: its returns are whole."""
    rows = np.flatnonzero(batch.truncated & (batch.lengths > 0))
    if not rows.size:
        return batch
    rewards, lengths = batch.rewards.copy(), batch.lengths[rows]
    rewards[rows, lengths - 1] += batch.discount * batch.values[rows, lengths]
    return replace(batch, rewards=rewards)


@dataclass(frozen=True)
class Bootstrapped:
    """A function of whole episodes on episodes that are cut: what an entry of the catalogue is there."""

    function: Callable[[Trajectories], Any]

    def __call__(self, batch: Trajectories) -> Any:
        """Return the function of the batch with every return made whole."""
        return self.function(with_bootstrap(batch))
