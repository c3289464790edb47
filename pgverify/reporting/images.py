"""Figures as PNG and PDF bytes, and what they show in words."""

from __future__ import annotations

from io import BytesIO

from matplotlib.figure import Figure

DOTS_PER_INCH = 150
"""Sharp on a dense screen and in print; a figure weighs about 100 kB."""

MOST_PIXELS = 1600
"""Across: a wide figure has fewer dots an inch. For print there are the vector images."""


def png(figure: Figure) -> bytes:
    """Return the bytes of a PNG file; nothing in them depends on the time or the version."""
    buffer = BytesIO()
    dots = min(DOTS_PER_INCH, int(MOST_PIXELS / figure.get_figwidth()))
    figure.savefig(buffer, format="png", dpi=dots, metadata={"Software": None})
    return buffer.getvalue()


def pdf(figure: Figure) -> bytes:
    """Return the bytes of a PDF file; nothing in them depends on the time."""
    buffer = BytesIO()
    figure.savefig(buffer, format="pdf", metadata={"CreationDate": None})
    return buffer.getvalue()


def width(figure: Figure) -> int:
    """Return the width on the page in CSS pixels, a hundred an inch: text keeps one size in all figures."""
    return round(100 * figure.get_figwidth())


def description(name: str, figure: Figure) -> str:
    """Return the words in a figure that say what one sees: its headline, then panels with their axes."""
    suptitle = figure.get_suptitle() or name.replace("-", " ").replace("_", " ")
    panels = []
    for axis in figure.axes:
        label = axis.get_title("left") or axis.get_title()
        against = " against ".join(filter(None, (axis.get_ylabel(), axis.get_xlabel())))
        panels.append(": ".join(filter(None, (label, against))))
    words = ". ".join(filter(None, (suptitle, "; ".join(filter(None, panels)))))
    return " ".join(words.split()) + "."
