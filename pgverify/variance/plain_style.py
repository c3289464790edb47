"""The look of all figures, with plain numbers at the ticks: formulas there take most of the time of a page."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from matplotlib import rc_context
from matplotlib.axis import Axis
from matplotlib.ticker import NullLocator

from pgverify.reporting.canvas import quick_style

_PLAIN: dict[Any, Any] = {
    "axes.formatter.use_mathtext": False,
    "axes.titley": 1.0,  # nothing is above: to look for it would measure all labels once more
}

SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


@contextmanager
def plain_style() -> Iterator[None]:
    """Hold the figures' style for the length of a `with` block, and leave nothing behind."""
    with quick_style(), rc_context(_PLAIN):
        yield


def plain_numbers(axis: Axis) -> None:
    """Label the ticks of an axis with whole numbers: a common power of ten would stand where the title is."""
    axis.set_major_formatter(lambda value, _: f"{value:g}".replace("-", "−"))


def drawn_name(name: str) -> str:
    """Return the name of an estimator as figures write it: with t raised, which only pages can do otherwise."""
    return name.replace("^t", "ᵗ")


def plain_ticks(axis: Axis) -> None:
    """Label the ticks of a logarithmic axis with plain numbers, and draw none between them."""
    axis.set_minor_locator(NullLocator())
    axis.set_major_formatter(lambda value, _: power_or_number(value))


def power_or_number(value: float) -> str:
    """Return 0.1, 20, 3,000, and powers of ten where their zeros would have to be counted."""
    power = round(math.log10(value)) if value > 0 else 0
    if abs(power) > 3 and math.isclose(value, 10.0**power):
        return "10" + str(power).translate(SUPERSCRIPTS)
    return f"{value:g}"
