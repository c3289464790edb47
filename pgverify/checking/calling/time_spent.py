"""When time is up: by the processor time that was used, so that a slow or busy machine makes nobody late."""

from __future__ import annotations

import contextlib
import time
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

HARDLY = 0.1
"""Share of the time on the wall below which a call waits, for a lock or a sleep, and does not work."""

MOST_THREADS = 100
"""Threads that are asked: somebody may have left thousands running, and the first are those that work."""

LOOKS, LATE, KEPT = 3, 5.0, 0.25
"""So many looks in a row tell that a process waits; none may come later than so many intervals, nor may the process
have been kept from working for this share of one."""


def is_over(limit: float, wall: float, work: float, waits: bool = True) -> bool:
    """Return whether a limit of seconds has passed: of work, or on the wall for what hardly works at all.

    Parameters
    ----------
    limit : float
    wall, work : float
        Seconds on the wall and of processor time since the beginning.
    waits : bool
        Whether what hardly works is known to wait, and not to be kept from working.
    """
    return wall > limit and (work > limit or (waits and work < HARDLY * wall))


def kept_from_working(process: int | str = "self") -> float:
    """Return for how many seconds the threads of a process were ready and got no processor; 0 where nobody says."""
    total = 0
    with contextlib.suppress(OSError, ValueError, IndexError):
        for thread in islice(Path(f"/proc/{process}/task").iterdir(), MOST_THREADS):
            with contextlib.suppress(OSError):  # it has ended meanwhile
                total += int((thread / "schedstat").read_text().split()[1])
    return total / 1e9


class Glances:
    """Whether a process waits, as seen in several looks in a row.

    Clocks cannot tell: a machine that stands still for a while, or that others use, leaves a call as little processor
    time as a lock does. A process waits if it hardly works between looks and was not kept from it either; a look that
    comes much too late is that of a machine that stood still, and the counting begins anew.

    Parameters
    ----------
    every : float
        Seconds between two looks at least.
    process : int, optional
        Its number; this one without.
    """

    def __init__(self, every: float, process: int | str = "self") -> None:
        self.every, self._process = every, process
        self._last: tuple[float, float, float] | None = None
        self._in_a_row = 0

    def again(self, now: float, work: float) -> bool:
        """Look once more, at this time and with this much work done, and return whether the process waits."""
        if self._last is not None and now - self._last[0] < self.every:
            return self._in_a_row >= LOOKS
        delay = kept_from_working(self._process)
        if self._last is not None:
            gap = now - self._last[0]
            waited = work - self._last[1] < HARDLY * gap and delay - self._last[2] < KEPT * gap
            self._in_a_row = self._in_a_row + 1 if waited and gap < LATE * self.every else 0
        self._last = now, work, delay
        return self._in_a_row >= LOOKS


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
