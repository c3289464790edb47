"""Build the site: `python -m site_builder`. Warnings are errors."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterable
from pathlib import Path

from site_builder.absent_libraries import stood_in_for
from site_builder.signatures import ROOT
from site_builder.staging import stage

WORK = ROOT / "build" / "site"
NOT_YET = ("estimators.md",)
"""Pages of the navigation that may be missing."""


def staged(folder: Path) -> list[str]:
    """Write all pages into a folder, and return their paths."""
    from site_builder.reference_pages import reference_pages
    from site_builder.tables import table_pages

    return stage(folder, reference_pages() | table_pages())


def configuration(pages: Iterable[str]) -> str:
    """Return the configuration of the builder, without the entries of pages that may be missing and are.

    Raises
    ------
    ValueError
        When a page is not in the navigation, or a page of the navigation is missing.
    """
    there = set(pages)
    kept = []
    named = set()
    for line in (ROOT / "zensical.toml").read_text(encoding="utf-8").splitlines():
        found = re.search(r'"([^"]+\.md)"', line)
        if found and found[1] not in there and found[1] in NOT_YET:
            continue
        if found:
            named.add(found[1])
        kept.append(line)
    if named != there:
        raise ValueError(f"pages {sorted(named ^ there)} are in the navigation or in the folder, must be in both; "
                         "zensical.toml has the navigation")
    return "\n".join(kept) + "\n"


def main() -> int:
    """Stage, build strictly, and say how long it took."""
    start = time.perf_counter()
    shutil.rmtree(WORK, ignore_errors=True)
    with stood_in_for():
        pages = staged(WORK / "source")
    (WORK / "zensical.toml").write_text(configuration(pages), encoding="utf-8")
    built = subprocess.run(
        [Path(sys.executable).parent / "zensical", "build", "--strict", "--clean", "-f", WORK / "zensical.toml"],
        cwd=WORK, check=False, capture_output=True, text=True,
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
