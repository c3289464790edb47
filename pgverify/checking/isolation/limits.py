"""The limits of a check in a process of its own, and which of them has been passed."""

from __future__ import annotations

from dataclasses import dataclass

from pgverify.checking.calling.time_spent import is_over
from pgverify.checking.isolation.whereabouts import Doing, Whereabouts

GIBIBYTE = 1 << 30

MEMORY_LIMIT = 4.0
"""GiB, for the process and all that it started: several times what torch and JAX take for a check."""

LARGEST_CROWD = 1000
"""Threads and processes: each call that leaves some behind slows all that come after it, and then the machine."""

GRACE = 0.3
"""Seconds beyond a time limit in which the process may end the call itself, as it can unless that hangs in C."""

SHORTEST_IMPORT = 10.0
"""Seconds that an import may take in any case: torch takes several from a cold disk."""

MARGIN = 60.0
"""Seconds that the check itself may go on after its total time limit."""


@dataclass(frozen=True)
class Limits:
    """What a check in a process of its own may use.

    Attributes
    ----------
    time_limit, total_time_limit : float
        Seconds, as in `pgverify.check`.
    memory_limit : float
        GiB.
    """

    time_limit: float
    total_time_limit: float
    memory_limit: float = MEMORY_LIMIT

    def passed(self, where: Whereabouts, now: float, work: float, began: float, waits: bool) -> str:
        """Return what took too long, as it follows "it"; empty where nothing did.

        Parameters
        ----------
        where : Whereabouts
        now : float
            `time.monotonic()`.
        work : float
            Processor time of the process.
        began : float
            When the process was started.
        waits : bool
            Whether the process is seen to wait.
        """
        limit, verb = {
            Doing.CALLING: (where.limit, "did not return"),
            Doing.IMPORTING: (max(self.time_limit, SHORTEST_IMPORT), "was not imported"),
        }.get(where.doing, (float("inf"), ""))
        wall = now - where.began
        if wall > limit + GRACE and is_over(limit, wall, work - where.work, waits):
            return f"{verb} within the time limit of {limit:g} s"
        if is_over(self.total_time_limit + self.time_limit + MARGIN, now - began, work, waits):
            return f"kept the check from ending {MARGIN:g} s after its total time limit of {self.total_time_limit:g} s"
        return ""

    def crowded_by(self, crowd: int) -> str:
        """Return that so many threads and processes are too many, as it follows "it"; empty where they are not."""
        if crowd <= LARGEST_CROWD:
            return ""
        return f"left {crowd} threads and processes behind, more than the limit of {LARGEST_CROWD},"

    def exceeded_by(self, memory: int) -> str:
        """Return that so many bytes are too many, as it follows "it"; empty where they are not."""
        if memory <= self.memory_limit * GIBIBYTE:
            return ""
        return f"took {memory / GIBIBYTE:.1f} GiB of memory, more than the limit of {self.memory_limit:g} GiB,"
