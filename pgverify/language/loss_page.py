"""The page of a verdict on a loss: what it estimates, the tree of tokens that shows a fault, and the scope."""

from __future__ import annotations

from pgverify.checking.pages.check_figures import finding_figure
from pgverify.checking.pages.check_page import coordinates_of, drawn, tone_of
from pgverify.drawing.pages import page_environment
from pgverify.language.shown_loss import ShownLoss, angle_in_words, shown_trees


def loss_page(report: ShownLoss, name: str = "") -> str:
    """Return the page as HTML text, that needs nothing else; the same report gives the same bytes.

    Parameters
    ----------
    report : ShownLoss
    name : str
        What was judged, as the caller calls it.
    """
    return _rendered("loss.html", report, name)


def loss_fragment(report: ShownLoss) -> str:
    """Return the same as an element with a style of its own, for a notebook."""
    return _rendered("loss_notebook.html", report, "")


def _rendered(template: str, report: ShownLoss, name: str) -> str:
    example = report.example
    figure = None if example is None else finding_figure(example)
    words = "Expected and found, coordinate by coordinate."
    return (
        page_environment("pgverify.language", "pgverify.checking")
        .get_template(template)
        .render(
            name=name,
            report=report,
            tone=tone_of(report.outcome),
            angle="" if report.angle is None else angle_in_words(report.angle),
            trees=shown_trees(report),
            example=example,
            coordinates=coordinates_of(example),
            side_by_side=drawn(figure, words, "expected"),
        )
    )
