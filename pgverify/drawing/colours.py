"""One colour for one concept on every figure, and the colours that a page may exchange for its own."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from types import MappingProxyType

INK = "#1c1e21"
QUIET = "#5f6670"
LINE = "#dfe1e5"
PAPER = "#ffffff"
ACCENT = "#005a9c"
ALARM = "#b00020"
"""Only for what contradicts, or differs."""
BELOW = "#7a4b00"
"""Numbers below zero, where those above have the accent."""

CONCEPTS: Mapping[str, str] = MappingProxyType(
    {
        "start": "#332288",
        "action": "#aa4499",
        "transition": "#117733",
        "reward": "#999933",
    }
)
"""Sources of variance, and what stands for them in the drawing of a problem; Tol's muted scheme (2021)."""

PALETTE = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000", "#8c6d1f")
"""Everything else; Okabe and Ito (2008), yellow left out, too pale on white. It shares no colour with the sources."""

ESTIMATORS: tuple[tuple[str, str], ...] = (
    (r"total[ _-]return", "#8c6d1f"),
    (r"reward[ _-]to[ _-]go|none", "#0072b2"),
    (r"V|baseline V|reward-to-go − V(\(s\))?", "#d55e00"),
    (r"J|reward-to-go − J", "#009e73"),
    (r"(GAE|gae).*", "#cc79a7"),
    (r"leave[ _-]one[ _-]out|reward-to-go − mean of the others", "#e69f00"),
    (r"best|b\*|reward-to-go − b\*", "#000000"),
)
"""Names of estimators and baselines, as patterns, with their colours: reward-to-go without a baseline is one thing."""

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
        BELOW: "--warn",
        **{colour: f"--{concept}" for concept, colour in CONCEPTS.items()},
    }
)
"""Colours of a figure, and the page's own that stand for them, light or dark: other data keep theirs on both."""


def concept_colours(names: Sequence[str]) -> dict[str, str]:
    """Return a colour for each name: a concept keeps its own on every figure, other names take what is left.

    Parameters
    ----------
    names : sequence of str
        As in a legend. Where several are of one concept the first has its colour.
    """
    known: dict[str, str] = {}
    for name in dict.fromkeys(names):
        colour = CONCEPTS.get(name) or _of_estimator(name)
        if colour is not None and colour not in known.values():
            known[name] = colour
    taken = set(known.values())
    free = [colour for colour in PALETTE if colour not in taken] or list(PALETTE)
    others = [name for name in dict.fromkeys(names) if name not in known]
    known |= {name: free[place % len(free)] for place, name in enumerate(others)}
    return {name: known[name] for name in names}


def _of_estimator(name: str) -> str | None:
    return next((colour for pattern, colour in ESTIMATORS if re.fullmatch(pattern, name)), None)
