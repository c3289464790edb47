"""Formulas: LaTeX as MathML, which browsers draw and read aloud; only what can do nothing else is let through."""

from __future__ import annotations

from xml.etree import ElementTree as ET

from markupsafe import Markup

_DRAWN = "math mrow mi mn mo ms mtext mspace mfrac msqrt mroot msub msup msubsup munder mover munderover mtable mtr mtd"

ELEMENTS = frozenset(_DRAWN.split())
"""MathML Core without links and actions."""

ATTRIBUTES = frozenset(
    ["display", "stretchy", "fence", "form", "separator", "accent", "width", "mathvariant", "lspace"]
)
"""What a formula may say of its looks."""


def formula(latex: str) -> Markup:
    """Return a formula as MathML, with its LaTeX for those who copy it; as code where it cannot be turned into any.

    Parameters
    ----------
    latex : str
        From anywhere: links, styles and whatever else it may ask for are left out.
    """
    code = Markup("<code>{}</code>").format(latex)
    try:
        from latex2mathml.converter import convert
    except ImportError:
        return code
    try:
        root = ET.fromstring(convert(latex, display="block"))
    except Exception:  # the library raises whatever its parser meets, and the text may come from anywhere
        return code
    for element in root.iter():
        element.tag = str(element.tag).rpartition("}")[2]
        if element.tag not in ELEMENTS:
            return code
        element.attrib = {key: value for key, value in element.attrib.items() if key in ATTRIBUTES}
    root.set("display", "block")
    root.set("alttext", latex)
    return Markup(ET.tostring(root, encoding="unicode"))  # every text in it was escaped as it was written


def formula_in_markdown(latex: str) -> str:
    """Return a formula as code hosts draw it; a fence in it cannot end it."""
    return f"```math\n{latex.replace('`', ' ')}\n```"
