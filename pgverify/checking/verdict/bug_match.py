"""A match: a catalogued fault that explains what was found."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Match:
    """A catalogued fault whose expectation is the implementation's on every problem where both are known.

    Attributes
    ----------
    slug : str
    problems : int
        On how many problems (and batch sizes).
    deviation : float
        The largest relative difference.
    factor : float
        The implementation's expectation is this multiple of the fault's: a second fault, of scale or of sign.
    """

    slug: str
    problems: int
    deviation: float
    factor: float = 1.0
