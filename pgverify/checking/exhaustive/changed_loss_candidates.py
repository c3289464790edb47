"""Which changes of a loss may be an implementation, by its estimates on a few batches.

Whatever the sum over a batch is divided by, and however large a bonus is: what is left of an estimate beside what a
loss pays for and what its bonus adds is nothing. Most changes are told from an implementation by the first batch:
thousands are looked for, and each may take no more than some ten microseconds.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np
from jaxtyping import Bool, Float

from pgverify.bugs.changed_losses import ChangedLoss, StepValues
from pgverify.bugs.changes import WITHOUT_COUPLING, changed_losses
from pgverify.bugs.compositions import DIVISORS
from pgverify.checking.exhaustive.fitted_losses import Seen
from pgverify.checking.exhaustive.identified import SAME
from pgverify.trajectories import Trajectories, concatenate
from pgverify.validation import Array

MOST = 6
"""Batches, or trajectories, that are compared at first."""

FEW_STEPS = 3
"""So many tell what is done to the first, the last, and those between."""

COEFFICIENTS = 2
"""Of what is paid for, and of what is added."""

ALIKE = {
    list(DIVISORS).index(""): [
        place for place, name in enumerate(DIVISORS) if name not in WITHOUT_COUPLING or not name
    ],
    list(DIVISORS).index(WITHOUT_COUPLING[1]): [list(DIVISORS).index(WITHOUT_COUPLING[1])],
}
"""Divisors by which rows of one group count alike, as by none, and the one by which they do not."""

TELLING = list(ALIKE)
"""Of each kind one, by its place among the divisors."""


@dataclass(frozen=True, eq=False)
class _Part:
    """What a loss is made of at a time, with what it pays for before any change.

    Attributes
    ----------
    batch : Trajectories
    scores : [n, T, d]
    entropies : [n, d]
    values : returns by target and whether they are those of the whole episode
        Filled as they are asked for: most losses begin with the same ones.
    """

    batch: Trajectories
    scores: Float[Array, "n T d"]
    entropies: Float[Array, "n d"]
    values: dict[tuple[str, bool], StepValues] = field(default_factory=dict)

    def values_of(self, loss: ChangedLoss) -> StepValues:
        """Return the returns or advantages of a loss."""
        if loss.change.rewards is not None:
            return loss.values(self.batch)
        place = (loss.target, loss.whole)
        if place not in self.values:
            self.values[place] = loss.values(self.batch)
        return self.values[place]

    def paid(self, loss: ChangedLoss) -> Float[Array, "n d"]:
        """Return what a loss pays for, row by row, before it is divided."""
        if loss.by_weights:
            weights = loss.weights_of(self.batch, self.values_of(loss))
            return np.asarray(np.einsum("nt,ntd->nd", weights, self.scores))
        return np.asarray(replace(loss, divisor="")(self.batch))

    def added(self, loss: ChangedLoss) -> Float[Array, "n d"]:
        """Return what a bonus adds, row by row, before it is divided."""
        return self.entropies if loss.change.added is None else loss.change.added(self.batch)

    @cached_property
    def shares(self) -> Float[Array, "k n"]:
        """By how much rows count in the mean of the part, by each divisor."""
        each = (1.0 / np.asarray(divisor(self.batch)) for divisor in DIVISORS.values())
        return np.stack([np.broadcast_to(one, len(self.batch)) for one in each])


@dataclass(frozen=True, eq=False)
class _Alone:
    """Trajectories of one length that do not affect each other, with an estimate of each: a divisor is a constant."""

    part: _Part
    estimates: Float[Array, "m d"]

    def divisors(self, loss: ChangedLoss) -> Iterator[str]:
        """Yield the divisors with which a loss may be what was found."""
        paid, added = self.part.paid(loss), self.part.added(loss)
        if not loss.coupled and _fits(self.estimates, paid[None], added[None], loss).all():
            yield from WITHOUT_COUPLING


@dataclass(frozen=True, eq=False)
class _Batch:
    """A batch: its parts, by how much they count, and the estimate."""

    parts: tuple[_Part, ...]
    shares: tuple[float, ...]
    estimate: Float[Array, "d"]

    def sums(self, loss: ChangedLoss) -> tuple[Float[Array, "k d"], Float[Array, "k d"]]:
        """Return what is paid for and what is added, by each divisor."""
        counts = [share * part.shares for part, share in zip(self.parts, self.shares, strict=True)]
        each = [
            (count @ part.paid(loss), count @ part.added(loss)) for part, count in zip(self.parts, counts, strict=True)
        ]
        return np.sum([paid for paid, _ in each], axis=0), np.sum([added for _, added in each], axis=0)


@dataclass(frozen=True, eq=False)
class _Together:
    """Batches of one size of one problem."""

    batches: tuple[_Batch, ...]

    def divisors(self, loss: ChangedLoss) -> Iterator[str]:
        """Yield the divisors with which a loss may be what was found.

        The first batch may be divided by whatever it is, which tells many losses from it; two tell most others.
        """
        several = len(self.batches[0].parts) > 1
        left = list(range(len(DIVISORS))) if several else TELLING
        tables: list[tuple[Float[Array, "k d"], Float[Array, "k d"]]] = []
        for count in (1, 2, len(self.batches)):
            tables += [batch.sums(loss) for batch in self.batches[len(tables) : count]]
            found = np.stack([batch.estimate for batch in self.batches[:count]])
            if count == 2 and not several:
                left = [each for place in left for each in ALIKE.get(place, ())]
            paid, added = (np.stack([table[i][left] for table in tables], axis=1) for i in (0, 1))
            left = [place for place, fit in zip(left, _fits(found, paid, added, loss), strict=True) if fit]
            if not left:
                return
        names = list(DIVISORS)
        yield from (names[place] for place in left)


def candidates(groups: Sequence[Sequence[Seen]], coupled: bool, critic: bool) -> Iterator[ChangedLoss]:
    """Yield the losses with one change that fit on a few batches.

    Parameters
    ----------
    groups : batches with the implementation's estimates
    coupled, critic : bool
        Whether trajectories affect each other, and whether `batch.values` is read.
    """
    probe = _together(groups) if coupled else _alone(groups)
    if probe is None:
        return
    for loss in changed_losses(critic, coupled):
        yield from (replace(loss, divisor=divisor) for divisor in probe.divisors(loss))


def _together(groups: Sequence[Sequence[Seen]]) -> _Together | None:
    chosen = max((group[:MOST] for group in groups), key=_telling, default=[])
    found = [seen for seen in chosen if seen.estimate.any()]
    # The first alone tells most losses from what was found: the one whose trajectories differ most.
    found = sorted(found, key=lambda seen: _telling([seen]), reverse=True)
    batches = tuple(
        _Batch(
            tuple(_Part(part.batch, part.scores, part.entropies) for part in seen.groups), seen.shares, seen.estimate
        )
        for seen in found
    )
    return _Together(batches) if batches else None


def _alone(groups: Sequence[Sequence[Seen]]) -> _Alone | None:
    """Return trajectories of one problem and one length; None where all estimates are zero."""
    seen = [
        [each for each in group if len(each.groups[0].batch) == 1 and each.estimate.any()]
        for group in groups
        if len(group[0].groups) == 1
    ]
    by_length: list[list[Seen]] = []
    for group in seen:
        lengths = [int(each.groups[0].batch.lengths[0]) for each in group]
        by_length += [
            [each for each, own in zip(group, lengths, strict=True) if own == length] for length in set(lengths)
        ]
    chosen = max((group[:MOST] for group in by_length), key=_telling, default=[])
    if not chosen:
        return None
    parts = [part for each in chosen for part in each.groups]
    one = _Part(
        concatenate([part.batch for part in parts]),
        np.concatenate([part.scores for part in parts]),
        np.concatenate([part.entropies for part in parts]),
    )
    return _Alone(one, np.stack([each.estimate for each in chosen]))


def _telling(several: Sequence[Seen]) -> float:
    """Return how much batches tell: by how many numbers an estimate has beside two coefficients, in all batches.

    Equal trajectories tell nothing apart, and of one step nothing of the first and the last.
    """
    parts = [part for seen in several if seen.estimate.any() for part in seen.groups]
    if not parts:
        return 0.0
    scores = parts[0].scores
    free = np.linalg.matrix_rank(scores.reshape(-1, scores.shape[-1])) - COEFFICIENTS
    rewards = [np.unique(part.batch.relative_rewards, axis=0) for part in parts]
    distinct = float(sum((len(each) - 0.5) * min(each.shape[1], FEW_STEPS) for each in rewards))
    return distinct * max(float(free), 1.0 / len(parts))


def _fits(
    estimates: Float[Array, "*m d"], paid: Float[Array, "k *m d"], added: Float[Array, "k *m d"], loss: ChangedLoss
) -> Bool[Array, "k"]:
    """Return whether the estimates are a multiple of what is paid for, and one of what is added, in each of k cases."""
    found, first, second = np.ravel(estimates), paid.reshape(len(paid), -1), added.reshape(len(added), -1)
    limit = SAME * float(np.abs(found).max())
    with np.errstate(all="ignore"):
        square, mixed, most = (
            (one * other).sum(axis=1) for one, other in ((first, first), (first, second), (second, second))
        )
        along, beside = first @ found, second @ found
        multiple = np.abs(found - (along / square)[:, None] * first).max(axis=1) <= limit
        # Equal returns less their mean: what is left can be a bonus alone.
        bonus = np.abs(found - (beside / most)[:, None] * second).max(axis=1) <= limit
        determinant = square * most - mixed**2
        one, other = (most * along - mixed * beside) / determinant, (square * beside - mixed * along) / determinant
        both = np.abs(one[:, None] * first + other[:, None] * second - found).max(axis=1) <= 100.0 * limit
    # What is added is nothing here, or a multiple of what is paid for.
    both = np.where(np.abs(determinant) <= 1e-12 * square * most, multiple, both)
    either = multiple | both if loss.change.added is None else both
    return np.asarray(np.isfinite(square) & np.where(square == 0.0, bonus, either))
