"""The reports that are kept in `reports/` are current: the same study files, the same numbers, claims that all hold."""

from __future__ import annotations

import csv
import math
import re
from pathlib import Path
from typing import Any

import pytest

from pgverify.beside import dependencies
from pgverify.running.fingerprint import digest
from pgverify.running.rows import to_json
from pgverify.studies import load_study, study_cells, study_files

REPORTS = Path(__file__).resolve().parents[2] / "reports"
STUDIES = study_files(REPORTS.parent / "studies")
AGAIN = "make study; then commit reports/"


def table(name: str, file: str) -> list[dict[str, str]]:
    with (REPORTS / name / file).open(newline="", encoding="utf-8") as lines:
        return list(csv.DictReader(lines))


def stale(name: str, readme: str) -> bool:
    """Whether a published text was made with another text of the study."""
    known = re.search(r"Code of the study: `(\w+)`", readme)
    return known is None or known.group(1) != digest(to_json(dependencies(STUDIES[name]).files))


@pytest.mark.parametrize("name", STUDIES)
def test_it_was_made_with_this_text_of_the_study(name: str) -> None:
    readme = (REPORTS / name / "README.md").read_text(encoding="utf-8")
    assert not stale(name, readme), AGAIN
    assert stale(name, readme.replace("Code of the study: `", "Code of the study: `0"))  # the control


@pytest.mark.parametrize("name", STUDIES)
def test_the_first_cell_gives_the_published_rows_again(name: str) -> None:
    """The package changes more often than its numbers: one cell a study is computed anew, to 1e-9 of its numbers."""
    study, _ = load_study(str(STUDIES[name]))
    cell = study_cells(study, seed=0, quick=False)[0]
    published = table(name, "results.csv")
    fresh = study.run(dict(cell.parameters), cell.seed)
    assert 0 < len(fresh) <= len(published)
    for row, line in zip(fresh, published, strict=False):
        for column, value in row.items():
            assert same(value, line[column]), (column, value, line[column], AGAIN)


def same(value: Any, text: str) -> bool:
    """Whether a value is what stands in a CSV file, to rounding."""
    if isinstance(value, str | bool) or value is None:
        return text == ("" if value is None else str(value))
    return math.isclose(float(value), float(text), rel_tol=1e-9, abs_tol=1e-9) or (value != value and text == "nan")


def test_a_number_that_moved_is_not_the_same() -> None:
    assert same(0.25, "0.25")
    assert not same(0.25, "0.2500001")
    assert not same("V", "J")


@pytest.mark.parametrize("name", STUDIES)
def test_every_claim_is_published_and_holds(name: str) -> None:
    claims = table(name, "claims.csv")
    readme = (REPORTS / name / "README.md").read_text(encoding="utf-8")
    assert {claim["holds"] for claim in claims} == {"True"}
    assert readme.count("| ✓ |") == len(claims)
    assert f"({name}/README.md)" in (REPORTS / "README.md").read_text(encoding="utf-8")
