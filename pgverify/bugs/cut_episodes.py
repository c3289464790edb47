"""Faults at the cut itself: what they are on episodes that the caller has cut, where no window has to be made up.

A return is whole where γ V(s_T), the value of the state reached, is earned on the last step before the cut.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from jaxtyping import Float, Inexact, Integer

from pgverify.bugs.bug import Bug
from pgverify.bugs.episode_ends import BOOTSTRAP_TWICE, TRUNCATION_AS_TERMINATION, TRUNCATION_WRONG_STATE
from pgverify.estimators import RewardToGo
from pgverify.trajectories import Trajectories
from pgverify.validation import Array


def _earning(batch: Trajectories, earned: Float[Array, "m"], rows: Integer[Array, "m"]) -> Inexact[Array, "n d"]:
    """Return reward-to-go with something added to the last reward of the episodes that are cut."""
    rewards = batch.rewards.copy()
    rewards[rows, batch.lengths[rows] - 1] += earned
    return RewardToGo()(replace(batch, rewards=rewards))


def _cut(batch: Trajectories) -> Integer[Array, "m"]:
    return np.flatnonzero(batch.truncated & (batch.lengths > 0))


def _bootstrapped(batch: Trajectories, times: float = 1.0, early: int = 0) -> Inexact[Array, "n d"]:
    """Return Σ_t γ^t ψ_t (r_t + … + γ^{T−t} c V(s_{T−e}))."""
    rows = _cut(batch)
    return _earning(batch, times * batch.discount * batch.values[rows, batch.lengths[rows] - early], rows)


def _as_termination(batch: Trajectories) -> Inexact[Array, "n d"]:
    """Return the same without what follows the cut."""
    return RewardToGo()(batch)


def _wrong_state(batch: Trajectories) -> Inexact[Array, "n d"]:
    """Return the same with V of the state before the last action."""
    return _bootstrapped(batch, early=1)


def _twice(batch: Trajectories) -> Inexact[Array, "n d"]:
    """Return the same with 2 V."""
    return _bootstrapped(batch, times=2.0)


CUT_EPISODES: tuple[Bug, ...] = (
    replace(TRUNCATION_AS_TERMINATION, implementation=_as_termination, correct=_bootstrapped),
    replace(TRUNCATION_WRONG_STATE, implementation=_wrong_state, correct=_bootstrapped),
    replace(BOOTSTRAP_TWICE, implementation=_twice, correct=_bootstrapped),
)
"""Each has the slug of its entry, and is tried beside it."""
