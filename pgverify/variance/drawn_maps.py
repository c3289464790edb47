"""Numbers by state: as a grid where the states lie on one, as bars where they do not."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.colors import Colormap, Normalize, TwoSlopeNorm, to_rgb
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from pgverify.reporting.canvas import PALETTE, headline, panels
from pgverify.variance.plain_style import plain_style
from pgverify.variance.state_maps import MAPS

MOST_NUMBERS = 120
"""Cells up to which each has its number."""
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
NOWHERE = "#EFEFEF"
"""Terminal states, where nothing is decided."""


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
        width, height = _panel_size(maps) if grid else (4.6, 2.6)
        figure, axes = panels(len(names), width=width, height=height, columns=3 if not grid or width < 6 else 2)
        for axis, name in zip(axes, names, strict=True):
            (_draw_grid if grid else _draw_bars)(axis, maps, name)
            title = TITLES[name]
            if name == "variance_recommended" and recommended:
                title = f"variance there: {recommended}"
            axis.set_title(title)
        headline(figure, "State by state")
    return figure


def _panel_size(maps: pd.DataFrame) -> tuple[float, float]:
    rows, columns = int(maps["row"].max()) + 1, int(maps["column"].max()) + 1
    width = min(max(3.4, 0.62 * columns), 7.2)
    return width, max(1.2, width * rows / columns + 0.35)


def _draw_grid(axis: Axes, maps: pd.DataFrame, name: str) -> None:
    values = maps[name].to_numpy(float)
    running = ~maps["terminal"].to_numpy(bool)
    scale, colour = _colours(values[running])
    numbered = len(maps) <= MOST_NUMBERS
    rows, columns = maps["row"].to_numpy(), maps["column"].to_numpy()
    for row, column, value, here in zip(rows, columns, values, running, strict=True):
        face = colour(scale(value)) if here else NOWHERE
        axis.add_patch(Rectangle((column, row), 1, 1, facecolor=face, edgecolor="white", lw=1.2))
        if numbered:
            dark = here and _luminance(face) < 0.5
            text = f"{value:.2g}" if here else "end"
            size = 8.0 if columns.max() < 9 else 6.0
            ink = "white" if dark else "#222222" if here else "#888888"
            axis.text(column + 0.5, row + 0.5, text, ha="center", va="center", fontsize=size, color=ink)
    axis.set_xlim(0, columns.max() + 1)
    axis.set_ylim(rows.max() + 1, 0)
    axis.set_aspect("equal")
    axis.set_xticks([])
    axis.set_yticks([])
    axis.grid(visible=False)
    for spine in axis.spines.values():
        spine.set_visible(False)


def _draw_bars(axis: Axes, maps: pd.DataFrame, name: str) -> None:
    table = maps[~maps["terminal"].astype(bool)]
    if len(table) > MOST_BARS:
        largest = table[name].abs().nlargest(MOST_BARS).index
        table = table.loc[sorted(largest)]
        axis.annotate(
            f"the {MOST_BARS} largest of {len(maps)}", (1, 1), xycoords="axes fraction", ha="right", fontsize=8
        )
    places = np.arange(len(table))
    axis.bar(places, table[name], color=PALETTE[0], width=0.8, lw=0)
    every = max(1, len(table) // 12)
    axis.set_xticks(places[::every], [str(state) for state in table["state"].to_numpy()[::every]])
    axis.set_xlabel("state")
    axis.ticklabel_format(axis="y", style="sci", scilimits=(-2, 4))
    axis.grid(axis="x", visible=False)


def _colours(values: np.ndarray) -> tuple[Normalize, Colormap]:
    """Return a scale and its colours: one hue from zero on, two where signs differ."""
    low, high = (float(values.min()), float(values.max())) if values.size else (0.0, 1.0)
    if low < 0.0 < high:
        return TwoSlopeNorm(0.0, low, high), colormaps["RdBu"]
    if high <= 0.0:
        return Normalize(low, 0.0 if low < 0.0 else 1.0), colormaps["Reds_r"]
    return Normalize(0.0, high), colormaps["Blues"]


def _luminance(colour: Any) -> float:
    red, green, blue = to_rgb(colour)
    return 0.299 * red + 0.587 * green + 0.114 * blue
