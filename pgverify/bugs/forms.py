"""Other forms that entries of the catalogue take in code: the same cause and cure, another expectation or estimate."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from jaxtyping import Float, Inexact

from pgverify.bugs.autodiff import PARAMETER_LEFT_OUT
from pgverify.bugs.bug import Bug
from pgverify.bugs.cut_episodes import CUT_EPISODES
from pgverify.bugs.returns import PAST_REWARDS
from pgverify.bugs.steps import credit, rows
from pgverify.trajectories import Trajectories
from pgverify.validation import Array


def _paid_so_far(batch: Trajectories) -> Float[Array, "n T"]:
    """Return Σ_{k≤t} γ^k r_k."""
    return np.cumsum(batch.discount_powers * batch.relative_rewards, axis=1)


def _running(batch: Trajectories) -> Float[Array, "n T"]:
    """Return Σ_{k≤t} γ^{t−k} r_k: the recursion of returns from the wrong end."""
    found = batch.relative_rewards.copy()
    for t in range(1, batch.num_steps):
        found[:, t] += batch.discount * found[:, t - 1]
    return found


def _weighted(batch: Trajectories) -> Float[Array, "n T"]:
    return batch.discount_powers * _running(batch)


def _credited(weights: Callable[[Trajectories], Float[Array, "n T"]]) -> Bug:
    def implementation(batch: Trajectories) -> Inexact[Array, "n d"]:
        return rows(batch, weights(batch))

    return replace(PAST_REWARDS, implementation=implementation)


def _last_left_out(batch: Trajectories) -> Inexact[Array, "n d"]:
    """Return reward-to-go with the last parameter's component 0."""
    found = rows(batch, credit(batch)).copy()
    found[:, -1:] = 0.0
    return found


FORMS: tuple[Bug, ...] = (
    _credited(_paid_so_far),
    _credited(_running),
    _credited(_weighted),
    replace(PARAMETER_LEFT_OUT, implementation=_last_left_out),
    *CUT_EPISODES,
)
"""Each has the slug of its entry, and is tried beside it."""
