"""The figures of a verdict: the problem with the steps that differ, expectations side by side, variances."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from pgverify.checking.pages.shown_report import ShownReport
from pgverify.checking.verdict.finding import Finding
from pgverify.checking.verdict.witness import Witness
from pgverify.drawing.colours import ACCENT, ALARM, INK, LINE, QUIET
from pgverify.drawing.problem_graph import can_be_drawn, draw_problem

if TYPE_CHECKING:  # matplotlib is imported late: checks must stay light
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MOST_BARS = 24
"""Coordinates, or problems, in a figure."""

ALIKE = 0.01
"""Relative difference of variances that nobody would see."""


TICKS, FINE_TICKS = (0.1, 0.2, 0.5, 1, 2, 5, 10), (0.3, 0.4, 0.5, 0.6, 0.8, 1, 1.2, 1.5, 2, 2.5, 3)
"""Of ratios; the fine ones where all ratios are alike, so that 1 does not stand alone."""


def problem_figure(witness: Witness) -> Figure | None:
    """Return the problem with the steps of the witness in red; None where it is too large to be drawn."""
    if not can_be_drawn(witness.problem):
        return None
    taken = {(step.time, step.state, step.action, step.successor) for step in witness.steps}
    return draw_problem(witness.problem, taken)


def expectation_figure(report: ShownReport) -> Figure | None:
    """Return expected and found, coordinate by coordinate, of the smallest problem that shows a fault."""
    return None if report.smallest_failure is None else finding_figure(report.smallest_failure)


def finding_figure(finding: Finding) -> Figure | None:
    """Return expected and found of one comparison, coordinate by coordinate; None where there is nothing to draw."""
    if not finding.found or len(finding.found) != len(finding.expected):
        return None
    wanted, found = np.array(finding.expected[:MOST_BARS]), np.array(finding.found[:MOST_BARS])
    if not (np.isfinite(wanted).all() and np.isfinite(found).all()):
        return None
    figure, axis = _rows(len(wanted))
    place = np.arange(len(wanted))
    axis.hlines(place, np.minimum(wanted, found), np.maximum(wanted, found), color=ALARM, lw=1.6, zorder=2)
    axis.plot(wanted, place, "o", ms=7, mfc="none", mec=INK, mew=1.4, label="expected", zorder=3)
    axis.plot(found, place, "X", ms=6.5, color=ALARM, label="found", zorder=4)
    axis.axvline(0.0, color=LINE, lw=1, zorder=1)
    axis.set_yticks(place, [f"θ{i}" for i in place])
    axis.set_xlabel("expectation of the estimate", color=QUIET, fontsize=9)
    axis.legend(loc="lower left", bbox_to_anchor=(0.0, 1.0), ncols=2, frameon=False, fontsize=9, labelcolor=INK)
    return figure


def variance_figure(report: ShownReport) -> Figure | None:
    """Return the variance relative to reward-to-go, problem by problem, on a log axis."""
    known = {f.problem: f.variance_ratio for f in report.findings if f.variance_ratio and f.variance_ratio > 0.0}
    names = list(known)[:MOST_BARS]
    if all(abs(ratio - 1.0) < ALIKE for ratio in known.values()):  # also where none is known: a picture of nothing
        return None
    figure, axis = _rows(len(names))
    place = np.arange(len(names))
    ratios = np.array([known[name] for name in names])
    axis.set_xscale("log")
    axis.axvline(1.0, color=QUIET, lw=1, zorder=1)
    axis.hlines(place, 1.0, ratios, color=ACCENT, lw=1.4, zorder=2)
    axis.plot(ratios, place, "o", ms=6, color=ACCENT, zorder=3)
    # A name of somebody else's may hold what would be read as a formula.
    axis.set_yticks(place, [name[:32].replace("$", r"\$") for name in names])
    axis.set_xlabel("variance, times that of reward-to-go without baseline", color=QUIET, fontsize=9)
    low, high = float(min(1.0, ratios.min())), float(max(1.0, ratios.max()))
    axis.set_xlim(low / 1.3, high * 1.3)
    marks = FINE_TICKS if high / low < 3.0 else TICKS
    ticks = [tick for tick in marks if low / 1.3 <= tick <= high * 1.3]
    if high / low < 50.0:
        axis.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
        axis.minorticks_off()
    return figure


def report_figure(report: ShownReport) -> Figure:
    """Return what a reader would look at first: where expectations differ, or how variances compare."""
    figure = expectation_figure(report) or variance_figure(report)
    if figure is not None:
        return figure
    figure, axis = _rows(1)
    axis.set_axis_off()
    axis.text(0.0, 0.5, f"{report.outcome.value}: nothing was compared", transform=axis.transAxes, color=INK)
    return figure


def _rows(count: int) -> tuple[Figure, Axes]:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6.6, 0.34 * count + 1.15), layout="constrained")
    FigureCanvasAgg(figure)
    axis = figure.subplots()
    axis.spines[["top", "right", "left"]].set_visible(False)
    axis.spines["bottom"].set_color(QUIET)
    axis.tick_params(colors=INK, labelsize=9, length=0)
    axis.set_ylim(count - 0.4, -0.6)
    axis.grid(axis="x", color=LINE, lw=0.6)
    axis.set_axisbelow(True)
    return figure, axis
