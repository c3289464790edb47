"""All changes of a loss that have a name, and the losses that are looked for with them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from itertools import product
from types import MappingProxyType

from pgverify.bugs.changed_losses import ChangedLoss, LossChange
from pgverify.bugs.compositions import DIVISORS
from pgverify.bugs.discounting import DISCOUNT_DROPPED, RETURN_UNDISCOUNTED
from pgverify.bugs.lengths import LENGTH_PER_TRAJECTORY
from pgverify.bugs.misplaced_steps import STEP_CHANGES
from pgverify.bugs.other_bonuses import BONUS_CHANGES
from pgverify.bugs.other_returns import RETURN_CHANGES
from pgverify.bugs.other_rewards import REWARD_CHANGES
from pgverify.bugs.other_scores import SCORE_CHANGES
from pgverify.bugs.preferred_returns import PREFERENCES

WHOLE_RETURNS = LossChange("", "returns of whole episodes", whole=True)
"""No fault by itself, but a loss to divide by lengths."""

LOSS_CHANGES: tuple[LossChange, ...] = (
    WHOLE_RETURNS,
    *REWARD_CHANGES,
    *RETURN_CHANGES,
    *PREFERENCES,
    *SCORE_CHANGES,
    *STEP_CHANGES,
    *BONUS_CHANGES,
)
"""Every form of every change."""

PLAINEST: Mapping[str, LossChange] = MappingProxyType(
    {change.slug: change for change in reversed(LOSS_CHANGES) if change.slug}
)
"""The first form of each, by slug."""

WITHOUT_COUPLING = ("", LENGTH_PER_TRAJECTORY.slug)
"""Divisors that know of one trajectory."""


def changed_losses(critic: bool) -> Iterator[ChangedLoss]:
    """Yield the losses with one change that are looked for, divided by the number of rows alone.

    Parameters
    ----------
    critic : bool
        Whether `batch.values` is read.
    """
    for target, change in product(("", DISCOUNT_DROPPED.slug, RETURN_UNDISCOUNTED.slug), LOSS_CHANGES):
        if not change.whole or target != DISCOUNT_DROPPED.slug:  # a whole return has no γ^t to lose
            yield ChangedLoss(change, target, critic=critic)


def divided_losses(loss: ChangedLoss, coupled: bool) -> Iterator[ChangedLoss]:
    """Yield a loss by every divisor with which it does, or does not, couple the trajectories of a batch.

    Parameters
    ----------
    loss : ChangedLoss
    coupled : bool
        Whether a step's weight depends on the other trajectories of the batch.
    """
    for divisor in DIVISORS:
        if (loss.change.coupled or divisor not in WITHOUT_COUPLING) == coupled:
            yield replace(loss, divisor=divisor)
