"""One exact comparison: what was expected beside what was found."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from jaxtyping import Float

from pgverify.checking.exhaustive.batch_expectation import BatchExpectation
from pgverify.checking.exhaustive.listed_problem import directions, every_trajectory
from pgverify.checking.exhaustive.what_was_listed import Listed, ListedInBatches
from pgverify.checking.verdict.targets import smallest_batch, target_vector
from pgverify.suites import SuiteProblem
from pgverify.validation import Array


@dataclass(frozen=True, eq=False)
class TargetComparison:
    """One exact comparison: what was expected beside what was found.

    Attributes
    ----------
    entry : SuiteProblem
    found : BatchExpectation
    target : [d]
    steps : int
        T of the problem, for laws of scale.
    mean_length : float
        Expected episode length, likewise.
    directions : int
        In how many directions an estimate can point: rank of the Fisher information.
    """

    entry: SuiteProblem
    found: BatchExpectation
    target: Float[Array, "d"]
    steps: int
    mean_length: float
    directions: int


def compared(known: Sequence[tuple[SuiteProblem, Listed]], target: str) -> list[TargetComparison]:
    """Return one comparison a problem and batch size, wherever the target is defined.

    Parameters
    ----------
    known : problems that were listed, with what was
    target : str
        One of `TARGETS`.
    """
    return [one for entry, listing in known for item in listing.expectations for one in _compared(entry, item, target)]


def compared_alone(known: Sequence[tuple[SuiteProblem, Listed]], target: str) -> list[TargetComparison]:
    """Return the same for single trajectories, where batches of more were judged."""
    batches = ((entry, listing.alone) for entry, listing in known if isinstance(listing, ListedInBatches))
    return [one for entry, alone in batches if alone is not None for one in _compared(entry, alone, target)]


def _compared(entry: SuiteProblem, item: BatchExpectation, target: str) -> list[TargetComparison]:
    vector = target_vector(target, entry.problem, item.batch_size)
    if item.batch_size < smallest_batch(target) or vector is None:
        return []
    batch, probability = every_trajectory(entry.problem)
    length, rank = float(probability @ batch.lengths), directions(entry.problem)
    return [TargetComparison(entry, item, vector, batch.num_steps, length, rank)]
