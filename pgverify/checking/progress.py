"""How far the listing of a suite has come: problem by problem, until it is done, fails, or time runs out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from pgverify.checking.caller import Caller, OutOfTime
from pgverify.checking.coupling import TRIED_SIZES
from pgverify.checking.exhaustive import THOROUGH, Effort, Listing, list_expectation, unusual
from pgverify.checking.suite import SuiteProblem

MANY = 5
"""Problems, the smallest, on which coupling is looked for in batches of every size. What shows in none but large ones
does so whatever the problem."""

BRIEF = Effort(tried=(2, 3, max(TRIED_SIZES)), sizes=(2,))
"""For the others, in pairs: larger batches of them would take as long as all the rest."""


@dataclass(frozen=True, eq=False)
class Progress:
    """What has been listed so far.

    Attributes
    ----------
    listings : mapping of position in the suite to listing
    unlisted : mapping of position to str
        Why a problem was not tried.
    failed : (position, Listing) or None
        The call that ended it all: a failure, or randomness.
    late : bool
        Whether the total time limit has passed.
    """

    listings: Mapping[int, Listing] = field(default_factory=dict)
    unlisted: Mapping[int, str] = field(default_factory=dict)
    failed: tuple[int, Listing] | None = None
    late: bool = False

    @property
    def coupled(self) -> bool:
        """True when trajectories of a batch were seen to affect each other, on whatever problem."""
        return any(listing.coupled for listing in self.listings.values())

    def effort(self, index: int) -> Effort:
        """Return which batches are tried on a problem: of all sizes in which coupling was first seen somewhere, too."""
        plain = THOROUGH if index < MANY else BRIEF
        seen = unusual(listing.coupled for listing in self.listings.values())
        return replace(plain, sizes=tuple(sorted({*plain.sizes, *seen})))

    def known(self, suite: Sequence[SuiteProblem]) -> list[tuple[SuiteProblem, Listing]]:
        """Return the problems that were listed, in the order of the suite."""
        return [(suite[index], self.listings[index]) for index in sorted(self.listings)]


def listed_on(
    progress: Progress, call: Caller, suite: Sequence[SuiteProblem], chosen: Iterable[int], in_batches: bool
) -> Progress:
    """Return the progress after the chosen problems of a suite, beside those listed already.

    Coupling seen on one problem is believed on all: elsewhere it may only have cancelled. Once it is seen, batches are
    listed on every problem; the same holds for the order of trajectories in a batch.

    Parameters
    ----------
    progress : Progress
        What has been listed already, of the same suite.
    call : Caller
    suite : problems, smallest first
    chosen : positions in the suite
    in_batches : bool
        Whether the target is one of batches: then they are listed in any case.
    """
    try:
        for index in chosen:
            if index not in {*progress.listings, *progress.unlisted} and progress.failed is None:
                listing = list_expectation(call, suite[index].problem, in_batches, progress.effort(index))
                progress = _with(progress, index, suite, listing)
        while progress.failed is None and (stale := _stale(progress, call)):
            rest = {known: other for known, other in progress.listings.items() if known != stale[0]}
            again = list_expectation(call, suite[stale[0]].problem, True, progress.effort(stale[0]))
            progress = _with(replace(progress, listings=rest), stale[0], suite, again)
    except OutOfTime:
        missing = [index for index in range(len(suite)) if index not in {*progress.listings, *progress.unlisted}]
        names = ", ".join(suite[index].name for index in missing[:3]) + (", …" if missing[3:] else "")
        late = {missing[0]: f"the total time limit passed before {names} could be tried"} if missing else {}
        progress = replace(progress, unlisted={**progress.unlisted, **late}, late=True)
    return progress


def _stale(progress: Progress, call: Caller) -> list[int]:
    """Return the problems listed before it was seen that trajectories are coupled, or that their order matters."""
    return [
        index
        for index, listing in progress.listings.items()
        if (progress.coupled and not listing.in_batches) or (call.ordered and listing.once)
    ]


def _with(progress: Progress, index: int, suite: Sequence[SuiteProblem], listing: Listing) -> Progress:
    if listing.unlisted:
        why = f"{suite[index].name} was not tried: it {listing.unlisted.removeprefix('problem ')}"
        return replace(progress, unlisted={**progress.unlisted, index: why})
    if not listing.usable:
        return replace(progress, failed=(index, listing))
    return replace(progress, listings={**progress.listings, index: listing})
