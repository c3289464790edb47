"""How pages spell numbers, and how they turn text into links: what comes from outside stays text."""

from __future__ import annotations

import math
import re
from typing import Any

from markupsafe import Markup, escape

TINIEST = 1e-300
"""Probabilities below are told as smaller than this: they are no longer known to be zero."""

_ADDRESS = re.compile(
    r"https?://[^\s<>\"']+[^\s<>\"'.,;:)]|\barXiv[ :]\d{4}\.\d{4,5}\b|\bdoi:10\.\d{4,9}/[\w./-]*\w"
    r"|(?<![\w/.-])[\w-]+/[\w.-]+#\d+\b"
)
"""An address, a paper of arXiv or with a DOI, or owner/repository#number of GitHub."""


def number(value: Any, digits: int = 6) -> str:
    """Spell a value for reading: a float with so many digits and a true minus, anything else as it is."""
    if value is None:
        return ""
    if isinstance(value, float):
        if not math.isfinite(value):
            return {math.inf: "∞", -math.inf: "−∞"}.get(value, "not a number")
        return f"{value + 0.0:.{digits}g}".replace("-", "−")  # nothing has no sign
    return str(value)


def probability(value: float) -> str:
    """Spell a probability; one that underflowed is smaller than something, not nothing."""
    return f"< {TINIEST:g}" if value < TINIEST else number(value, 3)


def largest_probability(value: float) -> str:
    """Spell the largest of several p-values, as studies print what they found."""
    return f"p {probability(value)}" if value < TINIEST else f"at most {value:.2g}"


def breakable(text: Any) -> Markup:
    """Let a long name with underscores, dots or slashes break at them."""
    return Markup(re.sub(r"([_./])", r"\1<wbr>", str(escape(text))))


def addresses(text: Any) -> list[tuple[str, str]]:
    """Return a text in parts, each with the address that it names; empty for those that name none."""
    parts, end, plain = [], 0, str(text)
    for found in _ADDRESS.finditer(plain):
        words = found.group()
        parts += [(plain[end : found.start()], ""), (words, _address(words))]
        end = found.end()
    return [part for part in (*parts, (plain[end:], "")) if part[0]]


def _address(words: str) -> str:
    if words.startswith("arXiv"):
        return f"https://arxiv.org/abs/{words[6:]}"
    if words.startswith("doi:"):
        return f"https://doi.org/{words[4:]}"
    if words.startswith("http"):
        return words
    repository, _, number = words.partition("#")
    return f"https://github.com/{repository}/issues/{number}"  # GitHub leads on to a pull request of that number


def linked(text: Any) -> Markup:
    """Return a text with the addresses in it as links; everything else stays text."""
    link = Markup('<a href="{}" rel="noopener">{}</a>')
    return Markup("").join(
        link.format(address, words) if address else escape(words) for words, address in addresses(text)
    )


def scripts(text: Any) -> Markup:
    """Return a text with γ^t, e^{−rt}, G_t, b*_t and Σ_{k≤t} raised and lowered; names with underscores stay names.

    A number such as 1e-10 is never broken in two.
    """
    whole = re.sub(r"(?<![\w.-])\d[\d.]*e[-−+]?\d+(?![\w-])", r'<span class="whole">\g<0></span>', str(escape(text)))
    raised = re.sub(r"(?<=\w)\^(\w)(?![\w^])", r"<sup>\1</sup>", whole)
    raised = re.sub(r"(?<=\w)\^\{([^{}<>]{1,12})\}", r"<sup>\1</sup>", raised)
    lowered = re.sub(r"(?<![\w;])([^\W\d_]\*?)_(\w)(?![\w_])", r"\1<sub>\2</sub>", raised)
    return Markup(re.sub(r"(?<![\w;])([^\W\d_]\*?)_\{([^{}<>]{1,12})\}", r"\1<sub>\2</sub>", lowered))
