"""When time is up: by the processor time that was used, so that a slow or busy machine makes nobody late."""

from __future__ import annotations

import time
from dataclasses import dataclass

HARDLY = 0.1
"""Share of the time on the wall below which a call waits, for a lock or a sleep, and does not work."""


def is_over(limit: float, wall: float, work: float) -> bool:
    """Return whether a limit of seconds has passed: of work, or on the wall for what hardly works at all.

    Parameters
    ----------
    limit : float
    wall, work : float
        Seconds on the wall and of processor time since the beginning.
    """
    return wall > limit and (work > limit or work < HARDLY * wall)


@dataclass(frozen=True)
class Deadline:
    """The end of a check: so many seconds, as `is_over` counts them, after it began.

    Attributes
    ----------
    seconds : float
    wall, work : float
        The clocks when it began.
    """

    seconds: float
    wall: float
    work: float

    @classmethod
    def after(cls, seconds: float) -> Deadline:
        """Return the deadline so many seconds from now."""
        return cls(seconds, time.monotonic(), time.process_time())

    @property
    def passed(self) -> bool:
        """Whether no further call may begin."""
        wall = time.monotonic() - self.wall
        # Asked before every call: the clock of the processor is a system call, and no matter before this one is late.
        return wall > self.seconds and is_over(self.seconds, wall, time.process_time() - self.work)

    @property
    def left(self) -> float:
        """Seconds of work that are left, negative where there are none."""
        return self.seconds - (time.process_time() - self.work)


NEVER = Deadline(float("inf"), 0.0, 0.0)
