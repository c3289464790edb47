"""The code blocks of Markdown pages, and whether what a command printed is what its page shows.

A block opens with ```language and options: `needs=NAME` for a module that must be installed, `file=PATH` for a file
that the reader is to write (or, in a `diff`, to change).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.util import find_spec

FENCED = re.compile(r"^```(\w*)([^\n`]*)\n(.*?)^```", flags=re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Block:
    """What stands between two fences."""

    language: str
    options: Mapping[str, str]
    text: str


def blocks(page: str) -> list[Block]:
    """Return the blocks of a page, in order, without those that need a module that is not installed."""
    found = []
    for language, written, text in FENCED.findall(page):
        options = dict(word.split("=", 1) for word in written.split())
        if "needs" not in options or find_spec(options["needs"]):
            found.append(Block(language, options, text))
    return found


def python_blocks(page: str) -> list[str]:
    """Return the Python that a reader would type: files are written, not typed."""
    return [block.text for block in blocks(page) if block.language == "python" and "file" not in block.options]


def commands(page: str) -> list[tuple[str, str]]:
    """Return the commands of a page, the lines after "$ ", each with what it is shown to print."""
    found = []
    for block in blocks(page):
        for part in re.split(r"^\$ ", block.text, flags=re.MULTILINE)[1:]:
            command, _, shown = part.partition("\n")
            found.append((command, shown))
    return found


def prints(shown: str, printed: str) -> bool:
    """Return whether a page shows what was printed: "…" stands for the rest of a line, alone for lines so indented."""
    pattern = ""
    for line in shown.splitlines():
        indent, rest = re.fullmatch(r"(\s*)(.*)", line).groups()
        pattern += rf"(?:{indent}.*\n)*" if rest == "…" else rf"{re.escape(line).replace('…', '.*')}\n"
    return re.fullmatch(pattern, printed) is not None
