"""The losses that training code has: an advantage, whole or standardised, a ratio that is clipped, a mean, an entropy.

    g = Σ_i Σ_t γ^t ∇ min(ρ A, clip(ρ) A) / divisor + β Σ_i Σ_t ∇H(π(·|s_t)) / divisor

Each part is named where it is a fault of a claim to ∇J or to the surrogate: a fault that nobody meant, or one that
belongs to the method and is the claim that was forgotten.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import product

import numpy as np
from jaxtyping import Float, Inexact

from pgverify.bugs.bug import Bug, Effect
from pgverify.bugs.centring import ADDED
from pgverify.bugs.compositions import DIVISORS
from pgverify.bugs.discounting import DISCOUNT_DROPPED, RETURN_UNDISCOUNTED
from pgverify.bugs.entropy import ENTROPY_SIGN, ENTROPY_WEIGHT, entropy_rows
from pgverify.bugs.importance import LOG_RHO_SWAPPED, RATIO_APPLIED_TWICE
from pgverify.bugs.lengths import LENGTH_PER_TRAJECTORY
from pgverify.bugs.normalisation import NORMALISE_MINIBATCH, SMALL
from pgverify.bugs.ppo import CLIP_BEFORE_ADVANTAGE, OLD_LOGP_RECOMPUTED, PPO_MAX_FOR_MIN
from pgverify.bugs.steps import rows, to_go, undiscounted_to_go
from pgverify.bugs.surrogate_forms import SurrogateRows
from pgverify.estimators import RewardToGo
from pgverify.estimators.discounted_sum import discounted_sum
from pgverify.trajectories import Trajectories
from pgverify.validation import Array

ClipPair = tuple[float, float]

DECAYS = (1.0, 0.95, 0.97, 0.98, 0.99, 0.9, 0.0)
"""λ of GAE, as configurations have it; 1 is G_t − V(s_t)."""

CLIPS: tuple[ClipPair | None, ...] = (None, (0.2, 0.2), (0.1, 0.1), (0.3, 0.3), (0.2, 0.28))
"""ε below and above 1, as configurations have them."""

WRITTEN = (
    "",
    OLD_LOGP_RECOMPUTED.slug,
    PPO_MAX_FOR_MIN.slug,
    CLIP_BEFORE_ADVANTAGE.slug,
    RATIO_APPLIED_TWICE.slug,
    LOG_RHO_SWAPPED.slug,
)
"""How the ratio is written: right, or as an entry has it. One that is recomputed is none."""


@dataclass(frozen=True)
class UsualLoss:
    """An actor's loss as n rows, of which the estimate is the mean.

    Attributes
    ----------
    decay : float or None
        λ of GAE with the critic of the batch; None for the return without a critic.
    target : str
        "" with γ in the return and γ^t, or the slug of an entry: without γ^t, or without either.
    written : str
        One of `WRITTEN`; with data of the policy itself all are the same but for the clip, which is idle.
    clip : (ε, ε) or None
    divisor : str
        A key of `DIVISORS`.
    freedom : int or None
        Taken off the number of steps in the variance by which advantages are standardised; None where they are not.
    added : float
        What is added to that standard deviation.
    """

    decay: float | None = None
    target: str = DISCOUNT_DROPPED.slug
    written: str = OLD_LOGP_RECOMPUTED.slug
    clip: ClipPair | None = None
    divisor: str = ""
    freedom: int | None = None
    added: float = SMALL

    @property
    def by_weights(self) -> bool:
        """Whether what is paid for is a weight times the score of each step."""
        return True

    @property
    def slugs(self) -> tuple[str, ...]:
        """Entries of the catalogue that it is made of, but for those of the ratio."""
        centred = "" if self.freedom is None else NORMALISE_MINIBATCH.slug
        return tuple(slug for slug in (self.target, centred, self.divisor) if slug)

    def __call__(self, batch: Trajectories) -> Inexact[Array, "n d"]:
        """Return what is paid for [n, d], without the entropy."""
        return rows(batch, self.weights(batch))

    def weights(self, batch: Trajectories) -> Float[Array, "n T"]:
        """Return the weight of each score, 0 on padding; the estimate is a mean over the rows."""
        weights = self._advantage(batch)
        taken = weights[batch.mask]
        if self.freedom is not None:
            enough = len(taken) > self.freedom
            deviation = taken.std(ddof=self.freedom) + self.added if enough else np.inf
            weights = (weights - taken.mean()) / deviation if enough else 0.0 * weights
        low, high = (0.0, np.inf) if self.clip is None else (1.0 - self.clip[0], 1.0 + self.clip[1])
        paid = SurrogateRows(self.written, low, high).weights(batch.importance, weights)
        powers = 1.0 if self.target else batch.discount_powers
        return np.where(batch.mask, powers * paid, 0.0) * self.share(batch)

    def share(self, batch: Trajectories) -> Float[Array, "n 1"]:
        """Return by how much a row counts, an entropy's too."""
        divided = len(batch) / np.asarray(DIVISORS[self.divisor](batch))
        return np.broadcast_to(divided, len(batch))[:, None]

    def bonus_rows(self, batch: Trajectories) -> Inexact[Array, "n d"]:
        """Return what an entropy bonus adds [n, d], for a coefficient of 1."""
        return self.share(batch) * entropy_rows(batch)

    def _advantage(self, batch: Trajectories) -> Float[Array, "n T"]:
        undiscounted = self.target == RETURN_UNDISCOUNTED.slug
        if self.decay is None:
            return undiscounted_to_go(batch) if undiscounted else to_go(batch)
        discount = 1.0 if undiscounted else batch.discount
        errors = batch.relative_rewards + discount * batch.values[:, 1:] - batch.values[:, :-1]
        return discounted_sum(np.where(batch.mask, errors, 0.0), discount * self.decay)


def usual_losses(coupled: bool, ratios: bool, critic: bool) -> Iterator[UsualLoss]:
    """Yield the losses that are looked for, the plainer ones first.

    Parameters
    ----------
    coupled : bool
        Whether a step's weight may depend on the other steps of the batch.
    ratios : bool
        Whether another policy acted, so that ratios are not 1.
    critic : bool
        Whether `batch.values` may be read.
    """
    decays = (None,) if not critic else (*DECAYS[:3], None) if coupled and ratios else (None, *DECAYS)
    targets = ("", DISCOUNT_DROPPED.slug, RETURN_UNDISCOUNTED.slug)
    spreads: list[tuple[int | None, float]] = [(None, SMALL)]
    if coupled:
        spreads += [(freedom, added) for freedom in (1, 0) for added in ADDED]
    for (freedom, added), divisor, decay, target in product(spreads, DIVISORS, decays, targets):
        for form, clip in _ratios(plain=freedom is not None) if ratios else ((OLD_LOGP_RECOMPUTED.slug, None),):
            yield UsualLoss(decay, target, form, clip, divisor, freedom, added)


def _ratios(plain: bool) -> Iterator[tuple[str, ClipPair | None]]:
    """Yield how a ratio is written and clipped; plain: right, or not at all, which is enough to find much else."""
    yield OLD_LOGP_RECOMPUTED.slug, None
    for form in WRITTEN[:1] if plain else WRITTEN:
        # Max for min of what is not clipped is nothing.
        for clip in CLIPS[: 1 if form == OLD_LOGP_RECOMPUTED.slug else None]:
            if clip is not None or form in ("", RATIO_APPLIED_TWICE.slug):
                yield form, clip


def usual_bug(slug: str, entries: Mapping[str, Bug]) -> Bug | None:
    """Return the entry that several faults of a usual loss are together; None where they are no such loss.

    Parameters
    ----------
    slug : str
        Slugs joined by " + ", as `UsualLoss.slugs` has them, then one of `WRITTEN`, then that of an entropy's sign.
    entries : of the catalogue, by slug
    """
    parts = slug.split(" + ")
    if len(parts) < 2 or any(part not in entries for part in parts):
        return None
    left = set(parts)
    target = next((each for each in (DISCOUNT_DROPPED.slug, RETURN_UNDISCOUNTED.slug) if each in left), "")
    written = next((each for each in WRITTEN if each in left), OLD_LOGP_RECOMPUTED.slug)
    divisor = next((each for each in DIVISORS if each in left), "")
    freedom = 1 if NORMALISE_MINIBATCH.slug in left else None
    bonus = -ENTROPY_WEIGHT if ENTROPY_SIGN.slug in left else 0.0
    if left - {target, written, divisor, NORMALISE_MINIBATCH.slug, ENTROPY_SIGN.slug}:
        return None
    loss = UsualLoss(1.0, target, written, (0.2, 0.2), divisor, freedom)
    each = [entries[part] for part in parts]
    return Bug(
        number=0,
        slug=slug,
        effect=Effect.BIASED,
        cause=" ".join(part.cause for part in each),
        cure=" ".join(part.cure for part in each),
        source=tuple(dict.fromkeys(place for part in each for place in part.source)),
        implementation=lambda batch: loss(batch) + bonus * loss.share(batch) * entropy_rows(batch),
        correct=RewardToGo(),
        batch_size=1 if freedom is None and divisor in ("", LENGTH_PER_TRAJECTORY.slug) else 2,
    )
