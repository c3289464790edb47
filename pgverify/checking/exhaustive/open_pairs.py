"""What batches of a design that could not be listed may hide: which must be bounded, and whether any is not zero."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np

from pgverify.checking.calling.calls import Calls
from pgverify.checking.calling.implementation import LimitedFunction
from pgverify.checking.design import Design, Grouped
from pgverify.checking.exhaustive.listed_problem import directions, every_trajectory, natural_scale
from pgverify.checking.exhaustive.sampled_evidence import SampledSizes
from pgverify.checking.exhaustive.size_pair import SizePair
from pgverify.checking.exhaustive.what_was_listed import Listed
from pgverify.checking.sampled.batch_law import BatchLaw, arranged
from pgverify.checking.verdict.targets import smallest_batch, target_vector
from pgverify.suites import SuiteProblem

NOTHING = 1e-9
"""Of the size of an estimate: a target below it is zero, to rounding."""

LOOKED_AT = 8
"""Batches of each open size and problem that are looked at before it is said that nothing is ever estimated."""


@dataclass(frozen=True)
class _Shown:
    """What could show in the batches of one size on one problem.

    Attributes
    ----------
    size : int
        Trajectories in a batch.
    coupled : bool
        Whether units, trajectories or groups, were seen to affect each other there.
    unlike : bool
        Whether groups of a batch may have different prompts.
    """

    size: int
    coupled: bool
    unlike: bool

    def speaks_for(self, other: _Shown) -> bool:
        """Whether whatever may go wrong in the other's batches, by what was seen there, could have shown in these."""
        return self.size == other.size and self.coupled >= other.coupled and self.unlike >= other.unlike


def open_pairs(
    known: Sequence[tuple[SuiteProblem, Listed]],
    unlisted: Sequence[tuple[SuiteProblem, int, BatchLaw]],
    design: Design,
    coupled: Mapping[str, frozenset[int]],
    target: str,
) -> list[SizePair]:
    """Return the problems and sizes that are to be sampled, each needed where what was listed does not speak for it.

    In one direction everything is a multiple of anything, and of a target of zero, too: what is listed there alone
    speaks for no size. Where all
    episodes start alike groups are all of one prompt, and where units were not seen to affect each other no fault of
    coupling shows: such problems speak for their like alone.

    Parameters
    ----------
    known : problems whose batches could be listed, with what was
    unlisted : problem, its index, and the law of batches that could not be listed
    design : Design
    coupled : mapping of problem to the sizes at which units were seen to affect each other
    target : str
    """
    judged = {
        _shown(entry, item.batch_size, design, coupled)
        for entry, one in known
        if tells_multiples(entry, target)
        for item in one.expectations
    }
    pairs = []
    for entry, index, law in unlisted:
        here = _shown(entry, law.rows, design, coupled)
        pairs.append(SizePair(entry, index, law, not any(each.speaks_for(here) for each in judged)))
    return pairs


def tells_multiples(entry: SuiteProblem, target: str) -> bool:
    """Return whether there is something to estimate on a problem, and more than one direction to miss it in."""
    vector = target_vector(target, entry.problem, smallest_batch(target))
    if vector is None or directions(entry.problem) < 2:
        return False
    return float(np.abs(vector).max()) > NOTHING * natural_scale(entry.problem)


def _shown(
    entry: SuiteProblem, size: int, design: Design, coupled: Mapping[str, frozenset[int]] = MappingProxyType({})
) -> _Shown:
    starts = np.unique(every_trajectory(entry.problem)[0].states[:, 0])
    unlike = isinstance(design, Grouped) and design.prompts > 1 and len(starts) > 1
    return _Shown(size, size in coupled.get(entry.name, frozenset()), unlike)


def settled_elsewhere(sampled: SampledSizes, design: Design) -> tuple[list[SizePair], list[SizePair]] | None:
    """Return the pairs that samples have settled, and those left open; None where these do not speak for those.

    Each that is open must have its like among the settled, which at every size are at least half.

    Parameters
    ----------
    sampled : SampledSizes
    design : Design
    """
    settled = [pair for pair, verdict in sampled.verdicts if verdict.bounded]
    left = [*(pair for pair, verdict in sampled.verdicts if not verdict.bounded), *sampled.untried]
    if sampled.failure or any(verdict.off for _, verdict in sampled.verdicts):
        return None
    speaking = {_shown(pair.entry, pair.size, design) for pair in settled}
    for pair in left:
        here = _shown(pair.entry, pair.size, design)
        same = [sum(each.size == pair.size for each in some) for some in (settled, left)]
        if not any(each.speaks_for(here) for each in speaking) or same[0] < same[1]:
            return None
    return settled, left


def not_zero(implementation: LimitedFunction, pairs: Sequence[SizePair]) -> SizePair | None:
    """Return an open pair where something is estimated, as far as a few batches show; None where nothing is."""
    return next(_not_zero(Calls(implementation), pairs), None)


def _not_zero(calls: Calls, pairs: Sequence[SizePair]) -> Iterator[SizePair]:
    for pair in pairs:
        batch, rng = every_trajectory(pair.entry.problem)[0], np.random.default_rng(0)
        if any(calls.estimate(arranged(batch, rows, pair.law)).any() for rows in pair.law.spread(LOOKED_AT, rng)):
            yield pair
