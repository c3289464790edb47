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
        The implementation's expectation is this multiple of the fault's: a second fault, of scale.
    law : str
        What it is a multiple by besides, from problem to problem; "" where the factor is all.
    same : bool
        Whether not the expectation alone is the fault's, but the estimate on every batch that was compared.
    """

    slug: str
    problems: int
    deviation: float
    factor: float = 1.0
    law: str = ""
    same: bool = False

    @property
    def times(self) -> str:
        """The multiple in words, as it follows a slug; empty where there is none."""
        if self.law:
            return (
                f" (times {self.law})" if abs(self.factor - 1.0) <= 1e-6 else f" (times {self.factor:.6g} × {self.law})"
            )
        return "" if abs(self.factor - 1.0) <= 1e-6 else f" (times {self.factor:.6g})"
