"""Text from outside as Markdown that shows it as it is."""

from __future__ import annotations

import re
from urllib.parse import quote

from pgverify.drawing.words import addresses

_SPECIAL = re.compile(r"([\\`*_\[\]|#~$@!])")


def plain(text: object) -> str:
    """Return a text as Markdown that shows it as it is: no link, no tag, no table ends in it."""
    words = re.sub(r"\s+", " ", str(text))
    words = words.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return _SPECIAL.sub(r"\\\1", words).replace("http", "http&#8203;")


def sourced(text: str) -> str:
    """Return a source with its addresses as links; everything else stays text."""
    parts = [f"[{plain(words)}]({quote(address, safe=':/?=&%#.-')})" if address else plain(words)
             for words, address in addresses(text)]  # fmt: skip
    return "".join(parts)
