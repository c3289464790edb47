"""The exact expectation of somebody's function, by calling it on every trajectory, or every batch, that exists."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from jaxtyping import Float

from pgverify.checking.batches import BATCH_SIZES, ways_to_list
from pgverify.checking.caller import Caller, Changed, Failed
from pgverify.checking.coupling import COUPLING_TOLERANCE, TRIED_SIZES, batch_estimates, smallest_coupled
from pgverify.checking.listing import every_trajectory, natural_scale
from pgverify.checking.probe import Answer, Notes, global_state
from pgverify.errors import TooLarge
from pgverify.problem import Problem
from pgverify.trajectories import Trajectories
from pgverify.validation import Array

REPEAT_TOLERANCE = 1e-9
"""Relative difference between two calls that may be threads adding up in another order; beyond it is randomness."""


@dataclass(frozen=True, eq=False)
class Expectation:
    """The exact mean of an estimate over all batches of one size.

    Attributes
    ----------
    batch_size : int
        Trajectories in a batch; 1 for functions that treat trajectories independently.
    mean : [d]
    scale : float
        E of the largest entry of |estimate|: what rounding errors are relative to.
    trace : float
        tr Cov of the estimate, times the batch size.
    natural : float
        The same as `scale` for reward-to-go: what deviations are relative to.
    """

    batch_size: int
    mean: Float[Array, "d"]
    scale: float
    trace: float
    natural: float


@dataclass(frozen=True, eq=False)
class Listing:
    """What calling a function on everything there is has shown, on one problem.

    Attributes
    ----------
    expectations : tuple of Expectation
        One for independent functions; one a batch size for coupled ones. Empty where nothing could be judged.
    coupled : int
        Smallest batch in which trajectories were seen to affect each other's contributions; 0 if they were not.
    alone : Expectation or None
        That of single trajectories, where batches were listed; None where it needs more than one.
    in_batches : bool
        Whether batches were listed, not single trajectories.
    once : bool
        Whether some batches were listed in one order for all, which had not been seen to matter.
    single, telling : bool
        Whether every value is one of single precision, and whether some value could tell.
    invalid : str
        The first failure, with its input; empty if there was none.
    random : str
        How two calls on one batch differed; empty if they did not.
    unlisted : str
        Why the trajectories could not be listed; empty if they were.
    notes : mapping of kind to sentence
    """

    expectations: tuple[Expectation, ...] = ()
    coupled: int = 0
    alone: Expectation | None = None
    in_batches: bool = False
    once: bool = False
    single: bool = False
    telling: bool = False
    invalid: str = ""
    random: str = ""
    unlisted: str = ""
    notes: Notes = field(default_factory=dict)

    @property
    def usable(self) -> bool:
        """False where a call failed, was not repeatable, or none was made."""
        return not (self.invalid or self.random or self.unlisted)


@dataclass(frozen=True)
class Effort:
    """Which batches are tried on one problem.

    Attributes
    ----------
    tried : tuple of int
        Sizes of the random batches on which coupling is looked for.
    sizes : tuple of int
        Sizes of the batches that are listed where trajectories are coupled, as far as there are not too many.
    """

    tried: tuple[int, ...] = TRIED_SIZES
    sizes: tuple[int, ...] = BATCH_SIZES


THOROUGH = Effort()


def unusual(sizes: Iterable[int]) -> set[int]:
    """Return the sizes that are not listed on the smallest problems in any case."""
    return set(sizes) - {0, *BATCH_SIZES}


def list_expectation(call: Caller, problem: Problem, coupled: bool = False, effort: Effort = THOROUGH) -> Listing:
    """Return the exact expectation of an implementation on a problem small enough to list.

    Coupling is found by calling on single trajectories and on lists, and comparing; never assumed away. Every call on
    a single trajectory is made twice, at different times: a function that answers differently is not judged by listing.

    Parameters
    ----------
    call : Caller
    problem : Problem
    coupled : bool
        Whether coupling has been seen elsewhere: then batches are listed, though none is seen here.
    effort : Effort
    """
    try:
        batch, probability = every_trajectory(problem)
    except TooLarge as reason:
        return Listing(unlisted=str(reason).split(";")[0])
    before = global_state()
    try:
        return _list(call, batch, probability, natural_scale(problem), coupled, effort)
    except Failed as reason:
        return Listing(invalid=str(reason), notes=call.notes)
    except Changed as reason:
        return Listing(random=str(reason), notes=call.notes)
    finally:
        if global_state() != before:
            call.notes.setdefault("global random state", "draws from the global random state on rare trajectories")


def _list(
    call: Caller,
    batch: Trajectories,
    probability: Float[Array, "n"],
    natural: float,
    coupled: bool,
    effort: Effort,
) -> Listing:
    together = call(batch, watched=True)
    if together.value is None:
        return Listing(invalid=together.problem, notes=call.notes)
    singles = []
    for i in range(len(batch)):
        singles.append(call(batch.select([i])))
        if singles[-1].timed_out:
            return Listing(invalid=singles[-1].problem, notes=call.notes)
    failed = [answer.problem for answer in singles if answer.value is None]
    if failed and len(failed) < len(singles):
        return Listing(invalid=failed[0], notes=call.notes)
    again = [(together, call(batch))]
    if not failed:
        again += [(first, call(batch.select([i]))) for i, first in enumerate(singles)]
    change = _change(again)
    if change is not None:
        return Listing(invalid=change if change.startswith("answered") else "", random=change, notes=call.notes)
    size, alone = 2, None
    if failed:
        short = failed[0].split(" on the batch")[0]
        call.notes.setdefault("needs company", f"needs more than one trajectory: on one alone it {short}")
    else:
        rows = np.stack([answer.value for answer in singles if answer.value is not None])
        single = all(answer.single or not np.any(answer.value) for answer in singles)
        size = smallest_coupled(call, batch, rows, together.value, effort.tried)
        alone = _summary(1, rows, probability, natural)
        if not coupled and size == 0:
            telling = any(answer.telling for answer in singles)
            return Listing((alone,), single=single, telling=telling, notes=call.notes)
    sizes = sorted({*effort.sizes, *unusual([size])})
    return replace(_listed_batches(call, batch, probability, together, natural, sizes), coupled=size, alone=alone)


def _change(pairs: Sequence[tuple[Answer, Answer]]) -> str | None:
    """Return how a second call differed from the first, or None."""
    for first, second in pairs:
        if second.value is None:
            return f"answered once, but then {second.problem}"
        assert first.value is not None
        gap = float(np.abs(first.value - second.value).max(initial=0.0))
        if gap > (COUPLING_TOLERANCE if first.single else REPEAT_TOLERANCE) * np.abs(first.value).max(initial=0.0):
            return f"two calls on the same batch differ by {gap:.3g}"
    return None


def _listed_batches(
    call: Caller,
    batch: Trajectories,
    probability: Float[Array, "n"],
    together: Answer,
    natural: float,
    sizes: Sequence[int],
) -> Listing:
    expectations, once = [], False
    for size in sizes:
        for in_order, batches in ways_to_list(probability, batch.lengths, size):
            if call.ordered and not in_order:
                continue
            values, differ = batch_estimates(call, batch, batches, in_order)
            if differ:
                call.ordered = min(call.ordered or size, size)
            if call.ordered and once:  # what was listed once before is not trusted
                return _listed_batches(call, batch, probability, together, natural, sizes)
            if in_order or not differ:
                expectations.append(_summary(size, values, np.array([chance for _, chance in batches]), natural))
                once = once or not in_order
                break
    if not expectations:
        call.notes.setdefault("coupled", "couples its trajectories: judged only where batches of them can be listed")
    return Listing(
        tuple(expectations),
        in_batches=True,
        once=once,
        single=together.single,
        telling=together.telling,
        notes=call.notes,
    )


def _summary(size: int, estimates: Float[Array, "n d"], weights: Float[Array, "n"], natural: float) -> Expectation:
    mean = weights @ estimates
    spread = float(weights @ ((estimates - mean) ** 2).sum(axis=1))
    return Expectation(size, mean, float(weights @ np.abs(estimates).max(axis=1)), size * spread, natural)
