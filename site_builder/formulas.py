"""Formulas in pages, $ … $ and $$ … $$, as MathML: browsers draw it and read it aloud without a script or a network."""

from __future__ import annotations

import re
from xml.etree import ElementTree as ET

FENCED = re.compile(
    r"(^(?P<indent>[ ]*)(?P<fence>`{3,}).*?^(?P=indent)(?P=fence)[ ]*$)", flags=re.MULTILINE | re.DOTALL
)
BLOCK = re.compile(r"\$\$(.+?)\$\$", flags=re.DOTALL)
MATH_FENCE = re.compile(r"^```math\n(.*?)^```[ ]*$", flags=re.MULTILINE | re.DOTALL)
INLINE = re.compile(r"(`[^`\n]*`)|(?<![\\\w$])\$(?=\S)([^$\n]+?)(?<=\S)\$(?![\w$])")


class UnreadableFormula(ValueError):
    """LaTeX that cannot be turned into MathML."""


def mathml(latex: str, display: str) -> str:
    """Return a formula as MathML in one line; `display` is "block" or "inline".

    Raises
    ------
    UnreadableFormula
        With the formula.
    """
    from latex2mathml.converter import convert

    try:
        root = ET.fromstring(convert(" ".join(latex.split()), display=display))
    except Exception as reason:  # the library raises whatever its parser meets
        raise UnreadableFormula(f"formula {latex.strip()!r} cannot be drawn: {reason}") from reason
    for element in root.iter():
        element.tag = str(element.tag).rpartition("}")[2]
    text = ET.tostring(root, encoding="unicode")
    if any("\\" in (element.text or "") for element in root.iter()):
        raise UnreadableFormula(f"formula {latex.strip()!r} has a command that is not known: {text}")
    for character in "*_[]`$":  # Markdown would read them
        head, *inner = re.split(r"(<[^>]*>)", text)
        text = head + "".join(
            part if part.startswith("<") else part.replace(character, f"&#{ord(character)};") for part in inner
        )
    return text


def with_formulas(page: str) -> str:
    """Return a page with its formulas as MathML; code stays as it is."""
    page = MATH_FENCE.sub(lambda found: _block(found[1]), page)
    parts = []
    last = 0
    for fence in FENCED.finditer(page):
        parts += [_outside(page[last : fence.start()]), fence[0]]
        last = fence.end()
    return "".join([*parts, _outside(page[last:])])


def _outside(text: str) -> str:
    """Return text with its formulas drawn; inline ones in a span: at the start of a line <math> would be a block."""
    text = BLOCK.sub(lambda found: _block(found[1]), text)
    return INLINE.sub(lambda found: found[1] or f"<span>{mathml(found[2], 'inline')}</span>", text)


def _block(latex: str) -> str:
    return f'\n\n<div class="formula" tabindex="0">{mathml(latex, "block")}</div>\n\n'
