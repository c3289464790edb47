"""The figures of a page, each in the page's own colours, with the file that holds its numbers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from markupsafe import Markup

from pgverify.drawing.vector import inline_svg
from pgverify.variance.contents import ReportContents
from pgverify.variance.lineup import REFERENCE
from pgverify.variance.recommendation import best_row

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True)
class ShownFigure:
    """A figure on the page: its element, what it shows in words, its caption, and the file that holds its numbers."""

    element: Markup
    words: str
    caption: str
    file: str


def page_figures(report: ReportContents) -> dict[str, ShownFigure]:
    """Return the figures for which the report has numbers, by the names that the template knows."""
    from pgverify.reporting.images import description

    found = {}
    for name, figure, file, caption in _drawn(report):
        words = description(file, figure)
        element = Markup(inline_svg(figure, words, f"pgverify-{name}"))  # its words are escaped there
        found[name] = ShownFigure(element, words, caption, file)
    return found


def _drawn(report: ReportContents) -> Iterator[tuple[str, Figure, str, str]]:
    """Yield name, figure, file and caption."""
    from pgverify.variance.drawn_curves import batch_figure, critic_figure
    from pgverify.variance.drawn_maps import maps_of_states
    from pgverify.variance.drawn_overview import costs_figure
    from pgverify.variance.drawn_shares import shares_over_time, sources_figure

    best = best_row(report.table)
    recommended = None if best is None else str(best["estimator"])
    yield "costs", costs_figure(report), "estimators", "Ratio of traces, on a logarithmic axis."
    sizes = batch_figure(report.curves, report.facts)
    if sizes is not None:
        yield "sizes", sizes, "curves", "Dotted: the error, and the batch, that were asked for."
    if len(report.shares):
        yield "sources", sources_figure(report.shares), "sources", "g − E g is a sum of martingale differences."
        course = shares_over_time(report.shares, [REFERENCE, *([recommended] if recommended else [])])
        if course is not None:
            yield "shares", course, "shares", "Each panel on an axis of its own."
    if len(report.maps):
        caption = "Units of reward, and of reward per unit of θ; grey: terminal states."
        yield "maps", maps_of_states(report.maps, recommended), "states", caption
    knobs = critic_figure(report.curves, float(report.facts["reward_to_go_trace"]))
    if knobs is not None:
        caption = "γ^t kept; dotted: reward-to-go without a critic. The wrong critic is 20 % too small everywhere."
        yield "critics", knobs, "curves", caption
