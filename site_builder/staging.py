"""Pages of the repository as pages of the site: links that fit, fences and formulas that the site can show."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Mapping
from pathlib import Path, PurePosixPath

from site_builder.formulas import FENCED, with_formulas
from site_builder.layout import laid_out
from site_builder.signatures import HOME, ROOT

TOP = {"CHANGELOG.md": "changelog.md", "CONTRIBUTING.md": "contributing.md", "SECURITY.md": "security.md"}
"""Pages that stand at the top of the repository, and where they are on the site."""

LINK = re.compile(r"(`[^`\n]*`)|(!?\[(?:[^\[\]]|\[[^\[\]]*\])*\]\()([^)\s]+)(\))")
FENCE_HEAD = re.compile(r"^(?P<indent>[ ]*)```(?P<language>\w+)[ ]+(?P<options>\w+=[^\n`]*)$", flags=re.MULTILINE)


class BrokenLink(ValueError):
    """A link leads to nothing."""


def sources() -> dict[str, str]:
    """Return every page that is in the repository: its path there, and its path on the site."""
    found = dict(TOP)
    for page in sorted((ROOT / "docs").rglob("*.md")):
        found[page.relative_to(ROOT).as_posix()] = page.relative_to(ROOT / "docs").as_posix()
    for page in sorted((ROOT / "reports").rglob("*.md")):
        path = page.relative_to(ROOT / "reports")
        name = "index.md" if path.name == "README.md" and len(path.parts) == 1 else path.as_posix()
        found[page.relative_to(ROOT).as_posix()] = f"answers/{name.replace('/README.md', '.md')}"
    return found


def stage(folder: Path, generated: Mapping[str, str]) -> list[str]:
    """Write all pages, of the repository and generated, with what they show; return their paths on the site."""
    places = sources()
    on_site = {*places.values(), *generated}
    for origin, place in places.items():
        text = laid_out((ROOT / origin).read_text(encoding="utf-8"), place)
        _write(folder / place, prepared(text, origin, place, places, on_site, folder))
    for place, text in generated.items():
        _write(folder / place, with_formulas(text))
    shutil.copytree(ROOT / "docs" / "assets", folder / "assets", dirs_exist_ok=True)
    return sorted(on_site)


def prepared(
    text: str, origin: str, place: str, places: Mapping[str, str], on_site: set[str], folder: Path | None = None
) -> str:
    """Return a page as the site has it.

    Parameters
    ----------
    text : str
    origin, place : str
        Its path in the repository, and on the site.
    places : mapping
        All of these.
    on_site : set of str
        Paths of all pages on the site, generated ones included.
    folder : path, optional
        Where the site is staged: pictures are copied there.

    Raises
    ------
    BrokenLink
        Where a link leads to no page and no file.
    """
    text = with_formulas(FENCE_HEAD.sub(_fence, text))
    parts, last = [], 0
    for fence in FENCED.finditer(text):
        parts += [_linked(text[last : fence.start()], origin, place, places, on_site, folder), fence[0]]
        last = fence.end()
    return "".join([*parts, _linked(text[last:], origin, place, places, on_site, folder)])


def _fence(found: re.Match[str]) -> str:
    options = dict(word.split("=", 1) for word in found["options"].split())
    title = f' title="{options["file"]}"' if "file" in options else ""
    return f"{found['indent']}```{found['language']}{title}"


def _linked(
    text: str, origin: str, place: str, places: Mapping[str, str], on_site: set[str], folder: Path | None
) -> str:
    def moved(found: re.Match[str]) -> str:
        if found[1]:
            return found[1]
        target, _, fragment = found[3].partition("#")
        if re.match(r"[a-z]+:", target) or not target:
            return found[0]
        mark = f"#{fragment}" if fragment else ""
        asked = os.path.normpath(PurePosixPath(origin).parent / target)
        target = re.sub(r"\.ipynb$", ".md", target)
        if asked in places:
            return f"{found[2]}{_relative(places[asked], place)}{mark})"
        generated = os.path.normpath(PurePosixPath(place).parent / target)
        if generated in on_site:
            return f"{found[2]}{_relative(generated, place)}{mark})"
        if not (ROOT / asked).exists() or asked.startswith(".."):
            raise BrokenLink(f"{origin} links to {found[3]}, which is no page and no file of the repository")
        if found[2].startswith("!"):
            return f"{found[2]}{_picture(asked, place, folder)})"
        kind = "tree" if (ROOT / asked).is_dir() else "blob"
        return f"{found[2]}{HOME}/{kind}/main/{asked}{mark})"

    return LINK.sub(moved, text)


def _picture(asked: str, place: str, folder: Path | None) -> str:
    copy = f"pictures/{asked}"
    if folder is not None:
        (folder / copy).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / asked, folder / copy)
    return _relative(copy, place)


def _relative(target: str, place: str) -> str:
    return PurePosixPath(os.path.relpath(target, PurePosixPath(place).parent)).as_posix()


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
