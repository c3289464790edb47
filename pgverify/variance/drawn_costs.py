"""What each estimator costs, as bars: tr Cov[g] beside that of reward-to-go."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import LogLocator

from pgverify.reporting.canvas import REFERENCE, colours
from pgverify.variance.plain_style import drawn_name, plain_ticks
from pgverify.variance.text import spelled

BIASED = "#FFFFFF"
"""The filling of a bar whose estimator does not estimate ∇J."""


def draw_costs(axis: Axes, table: pd.DataFrame) -> None:
    """Draw the ratio of each trace to that of reward-to-go, on a logarithmic axis, with its number.

    Parameters
    ----------
    axis : Axes
    table : DataFrame
        `estimator, ratio_to_reward_to_go, relative_bias`, and the interval of the ratio where there is one.
    """
    shown = table[np.isfinite(table["ratio_to_reward_to_go"]) & (table["ratio_to_reward_to_go"] > 0)]
    look = colours([str(name) for name in table["estimator"]])
    places = np.arange(len(shown))[::-1]
    for place, row in zip(places, shown.to_dict("records"), strict=True):
        colour = look[row["estimator"]][0]
        biased = bool(row["relative_bias"] > 1e-9)
        width = row["ratio_to_reward_to_go"]
        axis.plot([1.0, width], [place, place], color=colour, lw=3, solid_capstyle="butt", alpha=0.5)
        axis.plot(width, place, "o", color=colour, mfc=BIASED if biased else colour, ms=8)
        if row.get("ratio_high", np.nan) < np.inf:
            axis.plot([row["ratio_low"], row["ratio_high"]], [place, place], color=colour, lw=1.2, marker="|", ms=8)
        text = f"{spelled(float(width))}{'  biased' if biased else ''}"
        beside, side = ((9, -3), "left") if width >= 1.0 else ((-9, -3), "right")  # away from the bar
        if row.get("ratio_high", np.nan) > row.get("ratio_low", np.nan):  # and from the interval
            beside, side = (0, 6), "center"
        axis.annotate(text, (width, place), beside, textcoords="offset points", ha=side, fontsize=8.5)
    axis.axvline(1.0, color=REFERENCE, lw=1)
    axis.set_xscale("log")
    numbers = shown["ratio_to_reward_to_go"].to_numpy(float)
    if len(numbers):
        axis.set_xlim(min(numbers.min(), 1.0) / 2.2, max(numbers.max(), 1.0) * 2.2)
    axis.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    plain_ticks(axis.xaxis)
    axis.set_ylim(-0.6, len(shown) - 0.3)
    axis.set_yticks(places, [drawn_name(str(name)) for name in shown["estimator"]])
    axis.grid(axis="y", visible=False)
    axis.set_xlabel("tr Cov[g] ÷ that of reward-to-go")
    axis.set_title("What an estimator costs")
