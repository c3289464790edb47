"""The committed table of the catalogue: it agrees with the catalogue, with itself, and with what the oracle says."""

from __future__ import annotations

import csv
import subprocess
import sys
from dataclasses import fields, replace
from pathlib import Path

import pytest

from pgverify.bugs import CATALOGUE, LossBug, get, names
from pgverify.errors import InvalidFile
from pgverify.reporting.catalogue_table import (
    CatalogueRow,
    as_csv,
    as_markdown,
    row,
    summary,
    write_catalogue,
)

REPORTS = Path(__file__).parents[2] / "reports"
TABLE, PAGE = REPORTS / "catalogue.csv", REPORTS / "catalogue.md"
WRONG_EXPECTATION = {"B", "S", "O", "Z"}

SAME_VECTOR = {bug.slug for bug in CATALOGUE if bug.effect.value == "Z"}
"""Not named: their expectation is zero, which has no one cause. They stand among the matches."""

KNOWN_AS = {bug.slug: bug.known_as for bug in CATALOGUE if isinstance(bug, LossBug) and bug.known_as}
"""Losses that are the same as one with another name."""


UNDECIDED: set[str] = set()
"""Right, and left open: none."""


@pytest.fixture(scope="module")
def rows() -> list[CatalogueRow]:
    """Return the committed table; that it is written back to the same bytes is tested below."""
    numbers = {field.name for field in fields(CatalogueRow) if field.type == "int"}
    with TABLE.open(encoding="utf-8", newline="") as file:
        lines = [{k: int(v) if k in numbers else v for k, v in line.items()} for line in csv.DictReader(file)]
    return [CatalogueRow(**line) for line in lines]


def test_every_entry_has_its_row(rows: list[CatalogueRow]) -> None:
    assert [r.slug for r in rows] == names()
    for r, bug in zip(rows, CATALOGUE, strict=True):
        assert (r.number, r.effect) == (bug.number, bug.effect.value)
        own = not isinstance(bug, LossBug) and bug.setting
        assert r.problems == ("token trees" if isinstance(bug, LossBug) else "its own" if own else "standard suite")


def test_page_and_table_are_what_their_rows_make(rows: list[CatalogueRow]) -> None:
    assert as_csv(rows) == TABLE.read_text(encoding="utf-8")
    assert as_markdown(rows) == PAGE.read_text(encoding="utf-8")


def test_every_entry_is_told_apart(rows: list[CatalogueRow]) -> None:
    for r in rows:
        assert (r.right, r.outcome) == (("no", "INCONCLUSIVE") if r.slug in UNDECIDED else ("yes", r.outcome)), r
        if r.effect in WRONG_EXPECTATION:
            assert min(r.compared, 1 if r.problems == "its own" else 2) <= r.differs <= r.compared, r
            assert (r.diagnosis == KNOWN_AS.get(r.slug, r.slug)) == (r.slug not in SAME_VECTOR), r
            assert KNOWN_AS.get(r.slug, r.slug) in (r.diagnosis, *r.other_matches.split()), r
        else:
            assert (r.differs, r.diagnosis, r.other_matches) == (0, "", ""), r


def test_the_summary_counts(rows: list[CatalogueRow]) -> None:
    faulty = [r for r in rows if r.effect in WRONG_EXPECTATION]
    named, right = len(faulty) - len(SAME_VECTOR) - len(KNOWN_AS), len(rows) - len(faulty)
    assert summary(rows)[:3] == [
        f"Faulty entries with the right outcome: {len(faulty)} of {len(faulty)}.",
        f"Faulty entries diagnosed to their own slug: {named} of {len(faulty)} ({100 * named // len(faulty)} %).",
        f"Entries with the right expectation that pass: {right - len(UNDECIDED)} of {right}.",
    ]


def test_a_wrong_row_shows_in_the_summary(rows: list[CatalogueRow]) -> None:
    """Negative control: one outcome and one diagnosis changed."""
    (index,) = (i for i, r in enumerate(rows) if r.slug == "past-rewards")
    changed = [*rows]
    changed[index] = replace(rows[index], right="no", diagnosis="discount-dropped")
    before, after = summary(rows), summary(changed)
    assert [line.split(":")[0] for line, was in zip(after, before, strict=True) if line != was] == [
        "Faulty entries with the right outcome",
        "Faulty entries diagnosed to their own slug",
        "Effect B",
    ]


@pytest.mark.usefixtures("unchecked_shapes")
@pytest.mark.parametrize("slug", ["discount-dropped", "sampled-entropy", "action-dims-not-summed", "mask-shifted"])
def test_the_oracle_says_so(slug: str, rows: list[CatalogueRow]) -> None:
    bug = get(slug)
    (written,) = (r for r in rows if r.slug == slug)
    assert row(bug) == written


@pytest.mark.usefixtures("unchecked_shapes")
def test_what_the_oracle_does_not_expect_is_not_right() -> None:
    """Negative control: an entry that is not what it says."""
    bug = get("action-dims-not-summed")
    found = row(replace(bug, implementation=bug.correct))
    assert (found.right, found.outcome, found.differs, found.diagnosis) == ("no", "CORRECT", 0, "")


def test_the_folder_must_exist(tmp_path: Path) -> None:
    with pytest.raises(InvalidFile, match="must exist"):
        write_catalogue(tmp_path / "none")


@pytest.mark.slow
def test_the_same_bytes_are_written_again(tmp_path: Path) -> None:
    """In a process of its own, without the run-time checks of these tests: about a minute."""
    command = [sys.executable, "-m", "pgverify.reporting.catalogue_table", str(tmp_path)]
    subprocess.run(command, check=True, capture_output=True, timeout=1800)
    for file in (TABLE, PAGE):
        assert (tmp_path / file.name).read_bytes() == file.read_bytes()
