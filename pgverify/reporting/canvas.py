"""The look of every figure: one palette, one style, no global state."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from math import ceil, lcm
from typing import Any

from matplotlib import rc_context
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from pgverify.drawing.colours import PALETTE, concept_colours

__all__ = [
    "ALARM", "MARKERS", "MISSED", "PALETTE", "REFERENCE", "colours", "headline", "legend_below", "panels", "style",
]  # fmt: skip

MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*")
"""A marker beside each colour, so that a figure survives a black-and-white print."""
ALARM = "#B00020"
"""Only for what contradicts the claim."""
MISSED = "interval misses the exact number"
"""The label of what contradicts."""
LETTERS_PER_INCH = 13
"""Of a legend in 9 points, measured; the legend is broken into rows by it."""
REFERENCE = "#555555"
"""Lines of reference: zero, the diagonal, the expected share."""

_STYLE: dict[Any, Any] = {
    # A white page with a grid behind the data and no ticks, as in seaborn's "whitegrid".
    "axes.axisbelow": True,
    "axes.facecolor": "white",
    "axes.grid": True,
    "axes.labelcolor": "#262626",
    "figure.facecolor": "white",
    "grid.linestyle": "-",
    "lines.solid_capstyle": "round",
    "text.color": "#262626",
    "xtick.bottom": False,
    "xtick.color": "#262626",
    "ytick.color": "#262626",
    "ytick.left": False,
    "axes.edgecolor": "#999999",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titlelocation": "left",
    "axes.titlesize": 10.5,
    "axes.labelsize": 10,
    "axes.formatter.use_mathtext": True,
    "figure.titlesize": 12.5,
    "figure.titleweight": "bold",
    "font.size": 10,
    "font.family": "DejaVu Sans",
    "grid.color": "#E4E4E4",
    "legend.fontsize": 9,
    "legend.frameon": False,
    "xtick.labelsize": 9,
    "ytick.labelsize": 9,
}


@contextmanager
def style() -> Iterator[None]:
    """Hold the figures' style for the length of a `with` block, and leave nothing behind."""
    import seaborn as sns  # takes over a second: for figures alone, which take longer

    with sns.axes_style("whitegrid"), quick_style():
        yield


@contextmanager
def quick_style() -> Iterator[None]:
    """Hold the same style without seaborn, for pages that somebody waits for."""
    with rc_context(_STYLE):
        yield


def panels(count: int, width: float = 4.6, height: float = 3.4, columns: int = 2) -> tuple[Figure, list[Axes]]:
    """Return a figure with `count` panels in reading order; `width` and `height` are inches a panel.

    Panels of a last row that is not full are wider, so that no room stays empty.
    """
    across = min(count, columns)
    down = ceil(count / across)
    # A lone panel gets more room: its title and legend need as much as those of a row of panels.
    stretch = 1.45 if across == 1 else 1.0
    figure = Figure(figsize=(width * across * stretch, height * down + 0.6), layout="constrained")
    FigureCanvasAgg(figure)
    sizes = [across] * (down - 1) + [count - across * (down - 1)]
    grid = figure.add_gridspec(down, lcm(*sizes))
    axes = []
    for row, size in enumerate(sizes):
        wide = grid.ncols // size
        axes += [figure.add_subplot(grid[row, place * wide : (place + 1) * wide]) for place in range(size)]
    for axis in axes:  # the frame ends where the panel does: to ask it for its size lays out all ticks once more
        for spine in axis.spines.values():
            spine.set_in_layout(False)
    return figure, axes


def colours(names: Sequence[str]) -> dict[str, tuple[str, str]]:
    """Return (colour, marker) for each name, in the order given; a concept has the same colour on every figure."""
    look = concept_colours(names)
    return {name: (look[name], MARKERS[(i + i // len(PALETTE)) % len(MARKERS)]) for i, name in enumerate(names)}


def legend_below(figure: Figure, axes: Sequence[Axes]) -> None:
    """Put one legend for all panels under them, each label once."""
    entries: dict[str, Artist] = {}
    for axis in axes:
        for handle, label in zip(*axis.get_legend_handles_labels(), strict=True):
            entries.setdefault(label, handle)
    labels = sorted(entries, key=lambda label: label == MISSED)  # what everybody hopes not to see comes last
    if labels:
        room = figure.get_figwidth() * LETTERS_PER_INCH / (max(map(len, labels)) + 8)
        figure.legend(
            [entries[label] for label in labels],
            labels,
            loc="outside lower left",
            ncols=max(1, min(int(room), len(labels), 6)),
        )


def headline(figure: Figure, text: str) -> None:
    """Put the sentence that says what one sees above the panels."""
    figure.suptitle(text, x=0.01, ha="left")
