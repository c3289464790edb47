"""Pages of the repository that need more room on the site than text does: something is left out beside their tables."""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType

HIDDEN: Mapping[str, str] = MappingProxyType(
    {"estimators.md": "toc", "answers/catalogue.md": "toc", "answers/survey.md": "navigation"}
)
"""By the path on the site: what gives its room to the tables, the contents of the page or those of the chapter."""

BROWSABLE = ("estimators.md", "answers/catalogue.md")
"""Pages whose tables can be filtered and sorted."""

TABLE = re.compile(r"(?:^\|.*\n)+", flags=re.MULTILINE)
LONG_NAME = re.compile(r"(?<=[a-z])([._])(?=[A-Za-z])")


def laid_out(text: str, place: str) -> str:
    """Return a page with the head and the tables that the site gives it."""
    if place in BROWSABLE:
        text = TABLE.sub(lambda found: f'<div class="browsable" markdown>\n\n{found[0]}\n</div>\n', text)
    if place == "answers/survey.md":
        text = re.sub(r"^\| [^|]*", lambda found: _breaking(found[0]), text, flags=re.MULTILINE)
    return f"---\nhide:\n  - {HIDDEN[place]}\n---\n\n{text}" if place in HIDDEN else text


def _breaking(cell: str) -> str:
    """Return a cell in which a dotted name may end a line; code stays as it is."""
    return cell if "`" in cell else LONG_NAME.sub(lambda found: f"{found[1]}<wbr>".replace("_", "\\_"), cell)
