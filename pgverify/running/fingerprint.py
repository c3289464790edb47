"""What a result depends on, as one short text: results with another fingerprint are never mixed in."""

from __future__ import annotations

import hashlib
import platform
import sys
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from importlib.metadata import PackageNotFoundError, packages_distributions, version
from pathlib import Path

import pgverify
from pgverify.beside import Dependencies
from pgverify.running.rows import to_json

PRESENTATION = ("running", "reporting", "drawing", "cli", "__main__.py")
"""Parts of the package that cannot change a number in a row."""
ALWAYS = ("numpy", "scipy", "gymnasium")
"""Libraries that the package computes with, or takes tables from, whatever a study imports."""


def versions(imported: Iterable[str] = ()) -> dict[str, str]:
    """Return the versions a number may depend on, by name: Python, the package, and libraries that are installed.

    Parameters
    ----------
    imported : iterable of str
        Dotted names in a study's import statements.
    """
    known = {"pgverify": pgverify.__version__, "python": platform.python_version()}
    words = {word for name in imported for word in name.split(".")} - set(sys.stdlib_module_names)
    for name in sorted({*ALWAYS, *words} - {"pgverify"}):
        known |= _version(name)
    return known


@cache
def _version(module: str) -> dict[str, str]:
    """Return {distribution: version} of an installed library, nothing for what is none."""
    try:
        return {module: version(module)}
    except (PackageNotFoundError, ValueError):
        pass
    return {name: version(name) for name in _distributions().get(module, ())}


@cache
def _distributions() -> Mapping[str, list[str]]:
    return packages_distributions()


def digest(text: str) -> str:
    """Return a short hash of a text."""
    return hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()[:20]


@cache
def package_digest() -> str:
    """Return a hash of pgverify's own code: between releases the version alone does not tell enough."""
    root = Path(pgverify.__file__).resolve().parent
    files = sorted(path.relative_to(root) for path in root.rglob("*.py"))
    counted = [path for path in files if path.parts[0] not in PRESENTATION]
    return digest(to_json([[path.as_posix(), (root / path).read_text(encoding="utf-8")] for path in counted]))


def fingerprint(needs: Dependencies, seed: int, quick: bool, parameters: Sequence[Mapping[str, object]]) -> str:
    """Return the fingerprint of a run: all files and versions it depends on, the seed, and the whole grid."""
    grid = [*map(dict, parameters)]
    return digest(to_json([needs.files, versions(needs.imported), package_digest(), seed, quick, grid]))
