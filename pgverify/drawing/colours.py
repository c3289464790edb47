"""One colour for one concept on every figure, and the colours that a page may exchange for its own."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

INK = "#1c1e21"
QUIET = "#5f6670"
LINE = "#dfe1e5"
PAPER = "#ffffff"
ACCENT = "#005a9c"
ALARM = "#b00020"
"""Only for what contradicts, or differs."""

CONCEPTS: Mapping[str, str] = MappingProxyType(
    {
        "start": "#0072b2",
        "action": "#d55e00",
        "transition": "#009e73",
        "reward": "#cc79a7",
    }
)
"""Sources of variance, and what stands for them in the drawing of a problem; Okabe and Ito (2008)."""

PAGE: Mapping[str, str] = MappingProxyType(
    {
        INK: "--ink",
        "#000000": "--ink",
        "#262626": "--ink",
        QUIET: "--quiet",
        "#555555": "--quiet",
        "#999999": "--quiet",
        LINE: "--line",
        "#e4e4e4": "--line",
        PAPER: "--paper",
        ACCENT: "--link",
        ALARM: "--bad",
    }
)
"""Colours of a figure that are no data, and the page's own that stand for them, light or dark."""
