"""The exact expectation of somebody's function on one problem, by calling it on everything that the problem has."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float

from pgverify.checking.calling.answer import Failure, Value
from pgverify.checking.calling.calls import Calls, Changed, Difference, NoEstimate
from pgverify.checking.calling.guarded_call import global_state
from pgverify.checking.calling.implementation import LimitedFunction, OutOfTime
from pgverify.checking.exhaustive.batch_expectation import BatchExpectation
from pgverify.checking.exhaustive.batch_lists import ways_to_list
from pgverify.checking.exhaustive.batch_orders import expectation_in_order, expectation_once
from pgverify.checking.exhaustive.conditioning import Conditioning, conditioning
from pgverify.checking.exhaustive.coupling import COUPLING_TOLERANCE, look_for_coupling
from pgverify.checking.exhaustive.effort import THOROUGH, Effort, unusual
from pgverify.checking.exhaustive.listed_problem import MOST_TRAJECTORIES, every_trajectory, natural_scale
from pgverify.checking.exhaustive.what_was_listed import (
    Failing,
    Late,
    Listed,
    ListedAlone,
    ListedInBatches,
    Random,
    TooMany,
    Unlisted,
)
from pgverify.errors import TooLarge
from pgverify.exact import count_trajectories
from pgverify.exact.expectation import Expectation
from pgverify.problem import Problem
from pgverify.trajectories import Trajectories
from pgverify.validation import Array

REPEAT_TOLERANCE = 1e-9
"""Relative difference between two calls that may be threads adding up in another order; beyond it is randomness."""

NEEDS_COMPANY = "needs company"
"""The kind of note that a function gets which fails on single trajectories."""

COUPLED = "coupled"
"""That of one that couples trajectories where no batches of them can be listed."""


@dataclass(frozen=True, eq=False)
class _Everything:
    """All trajectories of a problem, their probabilities, and the size of an estimate of ∇J there."""

    batch: Trajectories
    probability: Float[Array, "n"]
    natural: float
    conditioning: Conditioning

    def alone(self) -> list[Trajectories]:
        """Return each trajectory as a batch of its own."""
        return [self.batch.select(slice(row, row + 1)) for row in range(len(self.batch))]


def list_expectation(
    implementation: LimitedFunction,
    problem: Problem,
    in_batches: bool = False,
    ordered: int = 0,
    effort: Effort = THOROUGH,
) -> Listed | Unlisted:
    """Return the exact expectation of an implementation on a problem small enough to list, or why there is none.

    Coupling is found by calling on single trajectories and on lists, and comparing; never assumed away. Every call on
    a single trajectory is made twice, at different times: a function that answers differently is not judged by listing.

    Parameters
    ----------
    implementation : LimitedFunction
    problem : Problem
    in_batches : bool
        Whether batches are listed though no coupling is seen here: it has been seen elsewhere.
    ordered : int
        Size of the smallest batch of which two orders were seen to differ elsewhere, 0 if of none: from then on batches
        are listed in every order.
    effort : Effort
    """
    try:
        batch, probability = every_trajectory(problem)
    except TooLarge:
        return TooMany(count_trajectories(problem), MOST_TRAJECTORIES)
    known = conditioning(problem)
    calls, before = Calls(implementation, known.telling), global_state()
    everything = _Everything(batch, probability, natural_scale(problem), known)
    found = _found(calls, everything, in_batches, ordered, effort)
    if global_state() != before:
        calls.note("global random state", "draws from the global random state on rare trajectories")
    return replace(found, notes=calls.notes)


def _found(calls: Calls, everything: _Everything, in_batches: bool, ordered: int, effort: Effort) -> Listed | Unlisted:
    """Return what was listed, without the notes; what is raised on the way becomes data here."""
    try:
        return _listed(calls, everything, in_batches, ordered, effort)
    except NoEstimate as reason:
        return Failing(reason.failure)
    except Changed as reason:
        return Random(reason.difference)
    except OutOfTime:
        return Late()


def _listed(calls: Calls, everything: _Everything, in_batches: bool, ordered: int, effort: Effort) -> Listed | Unlisted:
    whole = calls.answer(everything.batch, watched=True)
    if isinstance(whole, Failure):
        return Failing(whole)
    singles: list[Value] = []
    failures: list[Failure] = []
    alone = everything.alone()
    for batch in alone:
        match calls.answer(batch):
            case Value() as value:
                singles.append(value)
            case Failure(timed_out=True) as failure:
                return Failing(failure)
            case Failure() as failure:
                failures.append(failure)
    if failures and singles:
        return Failing(failures[0])
    again = [(everything.batch, whole), *(zip(alone, singles, strict=True) if singles else ())]
    if (change := _change(calls, again)) is not None:
        return change
    if failures:
        calls.note(NEEDS_COMPANY, f"needs more than one trajectory: on one alone it {failures[0].happened}")
        return _listed_batches(calls, everything, whole, _sizes(effort, 2), ListedInBatches(coupled=2, ordered=ordered))
    rows = np.stack([value.array for value in singles])
    each = BatchExpectation.of(
        1, Expectation(everything.probability, rows), everything.natural, everything.conditioning
    )
    known_rounding = everything.conditioning, each.amplitude, everything.natural
    found = look_for_coupling(calls, everything.batch, rows, whole.array, effort.tried, *known_rounding)
    if found.smallest == 0 and not in_batches:
        single = all(value.single or not np.any(value.array) for value in singles)
        bits = max(value.bits for value in singles)
        return ListedAlone(each, found.largest, single, any(value.telling for value in singles), bits)
    known = ListedInBatches(coupled=found.smallest, ordered=ordered, alone=each)
    return _listed_batches(calls, everything, whole, _sizes(effort, found.smallest), known)


def _change(calls: Calls, pairs: Iterable[tuple[Trajectories, Value]]) -> Failing | Random | None:
    """Return how a second call differed from the first, or None."""
    for batch, first in pairs:
        second = calls.answer(batch)
        if isinstance(second, Failure):
            return Failing(second, answered=True)
        if first.array.tobytes() == second.array.tobytes():
            continue
        gap = float(np.abs(first.array - second.array).max(initial=0.0))
        if gap > (COUPLING_TOLERANCE if first.single else REPEAT_TOLERANCE) * np.abs(first.array).max(initial=0.0):
            return Random(Difference(gap))
    return None


def _sizes(effort: Effort, coupled: int) -> Sequence[int]:
    """Return the sizes of the batches that are listed: that in which coupling was seen among them."""
    return sorted({*effort.sizes, *unusual([coupled])})


def _listed_batches(
    calls: Calls, everything: _Everything, whole: Value, sizes: Sequence[int], known: ListedInBatches
) -> ListedInBatches:
    """Return what is known of the function together with its expectations from batches of as many sizes as can be."""
    expectations, once, ordered = [], False, known.ordered
    for size in sizes:
        for in_order, batches in ways_to_list(everything.probability, everything.batch.lengths, size):
            if ordered and not in_order:
                continue
            listed = expectation_in_order if in_order else expectation_once
            found, differ = listed(calls, everything.batch, batches, bool(ordered))
            if differ:
                ordered = min(ordered or size, size)
            if ordered and once:  # what was listed once before is not trusted
                return _listed_batches(calls, everything, whole, sizes, replace(known, ordered=ordered))
            if in_order or not differ:
                expectations.append(BatchExpectation.of(size, found, everything.natural, everything.conditioning))
                once = once or not in_order
                break
    if not expectations:
        calls.note(COUPLED, "couples its trajectories: judged only where batches of them can be listed")
    return replace(
        known,
        expectations=tuple(expectations),
        ordered=ordered,
        once=once,
        single=whole.single or not np.any(whole.array),  # zeros are of any precision
        telling=whole.telling,
        bits=whole.bits,
    )
