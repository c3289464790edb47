"""One figure for a notebook or a slide: costs, sources, and what the number of trajectories does."""

from __future__ import annotations

from matplotlib.figure import Figure

from pgverify.reporting.canvas import headline, legend_below, panels
from pgverify.variance.contents import ReportContents
from pgverify.variance.drawn_costs import draw_costs
from pgverify.variance.drawn_curves import draw_batch_sizes
from pgverify.variance.drawn_shares import draw_sources
from pgverify.variance.plain_style import plain_style


def overview(report: ReportContents) -> Figure:
    """Return the figure of `report.plot()`: the panels for which the report has numbers."""
    curves = report.curves[report.curves["relative_error"].notna()]
    with plain_style():
        figure, axes = panels(1 + bool(len(report.shares)) + bool(len(curves)), width=5.4, height=3.4, columns=3)
        rest = iter(axes)
        draw_costs(next(rest), report.table)
        shown = []
        if len(report.shares):
            shown.append(next(rest))
            draw_sources(shown[-1], report.shares)
        if len(curves):
            shown.append(next(rest))
            draw_batch_sizes(shown[-1], curves, "relative_error", report.facts)
        headline(figure, report.title)
        legend_below(figure, shown)
    return figure


def costs_figure(report: ReportContents) -> Figure:
    """Return the bars of costs alone."""
    with plain_style():
        figure, (axis,) = panels(1, width=5.6, height=0.34 * len(report.table) + 0.8)
        draw_costs(axis, report.table)
        axis.set_title("")
        headline(figure, "What an estimator costs: open circles do not estimate ∇J")
    return figure
