"""Every page of the documentation is followed: its Python runs, its commands print what it shows.

The pages of docs/extending/ change the package and have a test of their own (`test_extending.py`).
"""

from __future__ import annotations

from pathlib import Path

import pytest
from markdown_pages import FENCED
from page_runner import ROOT, follow, shown_commands, typed, written

PAGES = sorted(
    page.relative_to(ROOT).as_posix() for page in (ROOT / "docs").rglob("*.md") if page.parent.name != "extending"
)
QUICK = ("docs/faq.md", "docs/guides/research.md", "docs/mathematics/theorem.md")
"""Followed in the default suite; the others by `make test-pages`."""


@pytest.mark.usefixtures("unchecked_shapes")  # as users run them
@pytest.mark.parametrize(
    "page", [pytest.param(page, marks=() if page in QUICK else pytest.mark.slow) for page in PAGES]
)
def test_the_page_is_true(page: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    follow((ROOT / page).read_text(encoding="utf-8"), page, tmp_path)


def test_every_fence_of_python_is_found() -> None:
    """An indented fence would be shown on the site, and not be run."""
    for page in PAGES:
        text = (ROOT / page).read_text(encoding="utf-8")
        fences = [line for line in text.splitlines() if line.lstrip().startswith("```python")]
        found = [language for language, _, _ in FENCED.findall(text) if language == "python"]
        assert len(fences) == len(found), page


def test_there_is_something_to_follow() -> None:
    texts = [(ROOT / page).read_text(encoding="utf-8") for page in PAGES]
    assert sum(len(typed(text)) for text in texts) > 40
    assert sum(len(shown_commands(text)) for text in texts) >= 3
    assert sum(len(written(text)) for text in texts) >= 3


def test_the_workflow_on_the_page_is_the_file() -> None:
    folder = ROOT / "docs" / "how-to"
    assert (folder / "pgverify-workflow.yml").read_text() in (folder / "pytest-and-ci.md").read_text()


@pytest.mark.parametrize(
    "page",
    [
        "```python\nassert 1 + 1 == 3\n```\n",
        "```console\n$ pgverify --version\nanother program\n```\n",
    ],
    ids=["Python", "command"],
)
def test_a_wrong_page_is_noticed(page: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(AssertionError):
        follow(page, "page", tmp_path)
