"""Losses fitted to an implementation: its estimates on batches beside theirs, with two coefficients.

One is for what is paid for, another for what is added as an entropy is. That is an equality of every estimate that was
compared, and takes no listing; the expectations on all problems are compared besides.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from jaxtyping import Float

from pgverify.bugs.changed_losses import ChangedLoss
from pgverify.bugs.entropy import entropy_rows
from pgverify.bugs.steps import rows
from pgverify.bugs.usual_losses import UsualLoss
from pgverify.checking.calling.calls import Calls
from pgverify.checking.exhaustive.catalogue_means import exact_mean
from pgverify.checking.exhaustive.identified import MOST_BATCHES, MOST_PROBLEMS, MOST_SIZE, SAME
from pgverify.checking.exhaustive.listed_problem import directions, every_trajectory
from pgverify.checking.exhaustive.what_was_listed import Listed
from pgverify.checking.verdict.precision import deviation
from pgverify.checking.verdict.recognised_precision import possible_inside
from pgverify.suites import SuiteProblem
from pgverify.trajectories import Trajectories
from pgverify.validation import Array

FittedLoss: TypeAlias = UsualLoss | ChangedLoss
"""What is looked for."""

MOST_LISTED = 20_000
"""Batches of a problem, in order, for which an expectation is computed again."""

FEW = 3
"""Sizes of problems that are looked at before all are."""

FIRST = 2
"""Batches of each size of each problem on which most losses are told from it already."""

MOST_ALONE = 16
"""Trajectories of a problem that are compared one by one."""


@dataclass(frozen=True, eq=False)
class SeenBatch:
    """A batch with the implementation's estimate, the score of each step, and what each row's entropies add."""

    batch: Trajectories
    estimate: Float[Array, "d"]
    scores: Float[Array, "n T d"]
    entropies: Float[Array, "n d"]

    @classmethod
    def of(cls, batch: Trajectories, estimate: Float[Array, "d"]) -> SeenBatch:
        """Return what is known of a batch."""
        steps = np.eye(batch.num_steps)[:, None, :] * np.ones(batch.rewards.shape)
        scores = np.stack([rows(batch, step) for step in steps], axis=1)
        return cls(batch, estimate, scores, entropy_rows(batch))

    @property
    def groups(self) -> tuple[SeenBatch, ...]:
        """The groups that a loss is made of: the batch is one."""
        return (self,)

    @property
    def shares(self) -> tuple[float, ...]:
        """By how much each of them counts."""
        return (1.0,)

    def paid(self, loss: FittedLoss) -> Float[Array, "d"]:
        """Return what a loss pays for on the batch."""
        if not loss.by_weights:
            return np.asarray(loss(self.batch).mean(axis=0))
        return np.asarray(np.tensordot(loss.weights(self.batch), self.scores, axes=2)) / len(self.batch)

    def entropy(self, loss: FittedLoss) -> Float[Array, "d"]:
        """Return what an entropy bonus adds there, averaged as the loss is."""
        if isinstance(loss, ChangedLoss) and loss.change.added is not None:
            return np.asarray(loss.bonus_rows(self.batch).mean(axis=0))
        return np.asarray((loss.share(self.batch) * self.entropies).mean(axis=0))


@dataclass(frozen=True, eq=False)
class SeenGroups:
    """A batch of groups, each of which makes a loss of its own, with the implementation's estimate.

    Attributes
    ----------
    groups : tuple of SeenBatch
        Their own estimates are left open, and are zero.
    shares : [k]
        By how much each counts; they sum to 1.
    estimate : [d]
    """

    groups: tuple[SeenBatch, ...]
    shares: tuple[float, ...]
    estimate: Float[Array, "d"]

    def paid(self, loss: FittedLoss) -> Float[Array, "d"]:
        """Return what a loss pays for, group by group."""
        return self._mean([group.paid(loss) for group in self.groups])

    def entropy(self, loss: FittedLoss) -> Float[Array, "d"]:
        """Return what an entropy bonus adds, group by group."""
        return self._mean([group.entropy(loss) for group in self.groups])

    def _mean(self, parts: Sequence[Float[Array, "d"]]) -> Float[Array, "d"]:
        return np.asarray(np.asarray(self.shares) @ np.stack(parts))


Seen: TypeAlias = SeenBatch | SeenGroups
"""What a loss is compared on."""


@dataclass(frozen=True)
class LossFit:
    """A usual loss whose estimates are the implementation's: `factor` times it, and β times its entropy."""

    loss: FittedLoss
    factor: float
    entropy: float


def seen_batches(calls: Calls, known: Sequence[tuple[SuiteProblem, Listed]], ratios: bool) -> Iterator[list[SeenBatch]]:
    """Yield batches with the implementation's estimates: of all problems where a clip must be told from another."""
    rng = np.random.default_rng(4)
    cases = [case for case in known if case[1].expectations and directions(case[0].problem) > 1]
    cases = sorted(cases, key=_telling)[: None if ratios else MOST_PROBLEMS]
    for entry, listing in cases:
        batch, _ = every_trajectory(entry.problem)
        for size in (item.batch_size for item in listing.expectations if item.batch_size <= MOST_SIZE):
            if size == 1:
                some = np.unique(np.linspace(0, len(batch) - 1, MOST_ALONE).astype(int))
                chosen = [[row] for row in rng.permutation(some).tolist()]
            else:
                chosen = [rng.integers(len(batch), size=size).tolist() for _ in range(MOST_BATCHES)]
            several = [batch.select(each) for each in chosen]
            yield [SeenBatch.of(each, calls.estimate(each)) for each in several]


def _telling(case: tuple[SuiteProblem, Listed]) -> tuple[bool, int]:
    """Return the order of problems: those whose episodes differ in length first, then the longest."""
    batch, _ = every_trajectory(case[0].problem)
    return bool(np.ptp(batch.lengths) == 0), -batch.num_steps


def fitted(loss: FittedLoss, groups: Sequence[Sequence[Seen]]) -> LossFit | None:
    """Return with which coefficients a loss and its entropy are the estimates on every batch; None where they are not.

    Two batches tell most losses from it, and no further one is asked; the coefficients are those of several.
    """
    return None if _coefficients(loss, groups[-1][:FIRST]) is None else fitted_throughout(loss, groups)


def fitted_throughout(loss: FittedLoss, groups: Sequence[Sequence[Seen]]) -> LossFit | None:
    """Return the same of a loss that is not told from the implementation so soon: by a few of several sizes first."""
    if (
        len(groups) > FEW
        and _coefficients(loss, [seen for group in groups[:: -(-len(groups) // FEW)] for seen in group[:FIRST]]) is None
    ):
        return None
    found = _coefficients(loss, [seen for group in groups for seen in group[:FIRST]])
    rest = [seen for group in groups for seen in group[FIRST:]]
    return found if found is not None and holds(found, rest) else None


def _coefficients(loss: FittedLoss, several: Sequence[Seen]) -> LossFit | None:
    paid = np.concatenate([seen.paid(loss) for seen in several])
    found = np.concatenate([seen.estimate for seen in several])
    if not np.isfinite(paid).all() or not paid.any():
        return None
    limit = SAME * float(np.abs(found).max(initial=0.0))
    factor, coefficient = float(paid @ found / (paid @ paid)), 0.0
    if np.abs(found - factor * paid).max() > limit:
        entropy = np.concatenate([seen.entropy(loss) for seen in several])
        table = np.stack([paid, entropy], axis=1)
        factor, coefficient = map(float, np.linalg.lstsq(table, found, rcond=None)[0])
        if np.abs(table @ (factor, coefficient) - found).max() > limit:
            return None
    return LossFit(loss, _round(factor), _round(coefficient)) if abs(factor) > SAME else None


def holds(found: LossFit, several: Sequence[Seen]) -> bool:
    """Return whether a loss with its coefficients is the implementation on further batches."""
    largest = max((float(np.abs(seen.estimate).max(initial=0.0)) for seen in several), default=0.0)
    expected = (found.factor * seen.paid(found.loss) + found.entropy * seen.entropy(found.loss) for seen in several)
    pairs = zip(expected, several, strict=True)
    return all(np.abs(each - seen.estimate).max(initial=0.0) <= SAME * largest for each, seen in pairs)


def explains(found: LossFit, known: Sequence[tuple[SuiteProblem, Listed]]) -> bool:
    """Return whether its expectation is that of the implementation on every problem: estimates were met on a few.

    Of large batches the largest of each problem are looked at, too: what begins there is not what small ones are.
    """
    level = possible_inside(known)
    for entry, listing in known:
        largest = max((item.batch_size for item in listing.expectations), default=0)
        count = len(every_trajectory(entry.problem)[0])
        for item in listing.expectations:
            few = item.batch_size <= MOST_SIZE and count**item.batch_size <= MOST_LISTED
            if few or MOST_SIZE < item.batch_size == largest:
                alone = item.batch_size == 1
                ordered = isinstance(found.loss, ChangedLoss) and found.loss.change.ordered
                mean = exact_mean(lambda rows: _rows(found, rows), entry.problem, item.batch_size, ordered, alone)
                if mean is not None and deviation(item, mean, level, found.factor) > level.relative:
                    return False
    return True


def _rows(found: LossFit, batch: Trajectories) -> Float[Array, "n d"]:
    added = found.entropy * found.loss.bonus_rows(batch) if found.entropy else 0.0
    return np.asarray(found.factor * found.loss(batch) + added)


def _round(number: float) -> float:
    """Return the number that a script will have, where rounding may have changed its last digits."""
    short = float(f"{number:.6g}")
    return short if abs(short - number) <= SAME * abs(number) else number
