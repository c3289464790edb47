"""The exact expectation of somebody's function, by calling it on every trajectory, or every batch, that exists."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from jaxtyping import Float

from pgverify.checking.batches import BATCH_SIZES, Batches, another_order, ways_to_list
from pgverify.checking.caller import Caller
from pgverify.checking.listing import every_trajectory, natural_scale
from pgverify.checking.probe import Answer, Notes, global_state
from pgverify.errors import TooLarge
from pgverify.problem import Problem
from pgverify.trajectories import Trajectories
from pgverify.validation import Array

COUPLING_TOLERANCE = 1e-6
"""Relative to the largest row: what single precision may differ by when a row is computed in other company."""

REPEAT_TOLERANCE = 1e-9
"""Relative difference between two calls that may be threads adding up in another order; beyond it is randomness."""

LONG, SHUFFLED = 8, 32
"""Of batches of 8 and more not all are tried in another order: where it matters it does so in most of them."""

TRIED_SIZES = (2, 2, 3, 3, 4, 5, 6, 7, 8, 9, 16, 33, 64, 128, 300, 1021)
"""Sizes of random batches on which coupling is looked for: even and odd, small and large, no multiple of 256."""


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
    in_batches : bool
        Whether batches were listed, not single trajectories.
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
    in_batches: bool = False
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


def list_expectation(
    call: Caller, problem: Problem, coupled: bool = False, sizes: Sequence[int] = BATCH_SIZES
) -> Listing:
    """Return the exact expectation of an implementation on a problem small enough to list.

    Coupling is found by calling on single trajectories and on lists, and comparing; never assumed away. Every call on
    a single trajectory is made twice, at different times: a function that answers differently is not judged by listing.

    Parameters
    ----------
    call : Caller
    problem : Problem
    coupled : bool
        Whether coupling has been seen elsewhere: then batches are listed, though none is seen here.
    sizes : sequence of int
        Of the batches that are listed then, as far as there are not too many.
    """
    try:
        batch, probability = every_trajectory(problem)
    except TooLarge as reason:
        return Listing(unlisted=str(reason).split(";")[0])
    before = global_state()
    try:
        return _list(call, batch, probability, natural_scale(problem), coupled, sizes)
    finally:
        if global_state() != before:
            call.notes.setdefault("global random state", "draws from the global random state on rare trajectories")


def _list(
    call: Caller,
    batch: Trajectories,
    probability: Float[Array, "n"],
    natural: float,
    coupled: bool,
    sizes: Sequence[int],
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
    size = 2
    if failed:
        short = failed[0].split(" on the batch")[0]
        call.notes.setdefault("needs company", f"needs more than one trajectory: on one alone it {short}")
    else:
        rows = np.stack([answer.value for answer in singles if answer.value is not None])
        single = all(answer.single or not np.any(answer.value) for answer in singles)
        size = _coupled(call, batch, rows, together.value)
        if not coupled and size == 0:
            found = _summary(1, rows, probability, natural)
            telling = any(answer.telling for answer in singles)
            return Listing((found,), single=single, telling=telling, notes=call.notes)
    return replace(_listed_batches(call, batch, probability, together, natural, sizes), coupled=size)


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


def _coupled(call: Caller, batch: Trajectories, rows: Float[Array, "n d"], together: Float[Array, "d"]) -> int:
    """Return the size of the smallest batch tried whose estimate is not the mean of its members' own; 0 if all are."""
    count, rng = len(rows), np.random.default_rng(0)
    largest = np.abs(rows).max()

    def limit(members: list[int]) -> float:
        """Return what rounding of the members' own rows explains: a rare huge one elsewhere hides nothing."""
        return float(max(COUPLING_TOLERANCE * np.abs(rows[members]).max(), 1e-13 * largest))

    tries = [[i] * k for k in (2, 3) for i in {0, count - 1}] + [[*range(count)][::-1]]
    for size in TRIED_SIZES:
        members = rng.integers(count, size=size).tolist()
        tries += [members, members[::-1]] if size <= 3 else [members]
    for members in sorted(tries, key=len):
        answer = call(batch.select(members))
        if answer.value is None:  # will be met again, and reported, where batches are listed
            return len(members)
        # A long sum in single precision loses in proportion to its length.
        gap = np.abs(answer.value - rows[members].mean(axis=0)).max()
        if gap > limit(members) * (1.0 + len(members) / 16.0):
            return len(members)
    return count if np.abs(together - rows.mean(axis=0)).max() > limit([*range(count)]) else 0


def _listed_batches(
    call: Caller,
    batch: Trajectories,
    probability: Float[Array, "n"],
    together: Answer,
    natural: float,
    sizes: Sequence[int],
) -> Listing:
    expectations = []
    for size in sizes:
        for in_order, batches in ways_to_list(probability, size):
            if call.order_matters and not in_order:
                continue
            estimates = []
            for rows, _ in batches:
                answer = call(batch.select(rows))
                if answer.value is None:
                    return Listing(invalid=answer.problem, notes=call.notes)
                estimates.append(answer.value)
            values = np.stack(estimates)
            call.order_matters = call.order_matters or _order_matters(call, batch, batches, values, in_order)
            if in_order or not call.order_matters:
                expectations.append(_summary(size, values, np.array([chance for _, chance in batches]), natural))
                break
    if not expectations:
        call.notes.setdefault("coupled", "couples its trajectories: judged only where batches of them can be listed")
    return Listing(
        tuple(expectations), in_batches=True, single=together.single, telling=together.telling, notes=call.notes
    )


def _order_matters(
    call: Caller, batch: Trajectories, batches: Batches, values: Float[Array, "m d"], in_order: bool
) -> bool:
    """Return whether two orders of one batch have different estimates, among those listed or by one more call each."""
    limit, rng = COUPLING_TOLERANCE * np.abs(values).max(), np.random.default_rng(1)
    first: dict[tuple[int, ...], Float[Array, "d"]] = {}
    shuffled = 0
    for (rows, _), value in zip(batches, values, strict=True):
        other: Float[Array, "d"] | None = value
        if in_order:
            other = first.setdefault(tuple(sorted(rows)), value)
        elif (order := another_order(rows, rng)) is not None and (len(rows) < LONG or shuffled < SHUFFLED):
            other, shuffled = call(batch.select(order)).value, shuffled + 1
        if other is None or np.abs(other - value).max() > limit:
            return True
    return False


def _summary(size: int, estimates: Float[Array, "n d"], weights: Float[Array, "n"], natural: float) -> Expectation:
    mean = weights @ estimates
    spread = float(weights @ ((estimates - mean) ** 2).sum(axis=1))
    return Expectation(size, mean, float(weights @ np.abs(estimates).max(axis=1)), size * spread, natural)
