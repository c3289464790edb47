"""Figures as SVG: sharp at any size, the same bytes for the same figure."""

from __future__ import annotations

from io import BytesIO

from matplotlib import rc_context
from matplotlib.figure import Figure


def svg(figure: Figure) -> bytes:
    """Return the bytes of an SVG file; letters are outlines, so that no font is needed, and no date is in it."""
    buffer = BytesIO()
    with rc_context({"svg.hashsalt": "pgverify", "svg.fonttype": "path"}):
        figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None})
    return buffer.getvalue()
