"""The reference: a page a chapter, every public name with its signature, equation, shapes, errors and source."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Sequence
from functools import cached_property
from typing import Any

from site_builder.docstrings import Docstring, Item, Linker, body_in_markdown, in_markdown, parse
from site_builder.public_names import CHAPTERS, PublicName, names_of
from site_builder.signatures import constant, plain, signature, source_address


def reference_pages() -> dict[str, str]:
    """Return every page of the reference as Markdown, by its path on the site."""
    names = {chapter: list(names_of(chapter)) for chapter in CHAPTERS}
    where = {name.dotted: f"{name.chapter}.md#{name.anchor}" for found in names.values() for name in found}
    pages = {
        f"reference/{chapter}.md": _page(chapter, found, linker(where, chapter)) for chapter, found in names.items()
    }
    return {"reference/index.md": _index(names)} | pages


def linker(where: dict[str, str], chapter: str) -> Linker:
    """Return the function that knows where a name is documented, as seen from a chapter.

    A short name is looked for in the chapter itself first; one that several chapters have is a link in no other.
    """

    def link(written: str) -> str | None:
        name = written.removeprefix("pgv.").removeprefix("pgverify.").partition("(")[0]
        if name in where:
            return where[name]
        ends = [target for dotted, target in where.items() if dotted.rpartition(".")[2] == name]
        here = [target for target in ends if target.startswith(f"{chapter}.md")]
        chosen = here if len(here) == 1 else ends
        return chosen[0] if len(chosen) == 1 and name and name[0].isupper() else None

    return link


def _index(names: dict[str, list[PublicName]]) -> str:
    lines = [
        "# Every public name",
        "",
        "`import pgverify as pgv`. These names stay: some are added, none is renamed",
        "([what is stable](../security.md)). Shapes are part of the annotations:",
        '`Float[Array, "n d"]` is n rows of d numbers; the letters are those of the',
        "[notation](../notation.md).",
        "",
        "| chapter | names |",
        "|---|---|",
    ]
    for chapter, found in names.items():
        links = ", ".join(f"[`{_short(each, chapter)}`]({chapter}.md#{each.anchor})" for each in found)
        lines.append(f"| [{CHAPTERS[chapter].title}]({chapter}.md) | {links} |")
    return "\n".join(lines) + "\n"


def _short(name: PublicName, chapter: str) -> str:
    return name.dotted.removeprefix(f"{chapter}.")


def _page(chapter: str, names: Sequence[PublicName], link: Linker) -> str:
    parts = [f"# {CHAPTERS[chapter].title}", CHAPTERS[chapter].about]
    for name in names:
        parts += _entry(name, link)
    return "\n\n".join(parts) + "\n"


def _entry(name: PublicName, link: Linker) -> Iterator[str]:
    yield f"## `{name.dotted}` {{ #{name.anchor} }}"
    value = name.value
    unwrapped = plain(value)
    if not (inspect.isclass(value) or inspect.isfunction(unwrapped)):
        yield from _constant(name, link)
        return
    yield f"``` {{.python .signature}}\n{signature(value, _typed(name))}\n```"
    yield from _documented(parse(unwrapped.__doc__, name.dotted), link)
    if inspect.isclass(value):
        for method, function in methods(value):
            yield f"### `{method}` {{ #{name.anchor}.{method} }}"
            if isinstance(function, property):
                yield f"``` {{.python .signature}}\n{method}: {_returned(function)}\n```"
            else:
                yield f"``` {{.python .signature}}\n{signature(function, f'.{method}')}\n```"
            yield from _documented(parse(inspect.getdoc(function), f"{name.dotted}.{method}"), link)
    yield _source(source_address(value))


def _typed(name: PublicName) -> str:
    return f"pgv.{name.dotted}" if not name.dotted.startswith(LONG) else f"pgverify.{name.dotted}"


LONG = ("strategies.", "cases.", "running.", "studies.", "checking.", "language.", "variance.", "collected_problem.")
"""Rooms that are imported by their whole name."""


def methods(value: type) -> list[tuple[str, Any]]:
    """Return the public methods and properties that a class, or a base of the package, defines with a docstring."""
    found: dict[str, Any] = {}
    for base in value.__mro__:
        if not base.__module__.startswith("pgverify"):
            continue
        for name, member in vars(base).items():
            inner: Any = member.__func__ if isinstance(member, classmethod | staticmethod) else member
            inner = inner.func if isinstance(inner, cached_property) else inner
            if name.startswith("_") or name in found or not getattr(inner, "__doc__", None):
                continue
            if isinstance(inner, property) or inspect.isfunction(plain(inner)):
                found[name] = property(inner) if isinstance(member, cached_property) else inner
    return list(found.items())


def _returned(member: property) -> str:
    hint = (plain(member.fget).__annotations__ if member.fget else {}).get("return", "")
    return hint if isinstance(hint, str) else inspect.formatannotation(hint)


def _constant(name: PublicName, link: Linker) -> Iterator[str]:
    room, _, short = name.dotted.rpartition(".")
    text, address = constant(f"pgverify.{room}" if room else "pgverify", short)
    kind = type(name.value).__name__
    size = f", {len(name.value)} entries" if hasattr(name.value, "__len__") and not isinstance(name.value, str) else ""
    yield f"``` {{.python .signature}}\n{_typed(name)}  # {kind.strip('_')}{size}\n```"
    yield from _documented(parse(text, name.dotted), link)
    yield _source(address)


def _documented(found: Docstring, link: Linker) -> Iterator[str]:
    yield in_markdown(found.summary, link)
    if found.body:
        yield body_in_markdown(found.body, link)
    for title, items in found.sections.items():
        writer: Callable[[Sequence[Item], Linker], str] = (
            _running if title in ("References", "Notes", "Examples") else _list
        )
        yield f'<p class="section">{"Sources" if title == "References" else title}</p>'
        yield writer(items, link)


def _running(items: Sequence[Item], link: Linker) -> str:
    return body_in_markdown(items[0].text, link)


def _list(items: Sequence[Item], link: Linker) -> str:
    lines = []
    for item in items:
        kind = f" : {in_markdown(item.kind, link)}" if item.kind else ""
        name = ", ".join(f"**`{one}`**" for one in item.name.split(", "))
        text = " ".join(in_markdown(item.text, link).split())
        lines.append(f"- {name}{kind}" + (f"<br>{text}" if text else ""))
    return "\n".join(lines)


def _source(address: str) -> str:
    if not address:
        return ""
    path = address.partition("/blob/main/")[2].partition("#")[0]
    return f'<p class="source"><a href="{address}">source: {path}</a></p>'
