"""Which rewards a step is credited with, as common faults have it: what compositions begin with."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

import numpy as np
from jaxtyping import Float

from pgverify.bugs.changed_rewards import IMMEDIATE_REWARD, REWARD_CLIPPED
from pgverify.bugs.discounting import DISCOUNT_DROPPED, RETURN_UNDISCOUNTED
from pgverify.bugs.returns import REWARD_SHIFTED_LATE
from pgverify.bugs.steps import to_go, undiscounted_to_go
from pgverify.estimators.discounted_sum import discounted_sum
from pgverify.trajectories import Trajectories
from pgverify.validation import Array

StepWeights = Float[Array, "n T"]


def _immediate(batch: Trajectories) -> StepWeights:
    return batch.relative_rewards


def _clipped(batch: Trajectories, discount: float) -> StepWeights:
    """Return the return from t on of rewards cut to [−1, 1]."""
    return discounted_sum(np.clip(batch.relative_rewards, -1.0, 1.0), discount)


def _late(batch: Trajectories) -> StepWeights:
    """Return G_t − r_t."""
    return to_go(batch) - batch.relative_rewards


CREDITED: Mapping[tuple[str, ...], Callable[[Trajectories], StepWeights]] = MappingProxyType(
    {
        (): to_go,
        (DISCOUNT_DROPPED.slug,): to_go,
        (RETURN_UNDISCOUNTED.slug,): undiscounted_to_go,
        (IMMEDIATE_REWARD.slug,): _immediate,
        (REWARD_CLIPPED.slug,): lambda batch: _clipped(batch, batch.discount),
        (DISCOUNT_DROPPED.slug, REWARD_CLIPPED.slug): lambda batch: _clipped(batch, batch.discount),
        (RETURN_UNDISCOUNTED.slug, REWARD_CLIPPED.slug): lambda batch: _clipped(batch, 1.0),
        (REWARD_SHIFTED_LATE.slug,): _late,
        (DISCOUNT_DROPPED.slug, REWARD_SHIFTED_LATE.slug): _late,
    }
)
"""The weight of step t, before it is centred and divided, by the slugs of what is wrong with it."""

WITHOUT_POWERS = (DISCOUNT_DROPPED.slug, RETURN_UNDISCOUNTED.slug, IMMEDIATE_REWARD.slug)
"""Faults under which no factor γ^t is multiplied."""

CREDITING = (DISCOUNT_DROPPED, RETURN_UNDISCOUNTED, IMMEDIATE_REWARD, REWARD_CLIPPED, REWARD_SHIFTED_LATE)
"""The entries that these are."""
