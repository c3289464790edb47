"""What a result depends on, as one short text: results with another fingerprint are never mixed in."""

from __future__ import annotations

import hashlib
import platform
from collections.abc import Mapping, Sequence
from functools import cache
from importlib.metadata import version
from pathlib import Path

import pgverify
from pgverify.running.rows import to_json

PRESENTATION = ("running", "reporting", "cli", "__main__.py")
"""Parts of the package that cannot change a number in a row."""


def versions() -> dict[str, str]:
    """Return the versions a number may depend on, by name."""
    return {
        "pgverify": pgverify.__version__,
        "python": platform.python_version(),
        "numpy": version("numpy"),
        "scipy": version("scipy"),
    }


def digest(text: str) -> str:
    """Return a short hash of a text."""
    return hashlib.sha256(text.encode()).hexdigest()[:20]


@cache
def package_digest() -> str:
    """Return a hash of pgverify's own code: between releases the version alone does not tell enough."""
    root = Path(pgverify.__file__).resolve().parent
    files = sorted(path.relative_to(root) for path in root.rglob("*.py"))
    counted = [path for path in files if path.parts[0] not in PRESENTATION]
    return digest(to_json([[path.as_posix(), (root / path).read_text(encoding="utf-8")] for path in counted]))


def fingerprint(source: str, seed: int, quick: bool, parameters: Sequence[Mapping[str, object]]) -> str:
    """Return the fingerprint of a run: the study's text, versions and code, the seed, and the whole grid."""
    return digest(to_json([digest(source), versions(), package_digest(), seed, quick, [*map(dict, parameters)]]))
