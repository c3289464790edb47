"""The pages of docs/extending/ are followed to the letter, each in a fresh copy of the repository.

Files are written, lines are added, Python is typed, commands are run: what a page promises to print is printed, and no
page changes more than two files of the package, a new one and the one that names it.
"""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from markdown_pages import Block, blocks, commands, prints, python_blocks

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted((ROOT / "docs" / "extending").glob("*.md"))
COPIED = ("pgverify", "tests", "studies")
PROGRAMS = ("pgverify", "pytest")
"""What the commands of the pages start."""

LEFT_BEHIND = ("PYTEST_", "COLUMNS", "PYTHONDONTWRITEBYTECODE")
"""Variables of this process: it is pytest itself, and what is compiled once serves all commands of a page."""

MOST_PACKAGE_FILES = 2


def checkout(folder: Path) -> Path:
    """Return a copy of what the pages build upon."""
    for name in COPIED:
        shutil.copytree(ROOT / name, folder / name)  # times of files are kept, and so is what was compiled
    shutil.copy(ROOT / "pyproject.toml", folder)
    return folder


def write(block: Block, folder: Path) -> None:
    path = folder / block.options["file"]
    assert not path.exists(), f"{path} exists already"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(block.text, encoding="utf-8")


def change(block: Block, folder: Path) -> None:
    """Add the lines marked + and take out those marked -, at the one place where the others stand."""
    path = folder / block.options["file"]
    lines = block.text.splitlines(keepends=True)
    before = "".join(line[1:] for line in lines if line[0] in " -")
    after = "".join(line[1:] for line in lines if line[0] in " +")
    text = path.read_text(encoding="utf-8")
    assert text.count(before) == 1, f"{block.options['file']} holds {text.count(before)} times:\n{before}"
    path.write_text(text.replace(before, after), encoding="utf-8")


def run(words: list[str], folder: Path) -> subprocess.CompletedProcess[str]:
    """Run a module or a program in Python, on the copy and nothing else."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(LEFT_BEHIND)}
    return subprocess.run(
        [sys.executable, *words],
        cwd=folder,
        env=kept | {"PYTHONPATH": str(folder), "NO_COLOR": "1"},
        capture_output=True,
        text=True,
        check=False,
    )


def follow(page: str, folder: Path) -> None:
    """Do what a page says, and compare what it shows."""
    for block in blocks(page):
        if "file" in block.options:
            (change if block.language == "diff" else write)(block, folder)
    typed = python_blocks(page)
    if typed:
        found = run(["-c", "\n".join(typed)], folder)
        assert found.returncode == 0, found.stderr
    for command, shown in commands(page):
        program, *words = shlex.split(command)
        assert program in PROGRAMS, command
        found = run(["-m", program, *words], folder)
        assert prints(shown, found.stdout), f"$ {command}\n{found.stdout}{found.stderr}"
        assert found.returncode == 0 or program != "pytest", command  # a verdict may be a bad one


def package_files(page: str) -> set[str]:
    """Return the files of the package that a page writes or changes."""
    files = {block.options["file"] for block in blocks(page) if "file" in block.options}
    return {file for file in files if file.startswith("pgverify/")}


@pytest.mark.slow  # whole programs run, on copies of the repository: `make test-pages`
@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_the_page_is_true(page: Path, tmp_path: Path) -> None:
    follow(page.read_text(encoding="utf-8"), checkout(tmp_path))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_the_page_needs_two_files_of_the_package_at_most(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    assert len(package_files(text)) <= MOST_PACKAGE_FILES
    assert any("/test_" in command or "tests/" in command for command, _ in commands(text))  # and its test is run


def test_there_is_a_page_for_each_kind() -> None:
    assert {page.stem for page in PAGES} == {"bug", "estimator", "policy", "study", "suite-problem"}
    linked = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    assert all(f"(docs/extending/{page.name})" in linked for page in PAGES)


# --- negative controls: a page that is not true is noticed


@pytest.mark.parametrize(
    "page",
    [
        "```python\nassert 1 + 1 == 3\n```\n",
        "```python file=known.py\n```\n",
        "```diff file=known.py\n one\n+two\n```\n",
        "```\n$ pgverify bugs no-such-bug\na bug\n```\n",
        "```python file=test_new.py\ndef test() -> None:\n    assert False\n```\n"
        "```\n$ pytest -q test_new.py\n…\n1 passed in …\n```\n",
    ],
    ids=["Python", "file that exists", "line that is not there", "command", "test"],
)
def test_a_wrong_page_is_noticed(page: str, tmp_path: Path) -> None:
    (tmp_path / "known.py").write_text("")
    (tmp_path / "pgverify").symlink_to(ROOT / "pgverify")
    with pytest.raises(AssertionError):
        follow(page, tmp_path)


@pytest.mark.parametrize(
    ("shown", "printed", "expected"),
    [
        ("one\n", "one\n", True),
        ("one\n", "one\ntwo\n", False),
        ("…\ntwo\n", "zero\none\ntwo\n", True),
        ("  …\ntwo\n", "zero\ntwo\n", False),
        ("  …\ntwo\n", "  zero\ntwo\n", True),
        ("2 passed in …\n", "2 passed in 0.12s\n", True),
        ("2 passed in …\n", "1 failed, 2 passed in 0.12s\n", False),
    ],
)
def test_what_is_left_out_is_marked(shown: str, printed: str, expected: bool) -> None:
    assert prints(shown, printed) is expected


def test_files_of_the_package_are_counted() -> None:
    files = ("pgverify/new.py", "pgverify/old.py", "pgverify/old.py", "tests/test_new.py")
    page = "".join(f"```diff file={file}\n```\n" for file in files)
    assert package_files(page) == {"pgverify/new.py", "pgverify/old.py"}
