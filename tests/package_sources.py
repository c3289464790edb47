"""The source of every module of the package, for the tests that read it."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import pgverify

PACKAGE = Path(pgverify.__file__).parent


@cache
def sources() -> dict[str, str]:
    """Return the source of every module of the package, by dotted name."""
    found = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path.read_text(encoding="utf-8")
    return found


def packages() -> set[str]:
    """Return the modules that are folders: their modules are attributes of them."""
    return {name for name in sources() if (PACKAGE.parent / Path(*name.split("."))).is_dir()}
