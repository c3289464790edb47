"""All changes of a loss that have a name, and the losses that are looked for with them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from itertools import product
from types import MappingProxyType

from pgverify.bugs.centring import ADDED, WHOLE_EPISODE
from pgverify.bugs.changed_losses import ChangedLoss, LossChange
from pgverify.bugs.discounting import DISCOUNT_DROPPED, RETURN_UNDISCOUNTED
from pgverify.bugs.groups import GROUP_STD
from pgverify.bugs.leave_one_out import GROUP_STD_POPULATION
from pgverify.bugs.lengths import LENGTH_PER_TRAJECTORY
from pgverify.bugs.losses.group_advantages import BATCH_STD
from pgverify.bugs.misplaced_steps import STEP_CHANGES, STEPS_LEFT_OUT
from pgverify.bugs.normalisation import NORMALISE_MINIBATCH
from pgverify.bugs.other_bonuses import BONUS_CHANGES
from pgverify.bugs.other_returns import RETURN_CHANGES
from pgverify.bugs.other_rewards import REWARD_CHANGES
from pgverify.bugs.other_scores import SCORE_CHANGES
from pgverify.bugs.preferred_returns import EXPONENTIAL_WEIGHTS, PREFERENCES

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

TARGETS = ("", DISCOUNT_DROPPED.slug, RETURN_UNDISCOUNTED.slug)

OF_STEPS = (NORMALISE_MINIBATCH.slug,)
"""What all steps of a batch are centred by, beside a change."""

OF_EPISODES = tuple(each for each in WHOLE_EPISODE if each != BATCH_STD.slug)
"""What the episodes of a group are."""

DIVIDING = {GROUP_STD.slug: (0,), GROUP_STD_POPULATION.slug: (0,), NORMALISE_MINIBATCH.slug: (0, 1)}
"""What divides by a deviation, and what may be taken off the number there."""

CURVES = tuple(
    change
    for change in (*RETURN_CHANGES, *PREFERENCES)
    if change.whole and not change.coupled and change.slug != EXPONENTIAL_WEIGHTS.slug
)
"""Changes of an episode's return that know of no other episode; exponentials are too many, and seldom met so."""

BESIDE_CENTRING: tuple[LossChange, ...] = (
    WHOLE_RETURNS,
    *(change for change in REWARD_CHANGES if not change.coupled),
    *CURVES,
    *(change for change in SCORE_CHANGES if not change.coupled),
    *STEPS_LEFT_OUT,
    *BONUS_CHANGES,
)
"""Changes that are looked for beside a mean or a deviation of the batch, too."""


def changed_losses(critic: bool, coupled: bool) -> Iterator[ChangedLoss]:
    """Yield the losses with one change that are looked for, divided by the number of rows alone.

    Parameters
    ----------
    critic : bool
        Whether `batch.values` is read.
    coupled : bool
        Whether a row may depend on the others.
    """
    for target, change in product(TARGETS, LOSS_CHANGES):
        whole = change.whole and target == DISCOUNT_DROPPED.slug  # a whole return has no γ^t to lose
        if not whole and (coupled or not change.coupled):
            yield ChangedLoss(change, target, critic=critic)
    if coupled:
        yield from _centred_losses(critic)


def _centred_losses(critic: bool) -> Iterator[ChangedLoss]:
    for change, target, centred in product(BESIDE_CENTRING, TARGETS, (*OF_EPISODES, *OF_STEPS)):
        whole = centred in OF_EPISODES
        if whole and (critic or target == DISCOUNT_DROPPED.slug):
            continue
        plain = change if whole or not change.whole else replace(change, whole=False)
        for added, freedom in product(ADDED if centred in DIVIDING else ADDED[:1], DIVIDING.get(centred, (0,))):
            loss = ChangedLoss(plain, target, "", critic, centred, added, freedom)
            yield loss
            if change.returns is not None:
                yield replace(loss, centred_first=True)
