"""How long calls take as batches grow: none is asked for, larger than a function needs, that would not be over in time.

A network that is called step by step takes a second for a thousand trajectories. That such a function does not return
within the time limit on five thousand is no fault of it: the check chose them.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable

from jaxtyping import Float

from pgverify.checking.calling.time_spent import HARDLY
from pgverify.trajectories import Trajectories
from pgverify.validation import Array

SMALLEST = 33
"""Trajectories from which on it is noted how long a call takes: before, what it takes for any batch counts for more."""

SHARE = 0.5
"""Of the time limit of a call: what is expected to take longer is not asked for, for it may take twice as long."""

GROWN = 1.5
"""How many times as much work the larger of two batches is from which it is told how time grows."""


WAITED = 0.25
"""Seconds on the wall from which on a call is one that waits: a shorter one may have been kept from working."""

MOST = 2.0
"""Power of the work beyond which time is not expected to grow: what was seen in short calls is not that certain."""


class Pace:
    """Notes how long calls on large batches take, and tells how long one on a still larger one will.

    What is expected is the larger of two guesses: that time grows with the work as a straight line through the two
    largest batches noted, which holds where each call takes a while beside; and as the power of the work that they
    give, at most its square, as where pairs of trajectories are compared. From one batch alone: in proportion to the
    work.
    """

    def __init__(self) -> None:
        self._noted: list[tuple[int, float]] = []

    def of(self, estimate: Callable[[Trajectories], Float[Array, "d"]], batch: Trajectories) -> Float[Array, "d"]:
        """Call on a batch, and note how long it took: in processor time, or on the wall if the call only waited."""
        if len(batch) < SMALLEST:
            return estimate(batch)
        wall, worked = time.monotonic(), time.process_time()
        value = estimate(batch)
        wall, worked = time.monotonic() - wall, time.process_time() - worked
        waited = wall > WAITED and worked < HARDLY * wall
        work, seconds = _work(batch, len(batch)), wall if waited else worked
        if not self._noted or work > GROWN * self._noted[-1][0]:
            self._noted = [*self._noted[-1:], (work, seconds)]
        return value

    def expected(self, batch: Trajectories, size: int) -> float:
        """Return how many seconds a call on `size` trajectories such as these will take; 0 where nothing is known.

        Parameters
        ----------
        batch : Trajectories
            Some of a problem.
        size : int
        """
        if not self._noted:
            return 0.0
        work, (most, longest) = _work(batch, size), self._noted[-1]
        if work <= most:
            return longest
        if len(self._noted) == 1:
            return longest * work / most
        less, shorter = self._noted[0]
        line = longest + max(longest - shorter, 0.0) * (work - most) / (most - less)
        if not 0.0 < shorter < longest:
            return line
        power = min(math.log(longest / shorter) / math.log(most / less), MOST)
        return max(line, longest * (work / most) ** power)


def _work(batch: Trajectories, size: int) -> int:
    """Return about how many steps so many such trajectories have, and one for each of them."""
    return round(size * (1.0 + float(batch.lengths.mean())))
