"""What a function that is judged in batches makes of single trajectories: the target, nothing, or something else."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pgverify.checking.exhaustive.what_was_listed import Listed, ListedInBatches
from pgverify.checking.verdict.precision import deviation, vanishes
from pgverify.checking.verdict.recognised_precision import possible_inside
from pgverify.checking.verdict.targets import smallest_batch, target_vector
from pgverify.suites import SuiteProblem


@dataclass(frozen=True)
class Alone:
    """How the expectation of single trajectories differs from the target.

    Attributes
    ----------
    problem : str
        The first problem on which it does; "" where it does on none.
    silent : bool
        Whether it is zero wherever it differs, as that of a mean over others is where there are none.
    """

    problem: str = ""
    silent: bool = True

    @property
    def notes(self) -> tuple[str, ...]:
        """What is no fault: of one trajectory nothing can be said."""
        if not self.problem or not self.silent:
            return ()
        return (f"makes nothing of single trajectories ({self.problem}): batches were judged",)

    @property
    def warnings(self) -> tuple[str, ...]:
        """What is: another gradient than in batches."""
        if self.silent:
            return ()
        return (f"on single trajectories its expectation is not the target ({self.problem}): batches were judged",)


def off_alone(known: Sequence[tuple[SuiteProblem, Listed]], target: str) -> Alone:
    """Return how single trajectories differ from the target, where batches were judged.

    Parameters
    ----------
    known : problems that were listed, with what was
    target : str
    """
    found, level = Alone(), possible_inside(known)
    for entry, listing in known:
        alone = listing.alone if isinstance(listing, ListedInBatches) else None
        vector = target_vector(target, entry.problem, 1) if smallest_batch(target) == 1 else None
        if alone and vector is not None and deviation(alone, vector, level) > level.relative:
            found = Alone(found.problem or entry.name, found.silent and vanishes(alone, level))
    return found
