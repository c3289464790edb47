"""Numbers by state: as a grid where the states lie on one, as bars where they do not."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import to_rgba
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from pgverify.drawing.colours import ACCENT, BELOW, INK, LINE, PAPER, QUIET
from pgverify.drawing.words import number
from pgverify.reporting.canvas import headline, panels
from pgverify.variance.plain_style import drawn_name, plain_numbers, plain_style
from pgverify.variance.state_maps import MAPS

MOST_NUMBERS, MOST_COLUMNS = 120, 12
"""Cells, and cells side by side, up to which each has its number."""
WIDE = 8
"""Columns of cells above which two maps stand side by side, not three."""
MOST_BARS = 40
"""States in bars; of more, those with the largest numbers are drawn."""
TITLES = {
    "visits": "steps taken in the state, a trajectory",
    "value": "V at the start",
    "best_baseline": "best baseline by state",
    "gradient": "|∇J| at its parameters",
    "variance": "variance there: reward-to-go",
    "variance_recommended": "variance there: recommended",
}
FAINTEST, MIDDLE, STRONG = 0.06, 0.5, 0.85
"""Strengths of a colour: numbers are written in ink up to the middle one and in paper from the strong one on."""


def maps_of_states(maps: pd.DataFrame, recommended: str | None) -> Figure:
    """Return a figure with a panel for every column of `MAPS` that the table has.

    Parameters
    ----------
    maps : DataFrame
        `state, terminal`, the columns of `MAPS`, and `row, column` where the states lie on a grid.
    recommended : str or None
        The name of the estimator that is recommended.
    """
    names = [name for name in MAPS if name in maps]
    grid = "row" in maps
    with plain_style():
        width, height, beside = _panel_size(maps) if grid else (4.6, 2.4, 2)
        figure, axes = panels(len(names), width=width, height=height, columns=beside)
        for axis, name in zip(axes, names, strict=True):
            (_draw_grid if grid else _draw_bars)(axis, maps, name)
            title = TITLES[name]
            if name == "variance_recommended" and recommended:
                title = f"variance there: {drawn_name(recommended)}"
            known = maps.loc[~maps["terminal"].astype(bool), name]
            if grid and not axis.texts and len(known):
                title += f": {number(float(known.min()), 2)} to {number(float(known.max()), 2)}"
            axis.set_title(title, fontsize=9)
        headline(figure, "State by state")
    return figure


def _panel_size(maps: pd.DataFrame) -> tuple[float, float, int]:
    """Return width and height of a map, and how many stand side by side: together as wide as a page."""
    rows, columns = int(maps["row"].max()) + 1, int(maps["column"].max()) + 1
    beside = 3 if columns <= WIDE else 2
    width = 9.2 / beside
    return width, max(1.0, width * rows / columns + 0.35), beside


def _draw_grid(axis: Axes, maps: pd.DataFrame, name: str) -> None:
    values = maps[name].to_numpy(float)
    running = ~maps["terminal"].to_numpy(bool)
    rows, columns = maps["row"].to_numpy(), maps["column"].to_numpy()
    numbered = len(maps) <= MOST_NUMBERS and columns.max() < MOST_COLUMNS
    largest = float(np.abs(values[running]).max(initial=0.0))
    for row, column, value, here in zip(rows, columns, values, running, strict=True):
        strength = _strength(abs(value) / largest if largest > 0.0 else 0.0) if here else 1.0
        face = (BELOW if value < 0.0 else ACCENT) if here else LINE
        axis.add_patch(Rectangle((column, row), 1, 1, fc=to_rgba(face, strength), ec=PAPER, lw=1.4))
        if numbered:
            text = number(float(value), 2) if here else "end"
            ink = (PAPER if strength >= STRONG else INK) if here else QUIET
            size = 8.0 if columns.max() < WIDE else 5.5
            written = axis.text(column + 0.5, row + 0.5, text, ha="center", va="center", fontsize=size, color=ink)
            written.set_in_layout(False)  # it stays in its cell: a hundred need not be measured
    axis.set_xlim(0, columns.max() + 1)
    axis.set_ylim(rows.max() + 1, 0)
    axis.set_aspect("equal", anchor="NW")
    axis.set_xticks([])
    axis.set_yticks([])
    axis.grid(visible=False)
    for spine in axis.spines.values():
        spine.set_visible(False)


def _strength(share: float) -> float:
    """Return how strong the colour of a cell is; none is in between, where neither ink nor paper can be read on it."""
    if share <= MIDDLE:
        return FAINTEST + (MIDDLE - FAINTEST) * share / MIDDLE
    return STRONG + (1.0 - STRONG) * (share - MIDDLE) / (1.0 - MIDDLE)


def _draw_bars(axis: Axes, maps: pd.DataFrame, name: str) -> None:
    table = maps[~maps["terminal"].astype(bool)]
    if len(table) > MOST_BARS:
        largest = table[name].abs().nlargest(MOST_BARS).index
        table = table.loc[sorted(largest)]
        axis.annotate(
            f"the {MOST_BARS} largest of {len(maps)}", (1, 1), xycoords="axes fraction", ha="right", fontsize=8
        )
    places = np.arange(len(table))
    axis.bar(places, table[name], color=ACCENT, width=0.8, lw=0)
    every = max(1, len(table) // 12)
    axis.set_xticks(places[::every], [str(state) for state in table["state"].to_numpy()[::every]])
    axis.set_xlabel("state")
    plain_numbers(axis.yaxis)
    axis.grid(axis="x", visible=False)
