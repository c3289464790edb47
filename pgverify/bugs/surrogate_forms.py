"""Faults of the ratio on data of another policy, where the clipped surrogate at θ is claimed.

The entries of `pgverify.bugs.ppo` and `importance` move θ themselves; here the data are somebody else's, and the ratio
is that to the policy that acted.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float, Inexact

from pgverify.bugs.bug import Bug
from pgverify.bugs.importance import LOG_RHO_SWAPPED, RATIO_APPLIED_TWICE
from pgverify.bugs.ppo import CLIP_BEFORE_ADVANTAGE, OLD_LOGP_RECOMPUTED, PPO_MAX_FOR_MIN
from pgverify.bugs.steps import rows, to_go
from pgverify.trajectories import Trajectories
from pgverify.validation import Array


@dataclass(frozen=True)
class SurrogateRows:
    """Contributions Σ_t γ^t w(ρ_t, A_t) ψ_t of a surrogate, A_t = G_t − V(s_t), written in one of several ways.

    Parameters
    ----------
    written : str
        The slug of an entry, or "" for the right one.
    low, high : number
        Between which the ratio is kept.
    """

    written: str
    low: float
    high: float

    def __call__(self, batch: Trajectories) -> Inexact[Array, "n d"]:
        """Return them [n, d]."""
        advantage = to_go(batch) - batch.values[:, :-1]
        weights = self.weights(batch.importance, advantage)
        return rows(batch, np.where(batch.mask, batch.discount_powers * weights, 0.0))

    def weights(self, ratio: Float[Array, "n T"], advantage: Float[Array, "n T"]) -> Float[Array, "n T"]:
        """Return the weight of each score."""
        above, below = ratio <= self.high, ratio >= self.low
        match self.written:
            case PPO_MAX_FOR_MIN.slug:
                kept = np.where(advantage > 0, below, above)
            case CLIP_BEFORE_ADVANTAGE.slug:
                kept = above
            case OLD_LOGP_RECOMPUTED.slug:
                return advantage
            case RATIO_APPLIED_TWICE.slug:
                return np.where(np.where(advantage > 0, above, below), ratio**2 * advantage, 0.0)
            case LOG_RHO_SWAPPED.slug:
                kept = np.where(advantage > 0, 1 / ratio <= self.high, 1 / ratio >= self.low)
                return np.where(kept, -advantage / ratio, 0.0)
            case _:
                kept = np.where(advantage > 0, above, below)
        return np.where(kept, ratio * advantage, 0.0)


def surrogate_faults(claim: str, low: float, high: float) -> tuple[Bug, ...]:
    """Return the entries in the form in which they miss a claim of the surrogate.

    Parameters
    ----------
    claim : str
        The target, as it was claimed.
    low, high : number
        1 − ε and 1 + ε of it.
    """
    entries = (PPO_MAX_FOR_MIN, CLIP_BEFORE_ADVANTAGE, OLD_LOGP_RECOMPUTED, RATIO_APPLIED_TWICE, LOG_RHO_SWAPPED)
    return tuple(
        replace(
            entry,
            target=claim,
            other_target=None,
            implementation=SurrogateRows(entry.slug, low, high),
            correct=SurrogateRows("", low, high),
        )
        for entry in entries
    )
