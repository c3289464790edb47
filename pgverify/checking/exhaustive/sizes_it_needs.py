"""Which sizes of batches a function works on that fails on others: those it is made for, which nobody has said."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from pgverify.checking.calling.answer import Failure, Value
from pgverify.checking.calling.implementation import LimitedFunction, OutOfTime
from pgverify.checking.calling.time_spent import Deadline
from pgverify.checking.exhaustive.listed_problem import every_trajectory
from pgverify.problem import Problem
from pgverify.trajectories import Trajectories

CANDIDATES = (4, 8, 16, 6, 2, 3, 5, 7, 9, 10, 12, 32, 64, 20, 24, 128, 256)
"""Sizes that are tried, the usual ones of groups first."""

MULTIPLES = (1, 2, 3)
"""Of a size that groups have: batches of one, two and three."""

MOST_OF_ALL = 64
"""The largest size below which all may fail: who needs more than that is made for one size, or for none."""


SHARE = 3.0
"""Calls as slow as the one that failed, for which time must be left: that one, one more beside it, the last one."""


@dataclass(frozen=True)
class SizesNeeded:
    """The sizes on which a function works.

    Attributes
    ----------
    size : int
    multiples : bool
        Whether it works on multiples of that, too: then groups are what it is made for.
    least : bool
        Whether it works on all larger sizes, and on none that is smaller.
    """

    size: int
    multiples: bool
    least: bool = False

    @property
    def call(self) -> str:
        """Return what to type."""
        if self.least:
            return f"check(..., design=pgv.Independent(sizes=({self.size}, {self.size + 1}, {2 * self.size})))"
        independent = f"design=pgv.Independent(sizes=({self.size},))"
        if self.multiples and self.size > 1:
            return f"check(..., design=pgv.Grouped(size={self.size}, prompts=2)) or check(..., {independent})"
        return f"check(..., {independent})"

    def __str__(self) -> str:
        works = f"multiples of {self.size}" if self.multiples else f"{self.size}{' or more' if self.least else ''}"
        return f"it works on batches of {works} trajectories, and fails on others"


def sizes_it_needs(implementation: LimitedFunction, problem: Problem, failure: Failure) -> SizesNeeded | None:
    """Return on which sizes a function works, where it is the size that it failed on; None where it is something else.

    It must fail on every batch tried of 2 or 3 trajectories (whichever is no multiple), and work on every batch tried
    of the size, those of one trajectory many times included: what fails on some inputs of a size is no matter of size.

    Parameters
    ----------
    implementation : LimitedFunction
    problem : Problem
        The one on which it failed.
    failure : Failure
        How. A call that was ended by the time limit is no matter of size; and all calls made here together take no
        longer than that: a function that fails slowly, hundreds of times, would not come to its end.
    """
    left = implementation.alarm.seconds - SHARE * failure.seconds
    if failure.timed_out or left <= 0.0:
        return None
    if left < implementation.deadline.left:
        implementation = replace(implementation, deadline=Deadline.after(left))
    batch, _ = every_trajectory(problem)
    try:
        for size in CANDIDATES:
            if not _works(implementation, batch, size):
                continue
            others = [number for number in (2, 3, size + 1) if number % size]
            if not all(_fails(implementation, batch, number) for number in others):
                continue  # a divisor of it may be what is needed
            multiples = all(_works(implementation, batch, times * size) for times in MULTIPLES)
            # What fails on some multiples and works on others is another matter; failing on all, it has one size.
            if multiples or _fails(implementation, batch, 2 * size):
                return SizesNeeded(size, multiples)
            return None
        return _least(implementation, batch)
    except OutOfTime:
        return None


def _least(implementation: LimitedFunction, batch: Trajectories) -> SizesNeeded | None:
    """Return the size from which on a function works, having failed on all below; None where there is none."""
    size = 2
    while _fails(implementation, batch, size):
        size += 1
        if size > MOST_OF_ALL:
            return None
    larger = (size, size + 1, 2 * size, 2 * size + 1, MOST_OF_ALL + size)
    works = size > 2 and all(_works(implementation, batch, number) for number in larger)
    return SizesNeeded(size, multiples=False, least=True) if works else None


def _works(implementation: LimitedFunction, batch: Trajectories, size: int) -> bool:
    return all(isinstance(implementation.estimate(each), Value) for each in _batches(batch, size))


def _fails(implementation: LimitedFunction, batch: Trajectories, size: int) -> bool:
    return all(isinstance(implementation.estimate(each), Failure) for each in _batches(batch, size))


def _batches(batch: Trajectories, size: int) -> Iterator[Trajectories]:
    """Yield batches of one size: of one trajectory alone, each of a few, and of different ones."""
    rng = np.random.default_rng(size)
    for row in {0, len(batch) - 1}:
        yield batch.select([row] * size)
    for _ in range(4):
        yield batch.select(rng.integers(len(batch), size=size))
