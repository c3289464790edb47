"""Pages followed in a folder of their own: files are written, Python is typed, commands are run and compared."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from pathlib import Path

from markdown_pages import Block, blocks, commands, prints

ROOT = Path(__file__).resolve().parents[2]
PROGRAMS = ("pgverify", "pytest")
"""What the commands of a `console` block start."""


def typed(page: str) -> list[Block]:
    """Return the Python that a reader would type, in order."""
    return [block for block in blocks(page) if block.language == "python" and "file" not in block.options]


def written(page: str) -> list[Block]:
    """Return the files that a page has its reader write."""
    return [block for block in blocks(page) if "file" in block.options and block.language != "diff"]


def shown_commands(page: str) -> list[tuple[str, str]]:
    """Return the commands of `console` blocks, each with what it is shown to print."""
    found = []
    for block in blocks(page):
        if block.language == "console":
            found += commands(f"```\n{block.text}```\n")
    return found


def run(words: list[str], folder: Path) -> subprocess.CompletedProcess[str]:
    """Run a module of Python in a folder, on this checkout."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST_", "COLUMNS"))}
    return subprocess.run(
        [sys.executable, "-m", *words],
        cwd=folder,
        env=kept | {"PYTHONPATH": str(ROOT), "NO_COLOR": "1"},
        capture_output=True,
        text=True,
        check=False,
        timeout=300.0,
    )


def follow(text: str, name: str, folder: Path) -> None:
    """Do what a page says, and compare what it shows.

    Python is run in this process, in one namespace, as in one session; a block with `at=root` in the repository.
    """
    for block in written(text):
        (folder / block.options["file"]).write_text(block.text, encoding="utf-8")
    namespace: dict[str, object] = {"__name__": "typed"}
    for block in typed(text):
        os.chdir(ROOT if block.options.get("at") == "root" else folder)
        exec(compile(block.text, name, "exec"), namespace)
    for command, shown in shown_commands(text):
        program, *words = shlex.split(command, comments=True)
        assert program in PROGRAMS, command
        found = run([program, *(["-p", "no:cacheprovider"] if program == "pytest" else []), *words], folder)
        assert prints(shown, found.stdout), f"$ {command}\n{found.stdout}{found.stderr}"
