"""Figures as SVG: beside a page in a file, or inside it in the page's own colours."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from html import escape
from io import BytesIO
from typing import TYPE_CHECKING

from pgverify.drawing.colours import PAGE
from pgverify.errors import InvalidData

if TYPE_CHECKING:  # matplotlib is imported late: checks must stay light
    from matplotlib.figure import Figure

RASTER_DOTS = 150
"""Dots an inch of what a figure draws as an image: thousands of points, which as outlines would weigh megabytes."""

_COLOUR = re.compile("#[0-9a-fA-F]{6}(?![0-9a-fA-F])")
_IDENTITY = re.compile(r'(\bid="|href="#|url\(#)')
_OPENING = re.compile(r"<svg\b[^>]*>", re.DOTALL)
_VIEW = re.compile(r'viewBox="([^"]*)"')


def svg(figure: Figure, transparent: bool = False) -> str:
    """Return a figure as an SVG document; nothing in it depends on the time.

    The figure is laid out once and drawn once: `savefig` would draw it a second time, for the layout alone.
    """
    from matplotlib import rc_context
    from matplotlib.backends.backend_svg import FigureCanvasSVG

    engine, shown_on = figure.get_layout_engine(), figure.canvas
    if engine is not None:
        engine.execute(figure)
        figure.set_layout_engine("none")
    buffer = BytesIO()
    try:
        canvas = FigureCanvasSVG(figure)
        with ExitStack() as stack:
            stack.enter_context(rc_context({"svg.hashsalt": "pgverify", "svg.fonttype": "path"}))
            if transparent:
                stack.enter_context(_without_paper(figure))
            stack.enter_context(_raster_dots(figure))
            canvas.print_svg(buffer, metadata={"Date": None, "Creator": None})  # type: ignore[no-untyped-call]
    finally:
        figure.set_canvas(shown_on)
    return buffer.getvalue().decode("utf-8")


@contextmanager
def _raster_dots(figure: Figure) -> Iterator[None]:
    """Have what is drawn as an image inside the document sharp on a dense screen, for the length of a `with` block."""
    before = figure.dpi
    figure.set_dpi(RASTER_DOTS)
    try:
        yield
    finally:
        figure.set_dpi(before)


@contextmanager
def _without_paper(figure: Figure) -> Iterator[None]:
    """Take away what is behind a figure and its panels for the length of a `with` block."""
    patches = [figure.patch, *(axis.patch for axis in figure.axes)]
    before = [patch.get_facecolor() for patch in patches]
    for patch in patches:
        patch.set_facecolor("none")
    try:
        yield
    finally:
        for patch, colour in zip(patches, before, strict=True):
            patch.set_facecolor(colour)


def inline_svg(figure: Figure, words: str, prefix: str) -> str:
    """Return a figure as an element of a page; arguments as in `placed_svg`."""
    return placed_svg(svg(figure, transparent=True), words, prefix, round(100 * figure.get_figwidth()))


def placed_svg(document: str, words: str, prefix: str, width: int) -> str:
    """Return an SVG document of matplotlib's as an element of a page, as wide as it was drawn where there is room.

    Lines and letters take the page's colours, which may be light or dark; what is data keeps its own.

    Parameters
    ----------
    document : str
    words : str
        What is to be seen, for those who do not see it.
    prefix : str
        Of the names inside: no two figures of a page share one.
    width : int
        CSS pixels.

    Raises
    ------
    InvalidData
        When the document is none that matplotlib writes.
    """
    body = re.sub(r"<metadata>.*?</metadata>\s*", "", document, flags=re.DOTALL)
    opening = _OPENING.search(body)
    view = _VIEW.search(opening.group()) if opening else None
    if opening is None or view is None:
        raise InvalidData("document has no <svg> element with a viewBox, must be an SVG file of matplotlib's")
    body = body[opening.end() :]
    safe = re.sub("[^A-Za-z0-9_-]", "-", prefix)
    body = _IDENTITY.sub(lambda found: f"{found.group(1)}{safe}-", body)
    body = _COLOUR.sub(_of_page, body)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" viewBox="{view.group(1)}" '
        f'role="img" aria-label="{escape(words)}" '
        f'style="--drawn:{width}px;width:100%;max-width:{width}px;height:auto">{body.strip()}'
    )


def _of_page(found: re.Match[str]) -> str:
    variable = PAGE.get(found.group().lower())
    return f"var({variable}, {found.group()})" if variable else found.group()
