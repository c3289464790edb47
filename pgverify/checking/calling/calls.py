"""The calls that one result rests on, one after another, and what was noticed in them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from pgverify.checking.calling.answer import Answer, Failure, Notes, Value, together
from pgverify.checking.calling.implementation import LimitedFunction
from pgverify.checking.calling.pace import SHARE, Pace
from pgverify.checking.calling.significant_bits import OF_DOUBLE, SEEN_DOUBLE, unit_roundoff
from pgverify.trajectories import Trajectories
from pgverify.validation import Array

TOO_SLOW = "too slow"
"""The kind of note that a function gets on which some large batches are not tried."""


@dataclass(frozen=True)
class Difference:
    """How two calls on one batch differed: by `gap`; `size` is that of the batch, where it is worth telling."""

    gap: float
    size: int | None = None

    def __str__(self) -> str:
        return f"two calls on the same batch{f' of {self.size}' if self.size else ''} differ by {self.gap:.3g}"


class NoEstimate(Exception):
    """A call on one of many batches gave no value."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(str(failure))
        self.failure = failure


class Changed(Exception):
    """Two calls on one batch gave different estimates."""

    def __init__(self, difference: Difference) -> None:
        super().__init__(str(difference))
        self.difference = difference


class Calls:
    """Calls an implementation, and gathers the notes of the answers.

    Made anew for every result, which carries the notes away: no two results share one.

    Parameters
    ----------
    implementation : LimitedFunction
    telling : bool
        Whether the precision of the implementation can be seen in its numbers.
    """

    def __init__(self, implementation: LimitedFunction, telling: bool = False) -> None:
        self._implementation = implementation
        self._telling = telling
        self._bits = 0
        self._notes: Notes = {}

    @property
    def notes(self) -> Notes:
        """What was noticed so far, by kind."""
        return self._notes

    @property
    def rounding(self) -> float:
        """Unit of rounding of the precision that all values so far are of; 0 for double."""
        return unit_roundoff(self._bits) if self._telling else 0.0

    @property
    def coarse(self) -> float:
        """Unit of rounding of the precision that the function was seen to compute in somewhere inside; else 0."""
        bits = self._implementation.bits
        return 2.0**-OF_DOUBLE if bits == SEEN_DOUBLE else unit_roundoff(bits)

    @property
    def finely(self) -> bool:
        """Whether the function was seen to compute in double throughout, and is judged so."""
        return self._implementation.bits == SEEN_DOUBLE

    def note(self, kind: str, sentence: str) -> None:
        """Add what was noticed in several calls together, unless there is a note of that kind."""
        self._notes = {**self._notes, kind: self._notes.get(kind, sentence)}

    def answer(self, batch: Trajectories, watched: bool = False) -> Answer:
        """Return the estimate [d] of a batch, or why there is none; `watched` as in `ask`."""
        answer = self._implementation.estimate(batch, watched)
        if answer.notes:
            self._notes = together(self._notes, answer.notes)
        if isinstance(answer, Value):
            self._bits = max(self._bits, answer.bits)
        return answer

    def estimate(self, batch: Trajectories) -> Float[Array, "d"]:
        """Return the estimate [d] of a batch, or raise `NoEstimate`."""
        match self.answer(batch):
            case Value(array):
                return array
            case Failure() as failure:
                raise NoEstimate(failure)

    def too_slow(self, pace: Pace, batch: Trajectories, size: int) -> bool:
        """Return whether a call on `size` trajectories such as these may not return in time; then it is noted."""
        limit, expected = self._implementation.alarm.seconds, pace.expected(batch, size)
        if expected <= SHARE * limit:
            return False
        self.note(
            TOO_SLOW,
            f"batches of {size} and more were not tried on every problem: a call would take about {expected:.2g} s, "
            f"where one may take time_limit={limit:g} s; raise time_limit to have them tried",
        )
        return True

    def same_again(self, batch: Trajectories, value: Float[Array, "d"], tolerance: float) -> None:
        """Call on a batch once more, and raise `Changed` if the estimate differs by more than rounding explains."""
        gap = float(np.abs(self.estimate(batch) - value).max(initial=0.0))
        if gap > tolerance * np.abs(value).max(initial=0.0):
            raise Changed(Difference(gap, len(batch)))
