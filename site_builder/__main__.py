"""Build the site: `python -m site_builder`. Warnings are errors."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

from site_builder.absent_libraries import stood_in_for
from site_builder.signatures import ROOT
from site_builder.staging import stage

WORK = ROOT / "build" / "site"
NOT_YET = ("estimators.md",)
"""Pages of the navigation that may be missing."""


def staged(folder: Path, measured: bool = True) -> list[str]:
    """Write all pages into a folder, with or without those that are measured, and return their paths."""
    from site_builder.notebooks import notebook_pages
    from site_builder.probing import probing_page
    from site_builder.reference_pages import reference_pages
    from site_builder.tables import table_pages

    probing = {"tables/probing.md": probing_page() if measured else "# What probing environments see\n"}
    return stage(folder, reference_pages() | table_pages() | notebook_pages() | probing)


def configuration(pages: Mapping[str, str]) -> str:
    """Return the configuration of the builder, with every page in its navigation.

    Entries of pages that may be missing, and are, are left out. Pages that nobody placed stand behind the changelog;
    answers of studies beside the others.

    Raises
    ------
    ValueError
        When a page of the navigation is missing.
    """
    lines = [
        line
        for line in (ROOT / "zensical.toml").read_text(encoding="utf-8").splitlines()
        if not (_page_of(line) in NOT_YET and _page_of(line) not in pages)
    ]
    named = [page for page in map(_page_of, lines) if page]
    if missing := sorted(set(named) - set(pages)):
        raise ValueError(f"navigation of zensical.toml names {missing}, must name pages that there are")
    for place in sorted(set(pages) - set(named)):
        mark = "answers/" if place.startswith("answers/") else "changelog.md"
        at = max(number for number, line in enumerate(lines) if (_page_of(line) or "").startswith(mark))
        lines.insert(
            at + 1, f"    {{ {json.dumps(title_of(pages[place]), ensure_ascii=False)} = {json.dumps(place)} }},"
        )
    return "\n".join(lines) + "\n"


def _page_of(line: str) -> str | None:
    found = re.search(r'= "([^"]+\.md)"', line)
    return found[1] if found else None


def title_of(page: str) -> str:
    """Return the first heading of a page, without its markup."""
    found = re.search(r"^# (.+)$", page, flags=re.MULTILINE)
    return re.sub(r"[`*\\]|\{.*\}", "", found[1]).strip() if found else "Untitled"


def main() -> int:
    """Stage, build strictly, and say how long it took."""
    start = time.perf_counter()
    shutil.rmtree(WORK, ignore_errors=True)
    with stood_in_for():
        pages = staged(WORK / "source")
    texts = {page: (WORK / "source" / page).read_text(encoding="utf-8") for page in pages}
    (WORK / "zensical.toml").write_text(configuration(texts), encoding="utf-8")
    built = subprocess.run(
        [Path(sys.executable).parent / "zensical", "build", "--strict", "--clean", "-f", WORK / "zensical.toml"],
        cwd=WORK,
        check=False,
        capture_output=True,
        text=True,
    )
    if built.returncode:
        print(built.stdout, built.stderr, sep="\n", file=sys.stderr)
        return 1
    shutil.rmtree(ROOT / "site", ignore_errors=True)
    (WORK / "site").rename(ROOT / "site")
    print(f"{len(pages)} pages in {time.perf_counter() - start:.1f} s, no warnings: site/index.html")
    return 0


if __name__ == "__main__":
    sys.exit(main())
