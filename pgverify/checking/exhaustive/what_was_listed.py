"""What calling a function on everything there is has shown, on one problem: expectations, or why there are none."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TypeAlias

from pgverify.checking.calling.answer import Failure, Notes
from pgverify.checking.calling.calls import Difference
from pgverify.checking.calling.significant_bits import OF_DOUBLE
from pgverify.checking.exhaustive.batch_expectation import BatchExpectation


@dataclass(frozen=True, eq=False)
class ListedAlone:
    """Trajectories were not seen to affect each other, and each was listed on its own.

    Attributes
    ----------
    expectation : BatchExpectation
        That of single trajectories.
    largest : int
        Size of the largest batch on which coupling was looked for.
    single, telling : bool
        Whether every value is one of single precision, and whether some value could tell.
    bits : int
        Significant bits of the longest number that came in, 0 where all are zero.
    notes : mapping of kind to sentence
    """

    expectation: BatchExpectation
    largest: int
    single: bool = False
    telling: bool = False
    bits: int = OF_DOUBLE
    notes: Notes = field(default_factory=dict)

    @property
    def expectations(self) -> tuple[BatchExpectation, ...]:
        """The one there is."""
        return (self.expectation,)


@dataclass(frozen=True, eq=False)
class ListedInBatches:
    """Batches were listed, of as many sizes as can be: trajectories are coupled, here or on another problem.

    Attributes
    ----------
    expectations : tuple of BatchExpectation
        One a size; empty where even pairs are too many.
    coupled : int
        Smallest batch in which trajectories were seen to affect each other's contributions; 0 if they were not.
    ordered : int
        Smallest batch of which two orders were seen to have different estimates, here or before; 0 if of none.
    once : bool
        Whether some batches were listed in one order for all, which had not been seen to matter.
    alone : BatchExpectation or None
        That of single trajectories; None where the function needs more than one.
    single, telling, bits, notes : as in `ListedAlone`
    """

    expectations: tuple[BatchExpectation, ...] = ()
    coupled: int = 0
    ordered: int = 0
    once: bool = False
    alone: BatchExpectation | None = None
    single: bool = False
    telling: bool = False
    bits: int = OF_DOUBLE
    notes: Notes = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Failing:
    """A call gave no value; `answered` says whether the same batch had one before."""

    failure: Failure
    answered: bool = False
    notes: Notes = field(default_factory=dict)

    def __str__(self) -> str:
        return f"answered once, but then {self.failure}" if self.answered else str(self.failure)


@dataclass(frozen=True, eq=False)
class Random:
    """Two calls on one batch differed."""

    difference: Difference
    notes: Notes = field(default_factory=dict)

    def __str__(self) -> str:
        return str(self.difference)


@dataclass(frozen=True)
class TooMany:
    """The problem has more trajectories than are listed; the function was not called."""

    trajectories: int
    most: int
    notes: Notes = field(default_factory=dict)

    def __str__(self) -> str:
        return f"has {self.trajectories:,} trajectories, at most limit={self.most:,} are listed"


@dataclass(frozen=True)
class Late:
    """The total time limit passed before everything was listed."""

    notes: Notes = field(default_factory=dict)


Listed: TypeAlias = ListedAlone | ListedInBatches
Unlisted: TypeAlias = Failing | Random | TooMany | Late
