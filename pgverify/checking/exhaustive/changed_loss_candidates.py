"""Which changes of a loss may be an implementation, by its estimates on a few episodes of one length.

On episodes of one length whatever a sum is divided by is a constant, and most changes are told from an implementation
by two or three of them: hundreds are looked for, and each may take no more than some ten microseconds.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from pgverify.bugs.changed_losses import ChangedLoss, StepValues
from pgverify.bugs.changes import changed_losses
from pgverify.checking.exhaustive.fitted_losses import SeenBatch
from pgverify.checking.exhaustive.identified import SAME
from pgverify.trajectories import Trajectories, concatenate
from pgverify.validation import Array

MOST = 6
"""Episodes that are compared at first, where they do not affect each other."""


@dataclass(frozen=True, eq=False)
class _Probe:
    """A batch, with estimates of one row each, or of all its rows together."""

    batch: Trajectories
    estimates: Float[Array, "m d"]
    scores: Float[Array, "n T d"]
    entropies: Float[Array, "m d"]


def candidates(groups: Sequence[Sequence[SeenBatch]], coupled: bool, critic: bool) -> Iterator[ChangedLoss]:
    """Yield the losses with one change that fit on a few episodes, up to what they are divided by.

    Parameters
    ----------
    groups : batches with the implementation's estimates
    coupled, critic : bool
        Whether trajectories affect each other, and whether `batch.values` is read.
    """
    probe = _probe(groups, coupled)
    if probe is None:
        yield from changed_losses(critic) if groups else ()
        return
    known: dict[tuple[str, bool], StepValues] = {}
    for loss in changed_losses(critic):
        place = (loss.target, loss.change.whole)
        if loss.change.rewards is not None:
            values = loss.values(probe.batch)
        else:
            values = known[place] = known[place] if place in known else loss.values(probe.batch)
        if (coupled or not loss.change.coupled) and _fits(loss, probe, values, coupled):
            yield loss


def _probe(groups: Sequence[Sequence[SeenBatch]], coupled: bool) -> _Probe | None:
    """Return what is compared at first: episodes of one length, the longest; None where there are none."""
    best: list[SeenBatch] = []
    longest = 1
    for group in groups:
        for seen in group:
            lengths = seen.batch.lengths
            if len(lengths) and lengths.min() == lengths.max() >= longest and seen.estimate.any():
                best, longest = ([] if lengths[0] > longest or coupled else best), int(lengths[0])
                same = not best or seen.batch.problem is best[0].batch.problem
                best = [*best, seen] if same and (coupled or len(lengths) == 1) else best
    if not best:
        return None
    chosen = best[:MOST]
    batch = chosen[0].batch if coupled else concatenate([seen.batch for seen in chosen])
    estimates = np.stack([seen.estimate for seen in chosen])
    scores = np.concatenate([seen.scores for seen in chosen])
    bonus = np.stack([seen.entropies.mean(axis=0) for seen in chosen])
    return _Probe(batch, estimates, scores, bonus)


def _fits(loss: ChangedLoss, probe: _Probe, values: StepValues, coupled: bool) -> bool:
    """Return whether the estimates are a multiple of those of a loss, and one of its bonus."""
    if loss.by_weights:
        rows = np.einsum("nt,ntd->nd", loss.weights_of(probe.batch, values), probe.scores)
    else:
        rows = np.asarray(loss(probe.batch))
    paid = (rows.mean(axis=0) if coupled else rows).ravel()
    found = probe.estimates.ravel()
    limit = SAME * float(np.abs(found).max())
    square = float(paid @ paid)
    if not 0.0 < square < np.inf:
        return False
    if loss.change.added is None:
        left = found - (float(paid @ found) / square) * paid
        if np.abs(left).max() <= limit:
            return True
        added = probe.entropies
    else:
        added = loss.change.added(probe.batch)
        added = added.mean(axis=0, keepdims=True) if coupled else added
    table = np.stack([paid, added.ravel()], axis=1)
    normal = table.T @ table
    if abs(np.linalg.det(normal)) <= 1e-12 * normal[0, 0] * normal[1, 1]:
        return True
    return bool(np.abs(table @ np.linalg.solve(normal, table.T @ found) - found).max() <= 100.0 * limit)
