"""Rewards that are cut, doubled, or never added up."""

from __future__ import annotations

import numpy as np
from jaxtyping import Inexact

from pgverify.bugs.bug import Bug, Effect
from pgverify.bugs.steps import rows
from pgverify.estimators import RewardToGo
from pgverify.estimators.discounted_sum import discounted_sum
from pgverify.trajectories import Trajectories
from pgverify.validation import Array


def _immediate(batch: Trajectories) -> Inexact[Array, "n d"]:
    """Return Σ_t ψ_t r_t: a step is credited with its own reward alone."""
    return rows(batch, batch.relative_rewards)


def _last_doubled(batch: Trajectories) -> Inexact[Array, "n d"]:
    """Return reward-to-go for the rewards r_1, …, r_{L−1}, r_{L−1}: from 1, 10, 100 the returns are 210, 200, 100.

    The last reward is stored twice, and the buffer, one too long, loses its first.
    """
    rewards = batch.relative_rewards
    index, last = np.arange(batch.num_steps), np.maximum(batch.lengths - 1, 0)[:, None]
    moved = np.take_along_axis(rewards, np.minimum(index + 1, last), axis=1) if batch.num_steps else rewards
    return rows(batch, batch.discount_powers * discounted_sum(np.where(batch.mask, moved, 0.0), batch.discount))


def _clipped(batch: Trajectories) -> Inexact[Array, "n d"]:
    """Return reward-to-go for the rewards clip(r, −1, 1)."""
    changed = np.clip(batch.relative_rewards, -1.0, 1.0)
    return rows(batch, batch.discount_powers * discounted_sum(changed, batch.discount))


IMMEDIATE_REWARD = Bug(
    number=71,
    slug="immediate-reward",
    effect=Effect.BIASED,
    cause="Step t is weighted by its own reward r_t alone: what follows from the action is not credited to it.",
    cure="Weight step t by γ^t times the discounted sum of all rewards from step t on.",
    source=("no public thread found",),
    implementation=_immediate,
    correct=RewardToGo(),
    note="E Σ_t ψ_t r_t is also the expectation of past-rewards; with γ^t it is reward-discounted-by-index.",
)

LAST_REWARD_DOUBLED = Bug(
    number=72,
    slug="last-reward-doubled",
    effect=Effect.BIASED,
    cause="The last reward of an episode is stored twice and the first is dropped: returns start one reward late.",
    cure="Store each reward once, beside the action that earned it.",
    source=("pfrl 0.4.0 (REINFORCE)",),
    implementation=_last_doubled,
    correct=RewardToGo(),
)

REWARD_CLIPPED = Bug(
    number=73,
    slug="reward-clipped",
    effect=Effect.OTHER_TARGET,
    cause="Rewards are clipped to [−1, 1]: the return of other rewards is improved.",
    cure="Scale rewards by a constant instead of cutting them.",
    source=(
        "Mnih et al., Human-level control through deep reinforcement learning, 2015, doi:10.1038/nature14236",
        "van Hasselt et al., Learning values across many orders of magnitude, 2016, arXiv 1602.07714",
    ),
    implementation=_clipped,
    correct=RewardToGo(),
    other_target="unit_reward_gradient",
    note="Innocent where no |r| exceeds 1.",
)
