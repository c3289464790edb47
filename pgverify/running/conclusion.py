"""What a study made of its rows: claims, and pictures with the words in them, as the store keeps them."""

from __future__ import annotations

from base64 import b64decode, b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

from pgverify.drawing.harmless import harmless_svg
from pgverify.errors import InvalidInput
from pgverify.names import require_name
from pgverify.running.made import UNKNOWN, Made, made_from
from pgverify.running.rows import from_json, printable, to_json
from pgverify.studies import Claim


@dataclass(frozen=True)
class Drawing:
    """A figure as it is shown: PNG bytes, what one sees in words, its width in CSS pixels; the same as SVG and PDF.

    What a store that came from elsewhere holds as SVG is kept only where it can do nothing: see `drawing.harmless`.
    """

    words: str
    width: int
    png: bytes
    svg: str = ""
    pdf: bytes = b""
    caption: str = ""
    """What the figure does not say itself: sample size, horizon, discount, policy, the level of intervals."""


@dataclass(frozen=True)
class Conclusion:
    """Claims and figures of a run, and what went wrong in deciding or drawing, one sentence each."""

    claims: Sequence[Claim]
    figures: Mapping[str, Drawing]
    troubles: Sequence[str]
    broken: bool
    answer: str = ""
    """What the study says that its claims, where all hold, come to."""
    formula: str = ""
    """What it is about, in LaTeX."""
    made: Made = UNKNOWN


def as_lines(conclusion: Conclusion) -> list[tuple[str, str, bytes | None]]:
    """Return (name, content, picture): one line for claims and troubles, then one for each figure."""
    claims = [
        {field.name: _plain(getattr(claim, field.name)) for field in fields(claim)} for claim in conclusion.claims
    ]
    head = {
        "claims": claims,
        "troubles": [printable(trouble) for trouble in conclusion.troubles],
        "broken": conclusion.broken,
        "answer": printable(conclusion.answer),
        "formula": printable(conclusion.formula),
        "made": conclusion.made.as_data(),
        "figures": len(conclusion.figures),
    }
    return [
        ("", to_json(head), None),
        *((name, to_json(_content(drawn)), drawn.png) for name, drawn in conclusion.figures.items()),
    ]


def from_lines(lines: Sequence[tuple[str, str, bytes | None]]) -> Conclusion | None:
    """Return the conclusion, or None where a line is missing or is none of ours: it is then made anew.

    A name that is a path is refused here as well: a store may come from anywhere.
    """
    try:
        head = from_json(lines[0][1])
        if len(lines) != 1 + head["figures"]:
            return None
        figures = {}
        for name, content, picture in lines[1:]:
            known = from_json(content)
            figures[require_name("figure", name)] = Drawing(
                str(known["words"]),
                int(known["width"]),
                bytes(picture or b""),
                harmless_svg(str(known.get("svg", ""))),
                b64decode(known.get("pdf", "")),
                str(known.get("caption", "")),
            )
        claims = tuple(_claim(claim) for claim in head["claims"])
        troubles, answer = tuple(map(_text, head["troubles"])), _text(head.get("answer", ""))
        formula, made = _text(head.get("formula", "")), made_from(head.get("made", {}))
        return Conclusion(claims, figures, troubles, bool(head["broken"]), answer, formula, made)
    except (InvalidInput, ValueError, TypeError, KeyError, IndexError, AttributeError):
        return None


def _content(drawn: Drawing) -> dict[str, Any]:
    vector = {"svg": drawn.svg, "pdf": b64encode(drawn.pdf).decode()} if drawn.svg else {}
    return {"words": printable(drawn.words), "width": drawn.width, "caption": printable(drawn.caption), **vector}


def _claim(given: Mapping[str, Any]) -> Claim:
    plain: dict[str, Any] = {name: _plain(value) for name, value in given.items()}
    return Claim(**plain)


def _text(value: Any) -> str:
    return printable(str(value))


def _plain(value: Any) -> str | bool:
    return printable(value) if isinstance(value, str) else bool(value)
