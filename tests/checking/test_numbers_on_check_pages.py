"""Every number in the tables of a verdict's page is one of its JSON document: each cell is spelled again from it."""

from __future__ import annotations

import html
import json
import re
from typing import Any

import pytest

import pgverify as pgv
from pgverify.checking import Report
from pgverify.checking.pages.check_page import check_page
from pgverify.trajectories import Trajectories
from pgverify.validation import Array


def immediate(batch: Trajectories) -> Array:
    return batch.score_weighted(batch.rewards)


@pytest.fixture(scope="module")
def report() -> Report:
    early = next(entry.problem for entry in pgv.suites.get("standard") if entry.name == "early-stop")
    return pgv.check(immediate, problems=[early], explore=0)


def tables(page: str) -> list[list[list[str]]]:
    """Return the rows of every table, as text."""
    return [
        [_cells(row) for row in re.findall(r"<tr[^>]*>(.*?)</tr>", body, re.DOTALL)]
        for body in re.findall(r"<tbody>(.*?)</tbody>", page, re.DOTALL)
    ]


def _cells(row: str) -> list[str]:
    found = re.findall(r"<t[dh][^>]*>(.*?)</t[dh]>", row)
    return [html.unescape(re.sub(r"<[^>]+>", "", cell)).strip() for cell in found]


def spelled(value: Any, digits: int) -> str:
    """Spell a number as pages do, from its definition: so many digits, and a true minus."""
    return "" if value is None else f"{float(value):.{digits}g}".replace("-", "−")


def test_the_tables_are_those_of_the_document(report: Report) -> None:
    document = json.loads(report.to_json())
    steps, arrows, coordinates, compared = tables(check_page(report))
    (finding,) = (one for one in document["findings"] if one["check"] == "expectation")

    expected, found = finding["expected"], finding["found"]
    assert coordinates == [
        [f"θ{place}", spelled(a, 6), spelled(b, 6), spelled(b - a, 3)]
        for place, (a, b) in enumerate(zip(expected, found, strict=True))
    ]
    (row,) = compared
    assert row[2:] == [
        str(finding["batch_size"]),
        str(finding["trajectories"]),
        spelled(finding["deviation"], 3),
        spelled(finding["variance"], 4),
        spelled(finding["variance_ratio"], 3),
        spelled(finding["optimal_ratio"], 3),
    ]
    witness = document["witness"]
    assert [[cells[0], *cells[4:7]] for cells in steps] == [
        [str(step["time"]), *(spelled(step[name], 6) for name in ("reward", "found", "right"))]
        for step in witness["steps"]
    ]
    assert [cells[4:] for cells in arrows] == [
        [spelled(arrow["probability"], 6), spelled(arrow["reward"], 6)] for arrow in witness["problem"]["arrows"]
    ]


def test_another_number_would_be_seen(report: Report) -> None:
    page = check_page(report)
    document = json.loads(report.to_json())
    number = spelled(document["findings"][0]["found"][0], 6)
    assert number in page
    assert tables(page) != tables(page.replace(number, "0.123456"))
