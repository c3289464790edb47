"""Docstrings of the package's own style as Markdown: one sentence, equations, sections with underlined titles."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

SECTIONS = ("Parameters", "Attributes", "Returns", "Yields", "Raises", "References", "Notes", "Examples")
"""Titles that a docstring may have."""

CODE = re.compile(r"(`[^`]+`)")
EMPHASIS = re.compile(r"(?<![\w*\\])\*(?=[^\s*])([^*]+?)(?<=[^\s*])\*(?![\w*])")
SPECIAL = re.compile(r"([\\\[\]<>_*#])")

Linker = Callable[[str], str | None]
"""name -> where it is documented, or None."""


def _nowhere(_name: str) -> str | None:
    return None


class UnreadableDocstring(ValueError):
    """A docstring is missing, or is not of the style that CONTRIBUTING.md describes."""


@dataclass(frozen=True)
class Item:
    """One entry of a section: what is described, its type or shape in words, and the description."""

    name: str
    kind: str
    text: str


@dataclass(frozen=True)
class Docstring:
    """A docstring, taken apart.

    Attributes
    ----------
    summary : str
        The first paragraph.
    body : str
        What follows it up to the first section; equations are indented.
    sections : mapping of title to items
    """

    summary: str
    body: str
    sections: Mapping[str, Sequence[Item]]


def parse(text: str | None, name: str) -> Docstring:
    """Return a docstring taken apart.

    Raises
    ------
    UnreadableDocstring
        Where there is none, or a section has an unknown title.
    """
    if not text or not text.strip():
        raise UnreadableDocstring(f"{name} has no docstring, every public name must have one")
    lines = inspect.cleandoc(text).splitlines()
    starts = [at for at in range(len(lines) - 1) if lines[at] and re.fullmatch(r"-{3,}", lines[at + 1])]
    sections = {}
    for at, end in zip(starts, [*starts, len(lines)][1:], strict=True):
        if lines[at] not in SECTIONS:
            raise UnreadableDocstring(f"{name} has a section {lines[at]!r}, must be one of {', '.join(SECTIONS)}")
        sections[lines[at]] = _items(lines[at + 2 : end], lines[at])
    top = "\n".join(lines[: starts[0]] if starts else lines).strip()
    summary, _, body = top.partition("\n\n")
    return Docstring(summary, body.strip("\n"), sections)


def _items(lines: Sequence[str], title: str) -> list[Item]:
    if title in ("References", "Notes", "Examples"):
        return [Item("", "", "\n".join(lines).strip())]
    found: list[list[str]] = []
    for line in lines:
        if line and not line[0].isspace():
            found.append([line])
        elif found:
            found[-1].append(line)
    items = []
    for first, *rest in found:
        name, _, kind = first.partition(" : ")
        items.append(Item(name.removesuffix(" :"), kind, inspect.cleandoc("\n".join(rest)) if rest else ""))
    return items


def in_markdown(text: str, link: Linker = _nowhere) -> str:
    """Return running text of a docstring as Markdown: code stays code and becomes a link where its name is known."""
    parts = CODE.split(text)
    return "".join(_code(part, link) if at % 2 else _plain(part) for at, part in enumerate(parts))


def _code(written: str, link: Linker) -> str:
    target = link(written.strip("`"))
    return f"[{written}]({target})" if target else written


def _plain(text: str) -> str:
    kept = EMPHASIS.split(text)
    return "".join(
        f"*{SPECIAL.sub(_escaped, part)}*" if at % 2 else SPECIAL.sub(_escaped, part) for at, part in enumerate(kept)
    )


def _escaped(match: re.Match[str]) -> str:
    return {"<": "&lt;", ">": "&gt;"}.get(match[1], f"\\{match[1]}")


def body_in_markdown(text: str, link: Linker = _nowhere) -> str:
    """Return the body: paragraphs, lists, and indented lines, which are equations or code, as they stand."""
    parts = []
    for block in re.split(r"\n\s*\n", text):
        lines = block.splitlines()
        if not lines:
            continue
        if all(line.startswith("    ") for line in lines):
            language = "python" if re.search(r"\bpgv\.|^\s*>>> |\bimport ", block) else "text"
            inner = inspect.cleandoc(block)
            parts.append(f"``` {{.{language} .equation}}\n{inner}\n```")
        else:
            parts.append(in_markdown(block, link))
    return "\n\n".join(parts)
