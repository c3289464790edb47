"""The title of a report: what was given, or else the problem as it prints."""

from __future__ import annotations

from collections.abc import Callable

from pgverify.errors import InvalidInput
from pgverify.validation import require_text, shown


def title_or(title: str | None, otherwise: Callable[[], str]) -> str:
    """Return a title that can be written on a page.

    Raises
    ------
    InvalidInput
        When it is no text, or holds what no file can.
    """
    if title is None:
        return otherwise()
    meaning = "the problem in words, or None"
    text = require_text("title", title, InvalidInput, meaning)
    if any("\ud800" <= letter <= "\udfff" for letter in text):
        raise InvalidInput(f"title is {shown(title)}, which holds a lone surrogate, must be {meaning}")
    return text or otherwise()
