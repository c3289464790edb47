"""The page of what changed: the counts, the error rate, a row a change; hostile names stay text."""

from __future__ import annotations

from pathlib import Path

import pytest

from pgverify.errors import InvalidFile
from pgverify.reporting.against import Change, Differences
from pgverify.reporting.changes_page import changes_page, write_changes_page

HOSTILE = '<script>alert(1)</script>{{ 7*7 }}"'


def test_it_says_how_many_and_how_sure(tmp_path: Path) -> None:
    changes = [Change("one", "row 3 sampled", "0.1", "0.9", 1e-310), Change("one", "cell", "-", "3 rows", None, False)]
    page = write_changes_page(Differences(changes, 4_000, 20_000, 1e-3), tmp_path, Path("earlier"))
    text = page.read_text(encoding="utf-8")
    assert "<h1>1 change beyond noise</h1>" in text
    assert "with probability at most 0.001. 20,000 exact numbers" in text
    assert "&lt; 1e-300" in text  # not nothing
    assert text.count("<tr>") == 3
    assert (tmp_path / "assets" / "tables.js").is_file()


def test_nothing_is_told_as_nothing() -> None:
    text = changes_page(Differences([], 10, 20, 1e-3), "now", "before")
    assert "<h1>Nothing changed beyond noise</h1>" in text
    assert "<table" not in text


def test_hostile_names_are_inert() -> None:
    text = changes_page(Differences([Change(HOSTILE, HOSTILE, HOSTILE, HOSTILE)], 1, 1, 0.1), HOSTILE, HOSTILE)
    assert "<script>" not in text
    assert "{{ 7*7 }}" in text


def test_what_cannot_be_written_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(InvalidFile, match="cannot be written"):
        write_changes_page(Differences([], 1, 1, 0.1), tmp_path / "none", tmp_path)
