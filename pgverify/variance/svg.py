"""Figures as SVG: sharp at any size, the same bytes for the same figure."""

from __future__ import annotations

from io import BytesIO

from matplotlib import rc_context
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure


def svg(figure: Figure) -> bytes:
    """Return the bytes of an SVG file; letters are outlines, so that no font is needed, and no date is in it.

    The figure is laid out once and drawn once: `savefig` would draw it a second time, for the layout alone.
    """
    buffer = BytesIO()
    canvas = FigureCanvasSVG(figure)
    engine = figure.get_layout_engine()
    if engine is not None:
        engine.execute(figure)
        figure.set_layout_engine("none")
    with rc_context({"svg.hashsalt": "pgverify", "svg.fonttype": "path"}):
        canvas.print_svg(buffer, metadata={"Date": None, "Creator": None})  # type: ignore[no-untyped-call]
    return buffer.getvalue()
