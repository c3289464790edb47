"""Whether an SVG document can do nothing but be looked at: only what matplotlib writes is let through."""

from __future__ import annotations

import re
from xml.etree import ElementTree as ET

_DRAWN = "svg g defs path use clipPath rect image style linearGradient stop pattern metadata text tspan circle ellipse"

ELEMENTS = frozenset([*_DRAWN.split(), "line", "polygon", "polyline"])
"""What is drawn. No script, no foreign object, no animation, no link."""

STYLE = re.compile(r"\*\{stroke-linejoin: round; stroke-linecap: butt\}")
"""The one style sheet that matplotlib writes."""

_METADATA = re.compile(r"<metadata>.*?</metadata>", re.DOTALL)


def harmless_svg(document: str) -> str:
    """Return an SVG document as it is, or "" where it holds anything that is not drawing."""
    if not document or "<!ENTITY" in document:
        return ""
    try:
        root = ET.fromstring(_METADATA.sub("", document))
    except ET.ParseError:
        return ""
    return document if all(map(_harmless, root.iter())) else ""


def _harmless(element: ET.Element) -> bool:
    name = str(element.tag).rpartition("}")[2]
    if name not in ELEMENTS or (name == "style" and not STYLE.fullmatch((element.text or "").strip())):
        return False
    return all(_attribute(str(key).rpartition("}")[2], value) for key, value in element.attrib.items())


def _attribute(name: str, value: str) -> bool:
    if name == "href":
        return value.startswith(("#", "data:image/png;base64,"))
    inside = value.lower()
    outside = "url(" in inside.replace("url(#", "") or "expression" in inside or "javascript:" in inside
    return not name.startswith("on") and not outside
