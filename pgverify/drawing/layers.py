"""A layout for small problems: a column for every time step, a row for every state, so that no arrow runs back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from pgverify.drawing.small_problem import SmallProblem

COLUMN, DOT_AT = 2.3, 0.72
"""Width of a time step, and how far after the state its actions stand; one unit is the room of a state."""

ROOM = 0.56
"""Height of an action."""


@dataclass(frozen=True)
class Place:
    """Where something stands: x to the right, y upwards."""

    x: float
    y: float


@dataclass(frozen=True)
class GraphLayout:
    """The places of the states that can be reached at each time, and of the actions that can be taken there.

    Attributes
    ----------
    states : mapping of (time, state) to Place
    actions : mapping of (time, state, action) to Place
    steps : int
        Time steps that are drawn.
    width, height : float
    """

    states: Mapping[tuple[int, int], Place]
    actions: Mapping[tuple[int, int, int], Place]
    steps: int
    width: float
    height: float


def layered(problem: SmallProblem, steps: int) -> GraphLayout:
    """Return the layout of the first steps of a problem that has its tables."""
    reached = _reached(problem, steps)
    rows = sorted({state for column in reached for state in column}, key=lambda state: _first(reached, state))
    height, heights = 0.0, {}
    for state in reversed(rows):
        room = max(0.8, ROOM * len(_actions(problem, state)) + 0.2)
        heights[state] = height + room / 2.0
        height += room
    states, actions = {}, {}
    for time, column in enumerate(reached):
        for state in column:
            here = states[time, state] = Place(COLUMN * time, heights[state])
            taken = _downwards(problem, state, heights) if time < steps else []
            for index, action in enumerate(taken):
                shift = ROOM * ((len(taken) - 1) / 2.0 - index)
                actions[time, state, action] = Place(here.x + DOT_AT, here.y + shift)
    return GraphLayout(states, actions, steps, COLUMN * (len(reached) - 1), height)


def _reached(problem: SmallProblem, steps: int) -> list[list[int]]:
    """Return the states that can be reached at each time; nothing follows a terminal one."""
    columns = [[state for state in range(problem.states) if problem.start[state] > 0.0]]
    for _ in range(steps):
        following = {arrow.successor for arrow in problem.arrows if arrow.state in columns[-1]}
        if not following:
            break
        columns.append(sorted(following))
    return columns


def _first(reached: list[list[int]], state: int) -> tuple[int, int]:
    """Return when a state is first reached: those that follow stand below, terminal ones often last."""
    return next(time for time, column in enumerate(reached) if state in column), state


def _downwards(problem: SmallProblem, state: int, heights: Mapping[int, float]) -> list[int]:
    """Return the actions of a state from the one that leads highest to the one that leads lowest."""

    def height(action: int) -> float:
        ahead = [arrow for arrow in problem.arrows if (arrow.state, arrow.action) == (state, action)]
        return sum(arrow.probability * heights.get(arrow.successor, 0.0) for arrow in ahead)

    return sorted(_actions(problem, state), key=lambda action: (-round(height(action), 9), action))


def _actions(problem: SmallProblem, state: int) -> list[int]:
    return sorted({arrow.action for arrow in problem.arrows if arrow.state == state})
