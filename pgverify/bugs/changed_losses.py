"""Losses in which one thing is changed: the rewards, the returns, a step's weight, the score, or what is added.

    g = Σ_i Σ_t w_t ∇ log π(a_t|s_t) / divisor + β × (a bonus),  w_t = γ^t G_t of changed rewards, changed again

Each change is an entry of the catalogue, in one or several forms: what it does to a loss without γ^t, without γ, under
a mean over steps, with a critic, or beside a baseline of the group is the same mistake, and is looked for beside these.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Inexact

from pgverify.bugs.bug import Bug, Effect
from pgverify.bugs.centring import LEFT_OUT, OTHERS, WHOLE_EPISODE, of_episodes, of_steps
from pgverify.bugs.compositions import DIVISORS
from pgverify.bugs.discounting import DISCOUNT_DROPPED, RETURN_UNDISCOUNTED
from pgverify.bugs.entropy import ENTROPY_SIGN, ENTROPY_WEIGHT, entropy_rows
from pgverify.bugs.normalisation import NORMALISE_MINIBATCH, SMALL
from pgverify.bugs.steps import rows
from pgverify.estimators import RewardToGo
from pgverify.estimators.discounted_sum import discounted_sum
from pgverify.trajectories import Trajectories
from pgverify.validation import Array

StepValues = Float[Array, "n T"]
"""One number a step, 0 on padding."""

NO_THREAD = ("no public thread found",)
"""The source of what many do, and nobody was found to have been told of."""

KeptSteps = Bool[Array, "n T"]
"""Which columns are steps."""


@dataclass(frozen=True)
class LossChange:
    """What is done to the parts of a loss, each None where it is left as it is.

    Attributes
    ----------
    slug : str
        The entry that it is.
    words : str
        What is done, as a report says it.
    rewards : (rewards [n, T], mask [n, T]) -> [n, T], optional
        What takes the place of the rewards.
    returns : (values [n, T], mask [n, T]) -> [n, T], optional
        What takes the place of returns or advantages.
    weights : (batch, weights [n, T]) -> [n, T], optional
        What takes the place of the weights, γ^t included.
    contributions : (batch, weights [n, T]) -> [n, d], optional
        What takes the place of Σ_t w_t ψ_t.
    added : batch -> [n, d], optional
        What a bonus adds, for a coefficient of 1, in place of the entropy's gradient.
    whole : bool
        Whether every step has the return of the whole episode.
    coupled : bool
        Whether a row of the batch depends on the others.
    ordered : bool
        Whether their order matters.
    """

    slug: str
    words: str
    rewards: Callable[[StepValues, KeptSteps], StepValues] | None = None
    returns: Callable[[StepValues, KeptSteps], StepValues] | None = None
    weights: Callable[[Trajectories, StepValues], StepValues] | None = None
    contributions: Callable[[Trajectories, StepValues], Inexact[Array, "n d"]] | None = None
    added: Callable[[Trajectories], Inexact[Array, "n d"]] | None = None
    whole: bool = False
    coupled: bool = False
    ordered: bool = False


@dataclass(frozen=True)
class ChangedLoss:
    """A loss with one change, as n rows of which the estimate is the mean.

    Attributes
    ----------
    change : LossChange
    target : str
        "" with γ in the return and γ^t, or the slug of an entry: without γ^t, or without either.
    divisor : str
        A key of `DIVISORS`.
    critic : bool
        Whether V(s_t) of the batch is subtracted from the returns.
    centred : str
        A key of `CENTRED`: what the returns are centred and divided by besides, in the batch.
    added : float
        What is added to a standard deviation there.
    freedom : int
        1 where that of all steps has the divisor "number of steps − 1".
    centred_first : bool
        Whether returns are centred before they are changed.
    """

    change: LossChange
    target: str = ""
    divisor: str = ""
    critic: bool = False
    centred: str = ""
    added: float = SMALL
    freedom: int = 0
    centred_first: bool = False

    @property
    def whole(self) -> bool:
        """Whether every step has the return of the whole episode."""
        return self.change.whole or self.centred in WHOLE_EPISODE

    @property
    def coupled(self) -> bool:
        """Whether the weight of a step depends on other rows of the batch, whatever the divisor."""
        return self.change.coupled or bool(self.centred)

    @property
    def by_weights(self) -> bool:
        """Whether what is paid for is a weight times the score of each step."""
        return self.change.contributions is None

    @property
    def slugs(self) -> tuple[str, ...]:
        """Entries of the catalogue that it is made of."""
        left_out = self.centred == OTHERS
        centred, divisor = ("", LEFT_OUT.get(self.divisor, self.divisor)) if left_out else (self.centred, self.divisor)
        return tuple(slug for slug in (self.target, self.change.slug, centred, divisor) if slug)

    def __call__(self, batch: Trajectories) -> Inexact[Array, "n d"]:
        """Return what is paid for [n, d], without a bonus."""
        weights = self.weights(batch)
        made = self.change.contributions
        return rows(batch, weights) if made is None else made(batch, weights)

    def weights(self, batch: Trajectories) -> StepValues:
        """Return the weight of each step, 0 on padding."""
        return self.weights_of(batch, self.values(batch)) * self.share(batch)

    def values(self, batch: Trajectories) -> StepValues:
        """Return the returns or advantages, of changed rewards where that is the change."""
        change, mask = self.change, batch.mask
        rewards, discount = batch.relative_rewards, 1.0 if self.target == RETURN_UNDISCOUNTED.slug else batch.discount
        if change.rewards is not None:
            rewards = np.where(mask, change.rewards(rewards, mask), 0.0)
        if self.whole:
            total = rewards @ (discount ** np.arange(batch.num_steps))
            values = np.where(mask, total[:, None], 0.0)
        else:
            values = discounted_sum(rewards, discount)
        return np.where(mask, values - batch.values[:, :-1], 0.0) if self.critic else values

    def weights_of(self, batch: Trajectories, values: StepValues) -> StepValues:
        """Return the weight of each step that becomes of returns or advantages, without a divisor."""
        change, mask = self.change, batch.mask
        if self.centred_first:
            values = self._centred(values, mask)
        if change.returns is not None:
            values = np.where(mask, change.returns(values, mask), 0.0)
        if not self.centred_first:
            values = self._centred(values, mask)
        if not self.target and not self.whole:
            values = batch.discount_powers * values
        return values if change.weights is None else np.where(mask, change.weights(batch, values), 0.0)

    def _centred(self, values: StepValues, mask: KeptSteps) -> StepValues:
        if not self.centred or not values.size:
            return values
        if self.centred in WHOLE_EPISODE:
            return np.where(mask, of_episodes(values[:, 0], self.centred, self.added)[:, None], 0.0)
        return np.where(mask, of_steps(values, mask, self.centred, self.added, self.freedom), 0.0)

    def share(self, batch: Trajectories) -> Float[Array, "n 1"]:
        """Return by how much a row counts, a bonus too."""
        divided = len(batch) / np.asarray(DIVISORS[self.divisor](batch))
        return np.broadcast_to(divided, len(batch))[:, None]

    def bonus_rows(self, batch: Trajectories) -> Inexact[Array, "n d"]:
        """Return what a bonus adds [n, d], for a coefficient of 1."""
        return self.share(batch) * (self.change.added or entropy_rows)(batch)


@dataclass(frozen=True)
class ChangedEstimate:
    """The estimate of an entry: of a loss with one change, with a bonus where that is the change."""

    loss: ChangedLoss
    bonus: float = 0.0

    def __call__(self, batch: Trajectories) -> Inexact[Array, "n d"]:
        """Return one contribution a trajectory [n, d]."""
        paid = self.loss(batch)
        return paid + self.bonus * self.loss.bonus_rows(batch) if self.bonus else paid


def entry_of_change(
    changes: Sequence[LossChange],
    number: int,
    slug: str,
    cause: str,
    cure: str,
    source: tuple[str, ...] = NO_THREAD,
    note: str = "",
    batch_size: int | None = None,
) -> Bug:
    """Return the entry of a change in its plainest form, which is the first of its slug.

    A bonus is added with β = `ENTROPY_WEIGHT`, beside what its gradient should be; what couples rows is shown in pairs.

    Parameters
    ----------
    changes : sequence of LossChange
    number, slug, cause, cure, source, note, batch_size : as in `Bug`
    """
    change = next(each for each in changes if each.slug == slug)
    bonus = ENTROPY_WEIGHT if change.added is not None else 0.0
    return Bug(
        number=number,
        slug=slug,
        effect=Effect.BIASED,
        cause=cause,
        cure=cure,
        source=source,
        implementation=ChangedEstimate(ChangedLoss(change), bonus),
        correct=ENTROPY_SIGN.correct if bonus else RewardToGo(),
        target=ENTROPY_SIGN.target if bonus else "policy_gradient",
        batch_size=batch_size or (2 if change.coupled else 1),
        ordered=change.ordered,
        note=note or (f"β = {ENTROPY_WEIGHT}." if bonus else ""),
    )


def changed_bug(slug: str, changes: Mapping[str, LossChange], entries: Mapping[str, Bug]) -> Bug | None:
    """Return the entry that a change is together with what else is dropped or divided; None where it is no such thing.

    Parameters
    ----------
    slug : str
        Slugs joined by " + ".
    changes : the plainest form of each, by slug
    entries : of the catalogue, by slug
    """
    parts = slug.split(" + ")
    change = next((part for part in parts if part in changes), None)
    if change is None or len(parts) < 2 or any(part not in entries for part in parts):
        return None
    target = next((each for each in (DISCOUNT_DROPPED.slug, RETURN_UNDISCOUNTED.slug) if each in parts), "")
    together = next((divisor for divisor, slug in LEFT_OUT.items() if slug in parts), "")
    divisor = together or next((each for each in DIVISORS if each and each in parts), "")
    beside = (*WHOLE_EPISODE, NORMALISE_MINIBATCH.slug)
    centred = OTHERS if together else next((each for each in beside if each in parts and each != change), "")
    if set(parts) - {change, target, divisor, centred, LEFT_OUT.get(together), ENTROPY_SIGN.slug}:
        return None
    each = [entries[part] for part in parts]
    loss = ChangedLoss(changes[change], target, divisor, centred=centred)
    bonus = ENTROPY_WEIGHT if changes[change].added is not None else 0.0
    bonus = -ENTROPY_WEIGHT if ENTROPY_SIGN.slug in parts else bonus
    return Bug(
        number=0,
        slug=slug,
        effect=Effect.BIASED,
        cause=" ".join(part.cause for part in each),
        cure=" ".join(part.cure for part in each),
        source=tuple(dict.fromkeys(place for part in each for place in part.source)),
        implementation=ChangedEstimate(loss, bonus),
        correct=RewardToGo(),
        batch_size=max(2 if centred else 1, *(part.batch_size for part in each)),
        ordered=changes[change].ordered,
    )
