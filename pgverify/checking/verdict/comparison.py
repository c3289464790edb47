"""One exact comparison: what was expected beside what was found."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from jaxtyping import Float

from pgverify.checking.exhaustive.batch_expectation import BatchExpectation
from pgverify.checking.exhaustive.listed_problem import directions, every_trajectory
from pgverify.checking.exhaustive.what_was_listed import Listed
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
    comparisons = []
    for entry, listing in known:
        for item in listing.expectations:
            vector = target_vector(target, entry.problem, item.batch_size)
            if item.batch_size >= smallest_batch(target) and vector is not None:
                batch, probability = every_trajectory(entry.problem)
                length, rank = float(probability @ batch.lengths), directions(entry.problem)
                comparisons.append(TargetComparison(entry, item, vector, batch.num_steps, length, rank))
    return comparisons
