"""Other rewards in the place of the rewards: their sign, whether they exceed a bound, a curve, what is above zero.

Whatever stands for r in Σ_t ψ_t Σ_{k≥t} γ^k f(r_k), the gradient is that of the return of f(r). Centred or standardised
over the batch, f depends on the other rewards besides, the own included.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
from jaxtyping import Float

from pgverify.bugs.changed_losses import (
    NO_THREAD,
    KeptSteps,
    LossChange,
    StepValues,
    entry_of_change,
)
from pgverify.bugs.changed_rewards import REWARD_CLIPPED
from pgverify.bugs.normalisation import SMALL
from pgverify.validation import Array

Curve = Callable[[StepValues], StepValues]
"""r -> f(r), reward by reward."""


def symmetric_logarithm(rewards: StepValues) -> StepValues:
    """Return sign(r) log(1 + |r|)."""
    return np.sign(rewards) * np.log1p(np.abs(rewards))


def _each(curve: Curve, rewards: StepValues, _: KeptSteps) -> StepValues:
    return curve(rewards)


def _above(bound: float, rewards: StepValues, _: KeptSteps) -> StepValues:
    return (rewards > bound).astype(float)


def _clipped(bound: float, rewards: StepValues, _: KeptSteps) -> StepValues:
    return np.clip(rewards, -bound, bound)


def _positive_part(rewards: StepValues, _: KeptSteps) -> StepValues:
    return np.maximum(rewards, 0.0)


def _last_alone(rewards: StepValues, mask: KeptSteps) -> StepValues:
    last = np.cumsum(mask[:, ::-1], axis=1)[:, ::-1] == 1
    return np.where(last & mask, rewards, 0.0)


def _standardised(divided: bool, rewards: StepValues, mask: KeptSteps) -> StepValues:
    taken: Float[Array, "steps"] = rewards[mask]
    if not len(taken):
        return rewards
    return (rewards - taken.mean()) / (taken.std() + SMALL if divided else 1.0)


REWARD_CHANGES: tuple[LossChange, ...] = (
    LossChange("reward-sign", "the signs of rewards", partial(_each, np.sign)),
    *(
        LossChange("reward-thresholded", f"1 for each reward above {bound:g}", partial(_above, bound))
        for bound in (0.0, 0.5, 1.0)
    ),
    LossChange("reward-squashed", "tanh of each reward", partial(_each, np.tanh)),
    LossChange("reward-squashed", "sign(r) log(1 + |r|) of each reward r", partial(_each, symmetric_logarithm)),
    LossChange("reward-squared", "the squares of rewards", partial(_each, np.square)),
    LossChange("reward-rectified", "what of each reward is above 0", _positive_part),
    LossChange("last-reward-alone", "the last reward of each episode alone", _last_alone),
    *(
        LossChange(REWARD_CLIPPED.slug, f"rewards clipped to [−{bound:g}, {bound:g}]", partial(_clipped, bound))
        for bound in (1.0, 5.0, 10.0, 0.5)
    ),
    LossChange(
        "rewards-standardised", "rewards standardised over the batch", partial(_standardised, True), coupled=True
    ),
    LossChange(
        "rewards-centred", "rewards less their mean over the batch", partial(_standardised, False), coupled=True
    ),
)
"""The plainest form of each slug comes first."""


_entry = partial(entry_of_change, REWARD_CHANGES)


REWARD_SIGN = _entry(
    115,
    "reward-sign",
    "Each reward is replaced by its sign, which is often called clipping: the return of other rewards is improved.",
    "Keep the rewards, or divide all by one constant.",
    ("pytorch/rl#1777", "jcwleo/random-network-distillation-pytorch#35"),
    "Innocent where every reward is −1, 0 or 1.",
)

REWARD_THRESHOLDED = _entry(
    116,
    "reward-thresholded",
    "A reward counts as 1 where it is above a bound, else as 0: by how much it is, is lost.",
    "Keep the rewards, or say that the number of successes is the objective.",
    NO_THREAD,
    "The bound is 0; others are recognised as well. Innocent where every reward is 0 or 1.",
)

REWARD_SQUASHED = _entry(
    117,
    "reward-squashed",
    "Rewards go through a curve, tanh or a symmetric logarithm, before they are summed: the sum is of other rewards.",
    "Sum the rewards as they are; squash what a critic predicts, if anything.",
    NO_THREAD,
    "The entry has tanh; sign(r) log(1 + |r|) is recognised as well.",
)

REWARD_SQUARED = _entry(
    151,
    "reward-squared",
    "Rewards are squared before they are summed: what costs something is sought as if it were a gain.",
    "Sum the rewards as they are; squares belong to the critic's loss.",
    NO_THREAD,
    "Innocent where every reward is 0 or 1.",
)

REWARD_RECTIFIED = _entry(
    118,
    "reward-rectified",
    "Negative rewards count as 0: what costs something is not avoided.",
    "Keep the sign of the rewards.",
    NO_THREAD,
    "Innocent where no reward is negative.",
)

LAST_REWARD_ALONE = _entry(
    119,
    "last-reward-alone",
    "Only the last reward of an episode counts, as if the others were 0.",
    "Sum the rewards of all steps.",
    NO_THREAD,
    "Innocent where the others are 0, or episodes have one step.",
)

REWARDS_STANDARDISED = _entry(
    120,
    "rewards-standardised",
    "Rewards are standardised over the batch before they are summed: an episode is paid less, the longer it lasts, "
    "and the mean and the deviation depend on the own reward.",
    "Sum the rewards as they are; subtract a baseline from the sums.",
    NO_THREAD,
)

REWARDS_CENTRED = _entry(
    121,
    "rewards-centred",
    "The mean reward of the batch is subtracted from each reward before they are summed: how long an episode lasts is "
    "paid for, and the mean depends on the own reward.",
    "Sum the rewards as they are; subtract a baseline from the sums.",
    NO_THREAD,
)
