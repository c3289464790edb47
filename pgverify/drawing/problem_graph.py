"""A small problem drawn step by step: states, the actions taken in them, where they lead and what they pay."""

from __future__ import annotations

from collections.abc import Collection
from math import hypot
from typing import TYPE_CHECKING

from pgverify.drawing.colours import ALARM, CONCEPTS, INK, PAPER, QUIET
from pgverify.drawing.layers import COLUMN, GraphLayout, Place, layered
from pgverify.drawing.small_problem import Arrow, SmallProblem

if TYPE_CHECKING:  # matplotlib is imported late: checks must stay light
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MOST_STEPS = 4
"""Time steps that are drawn; of longer episodes the first ones."""

MOST_STATES, MOST_DRAWN = 8, 16
"""States, and arrows of one step, that are drawn: a larger graph says less than its table."""

RADIUS, DOT, LABEL_AT = 0.22, 0.13, 0.55

Taken = Collection[tuple[int, int, int, int]]
"""(time, state, action, next state) of steps that are to be seen."""


def can_be_drawn(problem: SmallProblem) -> bool:
    """Return whether the problem is small enough, and has its tables."""
    return 0 < len(problem.arrows) <= MOST_DRAWN and problem.states <= MOST_STATES


def steps_drawn(problem: SmallProblem) -> tuple[int, bool]:
    """Return how many time steps are drawn, and whether these are all."""
    lengths = [length for length in (problem.max_steps, problem.horizon) if length is not None]
    longest = min(lengths, default=MOST_STEPS + 1)
    return min(longest, MOST_STEPS), longest <= MOST_STEPS


def draw_problem(problem: SmallProblem, taken: Taken = ()) -> Figure:
    """Draw a problem; steps that were taken stand out.

    Parameters
    ----------
    problem : SmallProblem
        One that `can_be_drawn`.
    taken : collection of (time, state, action, next state)
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    layout = layered(problem, steps_drawn(problem)[0])
    figure = Figure(figsize=(layout.width + 1.3, layout.height + 0.55))
    FigureCanvasAgg(figure)
    draw_on(figure.add_axes((0.0, 0.0, 1.0, 1.0)), problem, layout, taken)
    return figure


def draw_on(axis: Axes, problem: SmallProblem, layout: GraphLayout, taken: Taken) -> None:
    """Draw a problem on axes that are its own; one unit is one inch."""
    axis.set_axis_off()
    axis.set_aspect("equal")
    axis.set_xlim(-0.85, layout.width + 0.45)
    axis.set_ylim(-0.4, layout.height + 0.15)
    for (time, state, action), place in layout.actions.items():
        used = any(step[:3] == (time, state, action) for step in taken)
        colour = ALARM if used else CONCEPTS["action"]
        _line(axis, layout.states[time, state], place, (RADIUS, DOT), colour if used else QUIET, 1.3 if used else 0.7)
        _disc(axis, place, DOT, colour, f"a{action}", 6.5, filled=True)
        for arrow in problem.arrows:
            if (arrow.state, arrow.action) == (state, action):
                step = (time, state, action, arrow.successor)
                _transition(axis, layout, arrow, time, step in taken)
    for (time, state), place in layout.states.items():
        _state(axis, problem, time, state, place)
    for time in range(layout.steps + 1):
        axis.text(COLUMN * time, -0.3, f"t = {time}", fontsize=7, color=QUIET, ha="center", va="center")


def _state(axis: Axes, problem: SmallProblem, time: int, state: int, place: Place) -> None:
    from matplotlib.patches import Circle

    _disc(axis, place, RADIUS, INK, f"s{state}", 8.5, filled=False)
    if problem.terminal[state]:  # two rings, as automata have them
        axis.add_patch(Circle((place.x, place.y), RADIUS - 0.045, fc="none", ec=INK, lw=0.8, zorder=6))
    if time == 0:
        outside = Place(place.x - 0.8, place.y)
        _line(axis, outside, place, (0.0, RADIUS), CONCEPTS["start"], 1.4, head=True)
        if problem.start[state] < 1.0:
            axis.text(outside.x, place.y + 0.1, f"{problem.start[state]:.2g}", fontsize=7, color=INK, ha="left")


def _transition(axis: Axes, layout: GraphLayout, arrow: Arrow, time: int, used: bool) -> None:
    origin = layout.actions[time, arrow.state, arrow.action]
    goal = layout.states[time + 1, arrow.successor]
    colour = ALARM if used else CONCEPTS["transition"]
    _line(axis, origin, goal, (DOT, RADIUS), colour, 0.7 + 1.3 * arrow.probability, head=True)
    words = [] if arrow.probability == 1.0 else [f"{arrow.probability:.2g}"]
    words += [f"r {arrow.reward:.3g}".replace("-", "−")] if arrow.reward else []
    if words:  # near where the arrow begins, where those of other actions are still apart
        along = LABEL_AT / hypot(goal.x - origin.x, goal.y - origin.y)
        x, y = origin.x + along * (goal.x - origin.x), origin.y + along * (goal.y - origin.y)
        box = {"facecolor": PAPER, "edgecolor": "none", "pad": 0.5}
        ink = ALARM if used else INK
        axis.text(x, y, ", ".join(words), fontsize=6.6, color=ink, ha="center", va="center", bbox=box, zorder=5)


def _disc(axis: Axes, place: Place, radius: float, colour: str, text: str, size: float, filled: bool) -> None:
    from matplotlib.patches import Circle

    axis.add_patch(Circle((place.x, place.y), radius, fc=PAPER, ec=colour, lw=1.6 if filled else 1.0, zorder=6))
    axis.text(place.x, place.y, text, fontsize=size, color=INK, ha="center", va="center_baseline", zorder=7)


def _line(
    axis: Axes, origin: Place, goal: Place, gaps: tuple[float, float], colour: str, width: float, head: bool = False
) -> None:
    from matplotlib.patches import FancyArrowPatch

    points = 72.0  # an inch has so many, and one unit of the drawing is one inch
    axis.add_patch(
        FancyArrowPatch(
            (origin.x, origin.y),
            (goal.x, goal.y),
            arrowstyle="-|>,head_length=4,head_width=2" if head else "-",
            shrinkA=gaps[0] * points,
            shrinkB=gaps[1] * points,
            color=colour,
            lw=width,
            zorder=3,
        )
    )
