"""With which settings the rows of a study were computed, as a caption says it: sizes, horizons, discounts, levels."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from pgverify.drawing.words import number
from pgverify.studies import Row

SPOKEN = (("n", "n = {}"), ("horizon", "T = {}"), ("discount", "γ = {}"))
"""Columns that a caption tells, and how."""

MOST_LISTED = 4
"""Values that are listed; of more the least and the largest are told."""


def settings(rows: Sequence[Row]) -> str:
    """Return the settings that the rows themselves hold, in words; empty where they hold none."""
    said = [words.format(_values(found)) for name, words in SPOKEN if (found := _found(rows, name))]
    levels = _found(rows, "confidence")
    if levels:
        missed = 1.0 - levels[0]
        said.append(
            f"intervals at {100 * levels[0]:.4g} %"
            if missed > 1e-4
            else f"each interval misses with probability {missed:.2g}"
        )
    return f"Over all rows: {'; '.join(said)}." if said else ""


def _found(rows: Sequence[Row], name: str) -> list[float]:
    values = {float(row[name]) for row in rows if _is_number(row.get(name))}
    return sorted(values)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _values(values: Sequence[float]) -> str:
    if len(values) <= MOST_LISTED:
        return ", ".join(_spelled(value) for value in values)
    return f"{_spelled(values[0])} to {_spelled(values[-1])}"


def _spelled(value: float) -> str:
    return f"{int(value):,}" if value.is_integer() else number(value, 4)
