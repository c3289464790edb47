"""A batch in words, as one would type it: from plain lists, so that a process without NumPy can say it too."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias

SHOWN = 2
"""Trajectories of a batch that are told; of the rest, how many there are."""

PlainTrajectory: TypeAlias = tuple[Sequence[Any], Sequence[Any], Sequence[float]]
"""States [length + 1], actions [length] and rewards [length]."""


def batch_in_words(first: Sequence[PlainTrajectory], count: int) -> str:
    """Return a batch as one would type it, shortened where it is long.

    Parameters
    ----------
    first : sequence of PlainTrajectory
        Its first trajectories, at most `SHOWN`.
    count : int
        How many it has.
    """
    told = [
        f"s={list(states)} a={list(actions)} r={[round(r, 6) for r in rewards]}" for states, actions, rewards in first
    ]
    more = f", … ({count} trajectories)" if count > len(first) else ""
    return f"the batch {'; '.join(told)}{more}"
