"""The knobs, as curves: λ and n with a right critic and a wrong one; the number of trajectories."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator

from pgverify.reporting.canvas import REFERENCE, colours, headline, legend_below, panels
from pgverify.variance.curves import BATCH, LOOKAHEAD, TRACE_DECAY
from pgverify.variance.plain_style import drawn_name, plain_numbers, plain_style, plain_ticks
from pgverify.variance.text import spelled

LEAST_BIAS = 1e-9
"""A relative bias below this is drawn as none."""


def critic_figure(curves: pd.DataFrame, reference: float) -> Figure | None:
    """Return variance and bias against λ and against n; None where there are no such curves.

    Parameters
    ----------
    curves : DataFrame
        Of the report.
    reference : float
        tr Cov[g] of reward-to-go.
    """
    present = [name for name in (TRACE_DECAY, LOOKAHEAD) if (curves["curve"] == name).any()]
    if not present:
        return None
    with plain_style():
        figure, axes = panels(2 * len(present), height=3.0)
        for place, name in enumerate(present):
            mine = curves[curves["curve"] == name]
            _lines(axes[2 * place], mine, "trace", 1.0 / reference if reference > 0 else 1.0)
            axes[2 * place].axhline(1.0, color=REFERENCE, lw=1, ls=":")
            axes[2 * place].set_ylabel("tr Cov[g] ÷ reward-to-go's")
            axes[2 * place].set_ylim(bottom=0)
            axes[2 * place].set_title(f"variance against {name}")
            _lines(axes[2 * place + 1], mine, "relative_bias", 100.0)
            axes[2 * place + 1].set_ylabel("|bias| in % of |∇J|")
            axes[2 * place + 1].set_ylim(bottom=0)
            axes[2 * place + 1].set_title(f"bias against {name}")
            for axis in axes[2 * place : 2 * place + 2]:
                plain_numbers(axis.yaxis)
                axis.set_xlabel(name)
                if name == LOOKAHEAD:
                    _counts(axis, mine["setting"])
        headline(figure, "A longer trace or lookahead: more variance, less of the critic's bias")
        for axis in axes[1::2]:  # what a line is does not depend on the knob
            for line in axis.get_lines():
                line.set_label("_")
        legend_below(figure, axes)
    return figure


def _lines(axis: Axes, curves: pd.DataFrame, column: str, factor: float) -> None:
    look = colours(["right", "wrong"])
    for name in curves["estimator"].drop_duplicates():
        right = str(name).endswith("critic V")
        colour, marker = look["right" if right else "wrong"]
        mine = curves[curves["estimator"] == name].sort_values("setting")
        values = factor * mine[column].to_numpy(float)
        label = "critic V" if right else str(name).split(", ")[-1]
        axis.plot(mine["setting"], values, color=colour, marker=marker, ms=4, lw=1.6, label=label)


def _counts(axis: Axes, settings: pd.Series[Any]) -> None:
    axis.set_xscale("log")
    axis.xaxis.set_major_locator(FixedLocator(sorted(set(settings))))
    plain_ticks(axis.xaxis)


def draw_batch_sizes(axis: Axes, curves: pd.DataFrame, column: str, facts: Mapping[str, Any]) -> None:
    """Draw a line an estimator against the number of trajectories.

    Parameters
    ----------
    axis : Axes
    curves : DataFrame
        Of the report.
    column : "relative_error" or "cosine"
    facts : {name: number}
        Of the report.
    """
    mine = curves[curves["curve"] == BATCH]
    names = [str(name) for name in mine["estimator"].drop_duplicates()]
    for name, (colour, marker) in colours(names).items():
        rows = mine[mine["estimator"] == name].sort_values("setting")
        label = drawn_name(name)
        axis.plot(rows["setting"], rows[column], color=colour, marker=marker, markevery=4, ms=4, lw=1.5, label=label)
    axis.set_xscale("log")
    plain_ticks(axis.xaxis)
    axis.set_xlabel("trajectories N")
    if column == "relative_error":
        axis.set_yscale("log")
        plain_ticks(axis.yaxis)
        asked = float(facts["relative_error"])
        axis.axhline(asked, color=REFERENCE, lw=1, ls=":")
        axis.annotate(f"{spelled(100 * asked)} %", (1, asked), (0, 2), textcoords="offset points", fontsize=8.5)
        axis.set_ylabel("√(E|ĝ − ∇J|²) ÷ |∇J|")
        axis.set_title("root mean square error")
    else:
        axis.axvline(float(facts["batch_size"]), color=REFERENCE, lw=1, ls=":")
        axis.set_ylim(min(0.0, float(np.nanmin(mine[column]))), 1.02)
        axis.set_ylabel("expected cosine with ∇J")
        axis.set_title("direction")


def batch_figure(curves: pd.DataFrame, facts: Mapping[str, Any]) -> Figure | None:
    """Return error and cosine against the number of trajectories; None where ∇J is zero."""
    mine = curves[(curves["curve"] == BATCH) & curves["relative_error"].notna()]
    if mine.empty:
        return None
    with plain_style():
        figure, axes = panels(2, height=3.4)
        draw_batch_sizes(axes[0], mine, "relative_error", facts)
        draw_batch_sizes(axes[1], mine, "cosine", facts)
        headline(figure, "What more trajectories bring; a line that levels off is biased")
        legend_below(figure, axes)
    return figure
