"""What the arguments of targets must be: said once, and used as validated."""

from __future__ import annotations

from typing import Any

from pgverify.arrays import LARGEST
from pgverify.errors import InvalidInput, shown
from pgverify.exact.trust_region import Clip
from pgverify.validation import require_number

ADVANTAGES = ("leave-one-out", "own-mean", "none")


def coefficient_of(value: Any) -> float:
    """Return β, any finite number."""
    return require_number("coefficient", value, -LARGEST, LARGEST, InvalidInput)


def one_of(name: str, value: Any, allowed: tuple[str, ...], meaning: str = "") -> str:
    """Return the text if it is one of those that are allowed; `meaning` says what they are."""
    if not isinstance(value, str) or value not in allowed:
        raise InvalidInput(f"{name} is {shown(value)}, must be {meaning or 'one of ' + ', '.join(allowed)}")
    return str(value)


def clip_of(value: Any) -> Clip:
    """Return ε, (ε_low, ε_high), or None."""
    if value is None:
        return None
    allowed = "ε ≥ 0, (ε_low, ε_high) with ε_low ≤ 1, or None"
    if isinstance(value, tuple | list):
        if len(value) != 2:
            raise InvalidInput(f"clip is {shown(value)}, must be {allowed}")
        low = require_number("clip[0]", value[0], 0.0, 1.0, InvalidInput)
        return low, require_number("clip[1]", value[1], 0.0, float("inf"), InvalidInput)
    return require_number("clip", value, 0.0, 1.0, InvalidInput, allowed)


def dual_of(value: Any) -> float | None:
    """Return c of a dual clip, above 1, or None."""
    if value is None:
        return None
    allowed = "a number above 1, or None for no dual clip"
    number = require_number("dual", value, 1.0, float("inf"), InvalidInput, allowed)
    if number == 1.0:
        raise InvalidInput(f"dual is {shown(value)}, must be {allowed}")
    return number
