"""Rows of results as JSON: every float comes back bit for bit, NaN and infinity included."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from pgverify.errors import InvalidData, without_commands
from pgverify.studies import Row


def plain_rows(rows: Any) -> list[Row]:
    """Return rows as lists of dictionaries of Python scalars, refusing what a table cannot hold.

    Raises
    ------
    InvalidData
        When the rows are not flat dictionaries of strings, numbers, booleans or None.
    """
    if not isinstance(rows, Sequence) or isinstance(rows, str):
        raise InvalidData(f"the cell returned {type(rows).__name__}, must return a list of flat dictionaries")
    return [{_name(key): _plain(key, value) for key, value in _dictionary(row).items()} for row in rows]


def rows_as_text(rows: Any) -> str:
    """Return rows as the text that the store keeps: what cannot be written down is refused here, where it was made.

    Raises
    ------
    InvalidData
        As `plain_rows`; also for integers of thousands of digits, and for halves of a character (lone surrogates).
    """
    plain = plain_rows(rows)
    try:
        text = to_json(plain)
        text.encode()
    except UnicodeEncodeError as reason:
        raise InvalidData(f"a row holds text that is no Unicode ({reason.reason}), must be whole characters") from None
    except (ValueError, RecursionError) as reason:
        raise InvalidData(f"a row cannot be written down: {reason}") from None
    return text


def to_json(value: object) -> str:
    """Return JSON text; `repr` of a float, which json uses, is read back as the same 64 bits."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def from_json(text: str) -> Any:
    """Return what `to_json` was given."""
    return json.loads(text)


def printable(text: str, most: int = 2000) -> str:
    """Return a text that every file, table and terminal takes, of at most so many characters."""
    whole = without_commands(text)
    return whole if len(whole) <= most else whole[: most - 1] + "…"


def _dictionary(row: Any) -> dict[Any, Any]:
    if not isinstance(row, dict):
        raise InvalidData(f"a row is {type(row).__name__}, must be a flat dictionary of scalars")
    return row


def _name(key: Any) -> str:
    if not isinstance(key, str):
        raise InvalidData(f"a row has the column {key!r}, the name of a column must be a string")
    return key


def _plain(key: Any, value: Any) -> Any:
    # NumPy scalars, zero-dimensional arrays among them, know their Python value.
    scalar = value.item() if hasattr(value, "item") and getattr(value, "ndim", 0) == 0 else value
    if scalar is not None and not isinstance(scalar, str | int | float | bool):
        raise InvalidData(
            f"column {key!r} of a row holds {type(value).__name__}, must be a string, number, boolean or None"
        )
    return scalar
