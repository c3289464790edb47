"""Two common faults at once: one in what a step is credited with, the other in what happens to the credit.

A credit is made in three stages, each right or wrong in a known way: which rewards, what is subtracted or divided, by
which number of steps. With one stage wrong these are entries of the catalogue; here two are.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import product
from types import MappingProxyType

import numpy as np
from jaxtyping import Float, Inexact

from pgverify.bugs.bug import Bug, Effect
from pgverify.bugs.credited_rewards import StepWeights
from pgverify.bugs.discounting import DISCOUNT_DROPPED, REWARD_DISCOUNTED_BY_INDEX
from pgverify.bugs.groups import GROUP_MEAN_SELF, GROUP_STD, standardised
from pgverify.bugs.lengths import LENGTH_PER_BATCH, LENGTH_PER_TRAJECTORY
from pgverify.bugs.normalisation import NORMALISE_MINIBATCH, SMALL
from pgverify.bugs.returns import PAST_REWARDS, REWARD_SHIFTED_LATE
from pgverify.bugs.steps import returns, rows, to_go
from pgverify.estimators import RewardToGo
from pgverify.trajectories import Trajectories
from pgverify.validation import Array


def _over_steps(batch: Trajectories, weights: StepWeights) -> StepWeights:
    """Return (w − w̄)/(σ + ε) over all steps of the batch."""
    taken = weights[batch.mask]
    return (weights - taken.mean()) / (taken.std() + SMALL) if len(taken) else weights


def _less_mean(batch: Trajectories) -> Float[Array, "n"]:
    values = returns(batch)
    return values - values.mean()


REWARDS: Mapping[str, Callable[[Trajectories], StepWeights]] = MappingProxyType(
    {
        "": to_go,
        REWARD_DISCOUNTED_BY_INDEX.slug: lambda batch: batch.relative_rewards,
        REWARD_SHIFTED_LATE.slug: lambda batch: to_go(batch) - batch.relative_rewards,
        PAST_REWARDS.slug: lambda batch: np.cumsum(batch.relative_rewards, axis=1),
    }
)
"""Which rewards step t is credited with, before the factor γ^t."""

WHOLE_EPISODE: Mapping[str, Callable[[Trajectories], Float[Array, "n"]]] = MappingProxyType(
    {GROUP_MEAN_SELF.slug: _less_mean, GROUP_STD.slug: lambda batch: standardised(returns(batch))}
)
"""Weights of whole episodes, which take the place of whatever rewards the step had."""


@dataclass(frozen=True)
class TwoFaults:
    """g = Σ_t w_t ψ_t with two of the three stages wrong.

    Attributes
    ----------
    rewards : str
        A key of `REWARDS`; "" where they are right.
    centred : str
        A key of `WHOLE_EPISODE`, "normalise-minibatch", or "".
    length : str
        Slug of the fault of lengths, or "".
    dropped : bool
        Whether the factor γ^t is dropped. Rewards of the past have none.
    """

    rewards: str
    centred: str
    length: str
    dropped: bool

    def __call__(self, batch: Trajectories) -> Inexact[Array, "*rows d"]:
        """Return the rows [n, d]; the estimate [d] where all steps of the batch share one divisor."""
        if self.centred in WHOLE_EPISODE:
            weights = np.broadcast_to(WHOLE_EPISODE[self.centred](batch)[:, None], batch.rewards.shape)
        else:
            weights = REWARDS[self.rewards](batch)
            if self.centred:
                weights = _over_steps(batch, weights)
            if not self.dropped and self.rewards != PAST_REWARDS.slug:
                weights = batch.discount_powers * weights
        if self.length == LENGTH_PER_TRAJECTORY.slug:
            weights = weights / np.maximum(batch.lengths, 1)[:, None]
        found = rows(batch, weights)
        if self.length == LENGTH_PER_BATCH.slug:
            return found.sum(axis=0) / max(int(batch.lengths.sum()), 1)
        return found


def _pairs() -> Iterator[Bug]:
    known = (
        DISCOUNT_DROPPED,
        REWARD_DISCOUNTED_BY_INDEX,
        REWARD_SHIFTED_LATE,
        PAST_REWARDS,
        GROUP_MEAN_SELF,
        GROUP_STD,
        NORMALISE_MINIBATCH,
        LENGTH_PER_TRAJECTORY,
        LENGTH_PER_BATCH,
    )
    entries = {bug.slug: bug for bug in known}
    middle = ("", *WHOLE_EPISODE, NORMALISE_MINIBATCH.slug)
    lengths = ("", LENGTH_PER_TRAJECTORY.slug, LENGTH_PER_BATCH.slug)
    for rewards, centred, length, dropped in product(REWARDS, middle, lengths, ("", DISCOUNT_DROPPED.slug)):
        slugs = [slug for slug in (dropped, rewards, centred, length) if slug]
        # Neither rewards of the past nor weights of whole episodes have a factor γ^t to lose.
        apart = (centred in WHOLE_EPISODE and (rewards or dropped)) or (dropped and rewards == PAST_REWARDS.slug)
        # Σ ψ_t r_t has the expectation of past-rewards: one fault explains it.
        apart = apart or (dropped and rewards == REWARD_DISCOUNTED_BY_INDEX.slug)
        if len(slugs) != 2 or apart:
            continue
        first, second = (entries[slug] for slug in slugs)
        yield Bug(
            number=0,
            slug=f"{first.slug} + {second.slug}",
            effect=Effect.BIASED,
            cause=f"{first.cause} {second.cause}",
            cure=f"{first.cure} {second.cure}",
            source=(*first.source, *second.source),
            implementation=TwoFaults(rewards, centred, length, bool(dropped)),
            correct=RewardToGo(),
            batch_size=max(first.batch_size, second.batch_size),
        )


PAIRS: tuple[Bug, ...] = tuple(_pairs())
"""Every pair; the slug is "first + second". They are no entries of the catalogue, and have no number."""
