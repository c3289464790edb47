"""What of the sequence of random problems beyond the suite was tried, and what was left out, and why."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pgverify.counts import counted

MOST_NAMES = 4


@dataclass(frozen=True)
class LeftOut:
    """Problems of the sequence that say nothing, for one reason.

    Attributes
    ----------
    why : str
    problems : tuple of str
        Empty where it is the whole sequence.
    """

    why: str
    problems: tuple[str, ...] = ()

    def __str__(self) -> str:
        more = len(self.problems) - MOST_NAMES
        shown = ", ".join(self.problems[:MOST_NAMES]) + (f" and {more} more" if more > 0 else "")
        return f"{shown} ({self.why})" if shown else self.why


@dataclass(frozen=True)
class ExploredScope:
    """The search beyond the suite.

    Attributes
    ----------
    count : int
        Random problems on which the same holds.
    left_out : tuple of LeftOut
    """

    count: int = 0
    left_out: tuple[LeftOut, ...] = ()

    def __str__(self) -> str:
        text = f"{counted(self.count, 'random problem')} beyond the suite"
        return f"{text}, not {'; '.join(map(str, self.left_out))}" if self.left_out else text


def explored_scope_from(body: Any) -> ExploredScope | None:
    """Return what a JSON document holds; None where it holds none."""
    if body is None:
        return None
    left_out = tuple(LeftOut(each["why"], tuple(each["problems"])) for each in body["left_out"])
    return ExploredScope(body["count"], left_out)
