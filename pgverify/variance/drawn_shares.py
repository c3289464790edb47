"""Where the variance comes from: bars by random draw, and for some estimators its course over time."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from pgverify.exact.martingale_shares import SOURCES
from pgverify.reporting.canvas import colours, headline, legend_below, panels
from pgverify.variance.plain_style import drawn_name, plain_numbers, plain_style
from pgverify.variance.source_shares import summed_shares

NEGLIGIBLE = 1e-4
"""The end of a long random horizon, when less than this part of the variance is still to come, is not drawn."""


def draw_sources(axis: Axes, shares: pd.DataFrame) -> None:
    """Draw a bar of full length for every estimator, divided among start, action, transition and reward.

    Parameters
    ----------
    axis : Axes
    shares : DataFrame
        `estimator, source, time, trace`.
    """
    summed = summed_shares(shares)
    look = colours(SOURCES)
    places = np.arange(len(summed))[::-1]
    left = np.zeros(len(summed))
    for source in SOURCES:
        width = summed[source].to_numpy(float)
        if not width.any():
            continue
        axis.barh(places, 100 * width, left=100 * left, color=look[source][0], height=0.6, label=source, lw=0)
        for place, start, size in zip(places, left, width, strict=True):
            if size >= 0.07:
                middle = 100 * (start + size / 2)
                told = f"{100 * size:.0f} %"
                text = axis.text(middle, place, told, ha="center", va="center", color="white", fontsize=8.5)
                text.set_in_layout(False)  # it stays in its bar
        left = left + width
    axis.set_yticks(places, [drawn_name(str(name)) for name in summed["estimator"]])
    axis.set_xlim(0, 100)
    axis.grid(visible=False)
    axis.set_xlabel("share of tr Cov[g] in %")
    axis.set_title("Where the variance comes from")


def sources_figure(shares: pd.DataFrame) -> Figure:
    """Return a figure with the shares of every estimator."""
    count = shares["estimator"].nunique()
    with plain_style():
        figure, (axis,) = panels(1, width=5.6, height=0.36 * count + 0.6)
        draw_sources(axis, shares)
        axis.set_title("")
        headline(figure, "Which random draw the variance comes from")
        legend_below(figure, [axis])
    return figure


def shares_over_time(shares: pd.DataFrame, estimators: Sequence[str]) -> Figure | None:
    """Return a figure with the shares of some estimators over time; None where none of them has any.

    Parameters
    ----------
    shares : DataFrame
        `estimator, source, time, trace`.
    estimators : sequence of str
        Those that have rows are drawn.
    """
    known = [name for name in dict.fromkeys(estimators) if (shares["estimator"] == name).any()]
    if not known:
        return None
    with plain_style():
        figure, axes = panels(len(known), height=2.8)
        for axis, name in zip(axes, known, strict=True):
            _draw_course(axis, shares[shares["estimator"] == name])
            axis.set_title(drawn_name(name))
        headline(figure, "When it is added")
        legend_below(figure, axes)
    return figure


def _draw_course(axis: Axes, shares: pd.DataFrame) -> None:
    look = colours(SOURCES)
    table = shares.set_index(["time", "source"])["trace"].unstack("source").fillna(0.0)
    left = table.sum(axis=1)[::-1].cumsum()[::-1]
    table = table[left.to_numpy() > NEGLIGIBLE * left.iloc[0]] if left.iloc[0] > 0 else table.iloc[:1]
    times = table.index.to_numpy()
    drawn = [source for source in SOURCES if source in table and table[source].any()]
    # Half a step to either side, so that the first and the last are as wide as the others.
    edges = np.append(times, times[-1] + 1) - 0.5
    heights = [np.append(table[source], table[source].iloc[-1]) for source in drawn]
    if drawn:  # what does not vary has no course
        axis.stackplot(edges, heights, colors=[look[source][0] for source in drawn], labels=drawn, lw=0, step="post")
    axis.set_xlim(edges[0], edges[-1])
    axis.set_xlabel("time step t")
    axis.set_ylabel("variance added at t")
    axis.xaxis.set_major_locator(MaxNLocator(integer=True))
    plain_numbers(axis.yaxis)
    axis.grid(axis="x", visible=False)
