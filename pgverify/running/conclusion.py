"""What a study made of its rows: claims, and pictures with the words in them, as the store keeps them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

from pgverify.errors import InvalidInput
from pgverify.names import require_name
from pgverify.running.rows import from_json, printable, to_json
from pgverify.studies import Claim


@dataclass(frozen=True)
class Drawing:
    """A figure as it is shown: PNG bytes, what one sees in words, its width in CSS pixels."""

    words: str
    width: int
    png: bytes


@dataclass(frozen=True)
class Conclusion:
    """Claims and figures of a run, and what went wrong in deciding or drawing, one sentence each."""

    claims: Sequence[Claim]
    figures: Mapping[str, Drawing]
    troubles: Sequence[str]
    broken: bool


def as_lines(conclusion: Conclusion) -> list[tuple[str, str, bytes | None]]:
    """Return (name, content, picture): one line for claims and troubles, then one for each figure."""
    claims = [
        {field.name: _plain(getattr(claim, field.name)) for field in fields(claim)} for claim in conclusion.claims
    ]
    head = {
        "claims": claims,
        "troubles": [printable(trouble) for trouble in conclusion.troubles],
        "broken": conclusion.broken,
        "figures": len(conclusion.figures),
    }
    return [
        ("", to_json(head), None),
        *(
            (name, to_json({"words": printable(drawn.words), "width": drawn.width}), drawn.png)
            for name, drawn in conclusion.figures.items()
        ),
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
                str(known["words"]), int(known["width"]), bytes(picture or b"")
            )
        claims = tuple(Claim(**claim) for claim in head["claims"])
        return Conclusion(claims, figures, tuple(map(str, head["troubles"])), bool(head["broken"]))
    except (InvalidInput, ValueError, TypeError, KeyError, IndexError):
        return None


def _plain(value: Any) -> str | bool:
    return printable(value) if isinstance(value, str) else bool(value)
