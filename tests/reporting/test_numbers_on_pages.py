"""Every number of a study's page is a row of a CSV file: each cell of the table is spelled again from it."""

from __future__ import annotations

import csv
import html
import re
from pathlib import Path

from test_reporting_output import report
from tiny_studies import write_study

from pgverify.drawing.words import number


def test_the_table_on_the_page_is_that_of_the_file(tmp_path: Path) -> None:
    report(tmp_path / "out", write_study(tmp_path))
    place = tmp_path / "out" / "tiny"
    page = (place / "index.html").read_text(encoding="utf-8")
    body = page[page.index('<table class="results">') :]
    shown = [
        [html.unescape(cell) for cell in re.findall(r"<td>(.*?)</td>", row)]
        for row in re.findall(r"<tr>(.*?)</tr>", body, re.DOTALL)[1:]
    ]
    with (place / "results.csv").open(newline="", encoding="utf-8") as lines:
        rows = list(csv.reader(lines))[1:]
    assert len(shown) == len(rows) == 18
    assert shown == [[spelled(text) for text in row] for row in rows]


def spelled(text: str) -> str:
    """Spell a value of the file as pages do: floats are written with their point or exponent."""
    return number(float(text)) if "." in text or "e-" in text else text


def test_what_was_found_is_that_of_the_claims_file(tmp_path: Path) -> None:
    report(tmp_path / "out", write_study(tmp_path))
    page = (tmp_path / "out" / "tiny" / "index.html").read_text(encoding="utf-8")
    found = re.findall(r'<td data-label="Found">(.*?)</td>', page)
    with (tmp_path / "out" / "tiny" / "claims.csv").open(newline="", encoding="utf-8") as lines:
        assert [html.unescape(text) for text in found] == [row["found"] for row in csv.DictReader(lines)]
