"""Only drawings get from a store onto a page: a store may come from anywhere."""

from __future__ import annotations

import pytest
from matplotlib.figure import Figure

from pgverify.drawing.harmless import harmless_svg
from pgverify.drawing.vector import svg
from pgverify.reporting.canvas import headline, legend_below, panels, style


def drawn() -> Figure:
    with style():
        figure, axes = panels(2)
        axes[0].plot([1, 2], [3, 4], label="$10^{-3}$")
        axes[1].imshow([[0.0, 1.0]])
        headline(figure, "<script>")
        legend_below(figure, axes)
    return figure


def test_what_matplotlib_writes_is_let_through() -> None:
    document = svg(drawn(), transparent=True)
    assert harmless_svg(document) == document


@pytest.mark.parametrize(
    "inside",
    [
        "<script>alert(1)</script>",
        "<foreignObject><body/></foreignObject>",
        '<a href="#x"><path d=""/></a>',
        '<path d="" onload="alert(1)"/>',
        '<image xmlns:x="http://www.w3.org/1999/xlink" x:href="https://a.org/x.png"/>',
        '<use href="other.svg#x"/>',
        '<image href="data:image/svg+xml;base64,PHN2Zy8+"/>',
        "<style>@import 'https://a.org/x.css';</style>",
        '<path style="fill: url(https://a.org/x)"/>',
        '<animate attributeName="href" to="javascript:alert(1)"/>',
        "<unclosed>",
    ],
)
def test_anything_else_is_not(inside: str) -> None:
    assert harmless_svg(f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 1 1">{inside}</svg>') == ""
    assert harmless_svg('<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 1 1"><path d=""/></svg>')
