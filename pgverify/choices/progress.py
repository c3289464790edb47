"""How far the runs have come, for whoever wants to show it."""

from __future__ import annotations

from dataclasses import dataclass

from pgverify.kinds import known_arguments


@known_arguments
@dataclass(frozen=True)
class TreeProgress:
    """How far the runs have come.

    Attributes
    ----------
    runs : int
        Done.
    mass : float
        Their probability: 1 at the end.
    expected : float or None
        Runs in all, estimated; None before that was tried.
    seconds : float
        Gone.
    """

    runs: int
    mass: float
    expected: float | None
    seconds: float

    @property
    def seconds_left(self) -> float | None:
        """By the estimated number of runs; None without one."""
        if self.expected is None or self.runs == 0:
            return None
        return max(self.expected - self.runs, 0.0) * self.seconds / self.runs
