"""What the parameters of a policy do not change: reckoned once an MDP, and kept with it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from jaxtyping import Bool, Float

from pgverify.dynamics import SuccessorLists
from pgverify.mdp import TabularMDP
from pgverify.validation import Array, read_only

PLACE = "_fixed_parts"
"""Where an MDP keeps them: they live as long as it does, and are not copied with it."""

FAR_FROM_ZERO = 16.0
"""Rewards whose middle is so many times as large as the distance between them have a common part; nearer to zero it
would cost four bits at most. So far from it, r − m is exact (Sterbenz)."""


@dataclass(frozen=True, eq=False)
class FixedParts:
    """Rewards and dynamics as every chain on an MDP has them; read-only.

    Attributes
    ----------
    start : [S]
    successors : SuccessorLists
    running : [S] of bool
        Outside terminal states.
    reward : [S, A, K]
        0 in terminal states.
    """

    start: Float[Array, "S"]
    successors: SuccessorLists
    running: Bool[Array, "S"]
    reward: Float[Array, "S A K"]

    @cached_property
    def step_reward(self) -> Float[Array, "S A"]:
        """r(s,a) = Σ_{s'} P(s'|s,a) r(s,a,s')."""
        return read_only(self.successors.total(self.reward))

    @cached_property
    def common_reward(self) -> float:
        """What rewards have in common where every action may be taken: see `common_part`."""
        return common_part(self.reward, (self.successors.weight.real > 0) & self.running[:, None, None])

    @cached_property
    def everything_runs(self) -> bool:
        """Whether no state is terminal."""
        return bool(self.running.all())


def fixed_parts(mdp: TabularMDP) -> FixedParts:
    """Return the parts of an MDP that no policy changes, the same object every time.

    Parameters
    ----------
    mdp : TabularMDP
    """
    kept: dict[str, Any] = vars(mdp)
    if PLACE not in kept:
        reward = mdp.paid
        if mdp.terminal.any() and reward[mdp.terminal].any():
            reward = read_only(np.where(mdp.terminal[:, None, None], 0.0, reward))
        kept.setdefault(PLACE, FixedParts(mdp.start, mdp.successors, read_only(~mdp.terminal), reward))
    found: FixedParts = kept[PLACE]
    return found


def common_part(reward: Float[Array, "S A K"], possible: Bool[Array, "S A K"]) -> float:
    """Return m, the middle of the rewards where these are far from zero and close to each other; else 0.

    Parameters
    ----------
    reward : [S, A, K]
    possible : [S, A, K]
        Which of them can be paid.
    """
    if possible.all():
        low, high = float(reward.min()), float(reward.max())
    else:
        low = float(np.min(reward, initial=np.inf, where=possible))
        high = float(np.max(reward, initial=-np.inf, where=possible))
        if low > high:  # nothing can be paid
            return 0.0
    middle = low + (high - low) / 2.0
    return middle if abs(middle) > FAR_FROM_ZERO * (high - low) else 0.0
