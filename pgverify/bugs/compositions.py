"""Faults composed: what is estimated × what is subtracted and divided by × the number of steps, and the sign.

What most training scripts do is two or three of these at once: rewards summed without γ, standardised, and a mean over
all steps of the batch. Each stage alone is an entry of the catalogue; compositions of two that `pairs` has are left
to it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import product
from types import MappingProxyType

import numpy as np
from jaxtyping import Float, Inexact

from pgverify.bugs.bug import BUG, Bug, Effect
from pgverify.bugs.centring import ADDED, CENTRED, DEVIATIONS, LEFT_OUT, OTHERS, WHOLE_EPISODE, of_episodes, of_steps
from pgverify.bugs.credited_rewards import CREDITED, CREDITING, WITHOUT_POWERS
from pgverify.bugs.discounting import RETURN_UNDISCOUNTED
from pgverify.bugs.group_baselines import (
    BEST_OF_GROUP_BASELINE,
    MEDIAN_BASELINE,
    MIDRANGE_BASELINE,
    WORST_OF_GROUP_BASELINE,
    over_batch_std,
)
from pgverify.bugs.groups import GROUP_MEAN_SELF, GROUP_STD
from pgverify.bugs.leave_one_out import GROUP_STD_POPULATION, RLOO_SEQUENCE_MEAN, RLOO_TOKEN_MEAN
from pgverify.bugs.lengths import LENGTH_PER_BATCH, LENGTH_PER_TRAJECTORY
from pgverify.bugs.loss_bug import LossBug
from pgverify.bugs.losses.group_advantages import BATCH_STD
from pgverify.bugs.normalisation import BASELINE_FIT_SAME_BATCH, NORMALISE_MINIBATCH, SMALL
from pgverify.bugs.pairs import PAIRS
from pgverify.bugs.steps import returns, rows
from pgverify.bugs.whole_batch import LENGTH_OF_LONGEST, SIGN_REVERSED
from pgverify.estimators import RewardToGo
from pgverify.kinds import accepts
from pgverify.trajectories import Trajectories
from pgverify.validation import Array

DIVISORS: Mapping[str, Callable[[Trajectories], float | Float[Array, "n"]]] = MappingProxyType(
    {
        "": lambda batch: float(len(batch)),
        LENGTH_PER_TRAJECTORY.slug: lambda batch: len(batch) * np.maximum(batch.lengths, 1.0),
        LENGTH_PER_BATCH.slug: lambda batch: max(float(batch.lengths.sum()), 1.0),
        LENGTH_OF_LONGEST.slug: lambda batch: len(batch) * max(float(batch.lengths.max(initial=0)), 1.0),
    }
)
"""What the sum over trajectories is divided by."""


@dataclass(frozen=True)
class Composition:
    """g = Σ_i Σ_t w_t ψ_t / divisor, as n rows of which it is the mean.

    Attributes
    ----------
    target : tuple of str
        A key of `CREDITED`: which rewards count, and how.
    centred : str
        One of `CENTRED`.
    divisor : str
        A key of `DIVISORS`.
    added : float
        What is added to a standard deviation.
    freedom : int
        1 where that of all steps has the divisor "number of steps − 1".
    under_root : bool
        Whether it is added to the square of the deviation, under the root.
    """

    target: tuple[str, ...]
    centred: str = ""
    divisor: str = ""
    added: float = SMALL
    freedom: int = 0
    under_root: bool = False

    @property
    def by_group(self) -> bool:
        """Whether it asks a batch which of its trajectories belong together."""
        return self.centred == BATCH_STD.slug

    def __call__(self, batch: Trajectories) -> Inexact[Array, "n d"]:
        """Return one contribution a trajectory [n, d]; the estimate is their mean."""
        share = np.broadcast_to(len(batch) / np.asarray(DIVISORS[self.divisor](batch)), len(batch))
        return rows(batch, self._weights(batch) * share[:, None])

    def _weights(self, batch: Trajectories) -> Float[Array, "n T"]:
        if self.centred in WHOLE_EPISODE:
            values = batch.relative_rewards.sum(axis=1) if self.target else returns(batch)
            if self.centred == BATCH_STD.slug:
                return np.broadcast_to(over_batch_std(batch, values, self.added)[:, None], batch.rewards.shape)
            made = of_episodes(values, self.centred, self.added, self.under_root)
            return np.broadcast_to(made[:, None], batch.rewards.shape)
        weights = CREDITED[self.target](batch)
        weights = of_steps(weights, batch.mask, self.centred, self.added, self.freedom, self.under_root)
        return weights if set(self.target) & set(WITHOUT_POWERS) else batch.discount_powers * weights


STAGES: Mapping[str, Bug | LossBug] = {
    bug.slug: bug
    for bug in (
        *CREDITING,
        GROUP_MEAN_SELF,
        GROUP_STD,
        GROUP_STD_POPULATION,
        BATCH_STD,
        BEST_OF_GROUP_BASELINE,
        MEDIAN_BASELINE,
        WORST_OF_GROUP_BASELINE,
        MIDRANGE_BASELINE,
        NORMALISE_MINIBATCH,
        BASELINE_FIT_SAME_BATCH,
        LENGTH_PER_TRAJECTORY,
        LENGTH_PER_BATCH,
        LENGTH_OF_LONGEST,
        RLOO_TOKEN_MEAN,
        RLOO_SEQUENCE_MEAN,
    )
}
"""The entries that compositions are made of."""


def _slugs(made: Composition) -> tuple[str, ...]:
    if made.centred == OTHERS:
        together = LEFT_OUT.get(made.divisor, made.divisor)
        return (*made.target, *((together,) if together else ()))
    return (*made.target, *(slug for slug in (made.centred, made.divisor) if slug))


def _composed() -> Iterator[Bug]:
    known = {pair.slug for pair in PAIRS} | set(STAGES)
    for target, centred, divisor in product(CREDITED, CENTRED, DIVISORS):
        if centred in WHOLE_EPISODE and target not in ((), (RETURN_UNDISCOUNTED.slug,)):
            continue  # a whole episode's return has no factor γ^t to lose
        divided = centred in (*DEVIATIONS, NORMALISE_MINIBATCH.slug)
        for added, freedom in product(ADDED if divided else ADDED[:1], (0, 1)):
            plain = added == SMALL and freedom == 0
            if freedom and centred != NORMALISE_MINIBATCH.slug:
                continue
            made = Composition(target, centred, divisor, added, freedom)
            slugs = _slugs(made)
            # Of the first entry, which fits one value a state; the second is a loss.
            form = slugs in ((BASELINE_FIT_SAME_BATCH.slug,), (BATCH_STD.slug,))
            if not slugs or (plain and " + ".join(slugs) in known and not form):
                continue
            yield _bug(made, slugs)


def _bug(made: Composition, slugs: tuple[str, ...]) -> Bug:
    stages = [STAGES[slug] for slug in slugs]
    return Bug(
        number=0,
        slug=" + ".join(slugs),
        effect=Effect.BIASED,
        cause=" ".join(stage.cause for stage in stages),
        cure=" ".join(stage.cure for stage in stages),
        source=tuple(dict.fromkeys(place for stage in stages for place in stage.source)),
        implementation=made,
        correct=RewardToGo(),
        batch_size=1 if not made.centred and made.divisor in ("", LENGTH_PER_TRAJECTORY.slug) else 2,
    )


@accepts(bug=BUG)
def with_sign_reversed(bug: Bug) -> Bug:
    """Return a fault composed with a wrong sign."""

    def implementation(batch: Trajectories) -> Inexact[Array, "*rows d"]:
        return -np.asarray(bug.implementation(batch))

    return replace(
        bug,
        number=0,
        slug=f"{bug.slug} + {SIGN_REVERSED.slug}",
        effect=Effect.BIASED,
        cause=f"{bug.cause} {SIGN_REVERSED.cause}",
        cure=f"{bug.cure} {SIGN_REVERSED.cure}",
        source=tuple(dict.fromkeys((*bug.source, *SIGN_REVERSED.source))),
        implementation=implementation,
        factor=None,
        other_target=None,
    )


COMPOSITIONS: tuple[Bug, ...] = tuple(_composed())
"""Compositions that are no entries and no pairs; some share a slug, and differ in what is added to a deviation."""
