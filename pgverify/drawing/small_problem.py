"""A small problem as plain data: what a drawing needs, and what a document keeps."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Arrow:
    """A transition that can happen: from a state by an action to the next one, its probability and mean reward."""

    state: int
    action: int
    successor: int
    probability: float
    reward: float


@dataclass(frozen=True)
class SmallProblem:
    """A finite problem with its policy.

    Attributes
    ----------
    name : str
    states, actions : int
    start : [S]
        Initial distribution; empty, as the other tables, where the problem is too large to be looked at.
    terminal : [S] of bool
    policy : [S][A]
        π(a|s).
    arrows : tuple of Arrow
        In the order of states and actions; none leaves a terminal state.
    horizon : int or None
    discount : float
    max_steps : int or None
        Steps after which episodes are cut, where they are.
    """

    name: str
    states: int
    actions: int
    start: tuple[float, ...]
    terminal: tuple[bool, ...]
    policy: tuple[tuple[float, ...], ...]
    arrows: tuple[Arrow, ...]
    horizon: int | None
    discount: float
    max_steps: int | None = None

    @property
    def length(self) -> str:
        """How long episodes last, in words."""
        if self.max_steps is not None:
            return f"episodes cut after {_steps(self.max_steps)}"
        return "no fixed horizon" if self.horizon is None else _steps(self.horizon)


def _steps(count: int) -> str:
    return f"{count} step{'' if count == 1 else 's'}"
