"""Formulas: MathML that can do nothing but be read; without the library, the LaTeX."""

from __future__ import annotations

import sys
from xml.etree import ElementTree as ET

import pytest

from pgverify.drawing.formulas import ATTRIBUTES, ELEMENTS, formula


def test_a_formula_is_mathml() -> None:
    pytest.importorskip("latex2mathml")
    root = ET.fromstring(str(formula(r"\frac{a_t}{b^2} \ne \gamma")))
    assert root.tag == "math"
    assert [element.text for element in root.iter() if element.text] == ["a", "t", "b", "2", "≠", "γ"]
    assert "mfrac" in {element.tag for element in root.iter()}


@pytest.mark.parametrize(
    "hostile",
    [
        r"\href{javascript:alert(1)}{x}", r"\text{<script>alert(1)</script>}", r"\frac{",
        "<img src=x onerror=alert(1)>", r"\style{background:url(http://x)}{x}", r"\class{a}{x}",
        '"><script>', "", r"\mbox{<b onclick=x>}", "\x00",
    ],
)  # fmt: skip
def test_hostile_formulas_are_inert(hostile: str) -> None:
    shown = str(formula(hostile))
    assert "<script" not in shown
    if shown.startswith("<math"):
        for element in ET.fromstring(shown).iter():
            assert element.tag in ELEMENTS
            assert set(element.attrib) <= ATTRIBUTES | {"alttext"}


def test_without_the_library_it_is_code(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "latex2mathml.converter", None)
    assert str(formula("a < b")) == "<code>a &lt; b</code>"
