"""What has been listed of a suite: problem by problem, until it is done, a call fails, or time runs out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from pgverify.checking.calling.answer import Notes, together
from pgverify.checking.calling.implementation import LimitedFunction
from pgverify.checking.exhaustive.effort import BRIEF, THOROUGH, Effort, unusual
from pgverify.checking.exhaustive.one_problem import list_expectation
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
from pgverify.suites import SuiteProblem

MANY = 5
"""Problems, the smallest, on which coupling is looked for in batches of every size. What shows in none but large ones
does so whatever the problem."""


@dataclass(frozen=True, eq=False)
class Progress:
    """What has been listed so far.

    Attributes
    ----------
    listings : mapping of position in the suite to what was listed
    unlisted : mapping of position to str
        Why a problem was not tried.
    failed : (position, Failing or Random) or None
        The call that ended it all.
    late : bool
        Whether the total time limit has passed.
    ordered : int
        Size of the smallest batch of which two orders were seen to have different estimates, 0 if of none.
    notes : mapping of kind to sentence
        Of all calls so far.
    """

    listings: Mapping[int, Listed] = field(default_factory=dict)
    unlisted: Mapping[int, str] = field(default_factory=dict)
    failed: tuple[int, Failing | Random] | None = None
    late: bool = False
    ordered: int = 0
    notes: Notes = field(default_factory=dict)

    @property
    def coupled(self) -> tuple[int, ...]:
        """Sizes in which trajectories of a batch were first seen to affect each other, on whatever problem."""
        batches = [listing for listing in self.listings.values() if isinstance(listing, ListedInBatches)]
        return tuple(listing.coupled for listing in batches if listing.coupled)

    @property
    def ended(self) -> bool:
        """True where nothing more is listed."""
        return self.failed is not None or self.late

    def effort(self, index: int) -> Effort:
        """Return which batches are tried on a problem: of all sizes in which coupling was first seen somewhere, too."""
        plain = THOROUGH if index < MANY else BRIEF
        return replace(plain, sizes=tuple(sorted({*plain.sizes, *unusual(self.coupled)})))

    def known(self, suite: Sequence[SuiteProblem]) -> list[tuple[SuiteProblem, Listed]]:
        """Return the problems that were listed, in the order of the suite."""
        return [(suite[index], self.listings[index]) for index in sorted(self.listings)]


def listed_on(
    progress: Progress,
    implementation: LimitedFunction,
    suite: Sequence[SuiteProblem],
    chosen: Iterable[int],
    in_batches: bool,
) -> Progress:
    """Return the progress after the chosen problems of a suite, beside those listed already.

    Coupling seen on one problem is believed on all: elsewhere it may only have cancelled. Once it is seen, batches are
    listed on every problem; the same holds for the order of trajectories in a batch.

    Parameters
    ----------
    progress : Progress
        What has been listed already, of the same suite.
    implementation : LimitedFunction
    suite : problems, smallest first
    chosen : positions in the suite
    in_batches : bool
        Whether the target is one of batches: then they are listed in any case.
    """

    def after(progress: Progress, index: int, in_batches: bool) -> Progress:
        problem, effort = suite[index].problem, progress.effort(index)
        found = list_expectation(implementation, problem, in_batches, progress.ordered, effort)
        return _with(progress, index, suite, found)

    for index in chosen:
        if index not in {*progress.listings, *progress.unlisted} and not progress.ended:
            progress = after(progress, index, in_batches)
    while not progress.ended and (stale := _stale(progress)):
        progress = after(progress, stale[0], True)
    return progress


def _stale(progress: Progress) -> list[int]:
    """Return the problems listed before it was seen that trajectories are coupled, or that their order matters."""
    coupled, ordered = bool(progress.coupled), bool(progress.ordered)

    def overtaken(listing: Listed) -> bool:
        match listing:
            case ListedAlone():
                return coupled
            case ListedInBatches():
                return ordered and listing.once

    return [index for index, listing in progress.listings.items() if overtaken(listing)]


def _with(progress: Progress, index: int, suite: Sequence[SuiteProblem], found: Listed | Unlisted) -> Progress:
    progress = replace(progress, notes=together(progress.notes, found.notes))
    others = {other: known for other, known in progress.listings.items() if other != index}
    match found:
        case ListedAlone():
            return replace(progress, listings={**others, index: found})
        case ListedInBatches():
            ordered = found.ordered or progress.ordered
            return replace(progress, listings={**others, index: found}, ordered=ordered)
        case TooMany():
            why = f"{suite[index].name} was not tried: it {found}"
            return replace(progress, unlisted={**progress.unlisted, index: why})
        case Failing() | Random():
            return replace(progress, failed=(index, found))
        case Late():
            return _late(progress, suite)


def _late(progress: Progress, suite: Sequence[SuiteProblem]) -> Progress:
    missing = [index for index in range(len(suite)) if index not in {*progress.listings, *progress.unlisted}]
    names = ", ".join(suite[index].name for index in missing[:3]) + (", …" if missing[3:] else "")
    late = {missing[0]: f"the total time limit passed before {names} could be tried"} if missing else {}
    return replace(progress, unlisted={**progress.unlisted, **late}, late=True)
