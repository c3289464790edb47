"""The files beside a study on which its numbers depend: found by reading it, not by running it."""

from __future__ import annotations

import ast
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

OWN = "pgverify"
"""The package itself, which may lie beside a study in a checkout, has a hash of its own."""


@dataclass(frozen=True)
class Dependencies:
    """What a file depends on.

    Attributes
    ----------
    folder : Path
        Where the file lies, absolute.
    files : tuple of (str, str)
        The file itself first, then the others in alphabetical order: path relative to the folder, hash of the bytes.
    imported : tuple of str
        Names in import statements that are found nowhere beside it: libraries.
    """

    folder: Path
    files: tuple[tuple[str, str], ...]
    imported: tuple[str, ...]

    @property
    def beside(self) -> tuple[tuple[str, str], ...]:
        """The files other than the study's own."""
        return self.files[1:]


def dependencies(path: Path) -> Dependencies:
    """Return the files that a Python file names, directly or through others, beside itself.

    Counted are modules and packages in import statements, wherever they stand, and those that a string names, as in
    `import_module("helper")` or `run_path("helper.py")`. A package counts whole. What is named only at run time, by
    a string that is put together, cannot be seen, and data is not counted: who can tell a table from a log.
    """
    start = path.resolve()
    folder = start.parent
    found: dict[str, bytes] = {}
    names: set[str] = set()
    waiting = [start]
    while waiting:
        file = waiting.pop()
        key = file.relative_to(folder).as_posix()
        if key in found:
            continue
        found[key] = file.read_bytes()
        if file.suffix == ".py":
            targets, outside = _named(found[key], file, folder)
            waiting += targets
            names |= outside
    others = sorted(key for key in found if key != start.name)
    hashes = tuple((key, hashlib.sha256(found[key]).hexdigest()[:20]) for key in (start.name, *others))
    return Dependencies(folder, hashes, tuple(sorted(names)))


def _named(text: bytes, file: Path, folder: Path) -> tuple[list[Path], set[str]]:
    """Return the files beside that a module names, and the libraries it imports."""
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError):  # it is said where the file is loaded, with the reason
        return [], set()
    targets: list[Path] = []
    outside: set[str] = set()
    for node in ast.walk(tree):
        for root, name in _imports(node, file, folder):
            files = list(_module(root, name))
            targets += files
            if not files:
                outside.add(name)
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            targets += _module_called(node.value, folder)
    return targets, outside


def _imports(node: ast.AST, file: Path, folder: Path) -> Iterator[tuple[Path, str]]:
    """Yield (folder to look in, dotted name) for what one statement imports."""
    if isinstance(node, ast.Import):
        yield from ((folder, alias.name) for alias in node.names)
    elif isinstance(node, ast.ImportFrom):
        root = folder if not node.level else file.parents[min(node.level, len(file.parents)) - 1]
        if not root.is_relative_to(folder):
            return
        origin = node.module or ""
        for alias in node.names:
            yield root, ".".join(filter(None, (origin, alias.name)))


def _module(folder: Path, dotted: str) -> Iterator[Path]:
    """Yield the file of a module, or all files of its package, if it lies in the folder."""
    first, *_ = dotted.split(".")
    if first == OWN:
        return
    if (folder / first).is_dir():
        yield from sorted(path for path in (folder / first).rglob("*.py") if path.is_file())
    elif (folder / f"{first}.py").is_file():
        yield folder / f"{first}.py"


def _module_called(text: str, folder: Path) -> list[Path]:
    """Return the files of the module that a string names, if there is one."""
    if not 0 < len(text) <= 200 or "\n" in text or not text.isprintable():
        return []
    try:
        path = (folder / text).resolve()
        if path.suffix == ".py" and path.is_file() and path.is_relative_to(folder):
            return [path]
        module = folder / text.replace(".", "/")
        named = text.replace(".", "_").isidentifier() and (
            module.with_suffix(".py").is_file() or (module / "__init__.py").is_file()
        )
        return list(_module(folder, text)) if named else []
    except (OSError, ValueError):
        return []
