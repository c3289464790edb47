"""Runs of which nothing is decided, told as what they are: errors, cells to come, or a study without a claim."""

from __future__ import annotations

import html
import re
from pathlib import Path

import pytest
from test_reporting_output import report
from tiny_studies import write_study

from pgverify.reporting.undecided import NO_CLAIMS, errors_of, failures_told, why_undecided
from pgverify.running import make_workload, open_store
from pgverify.running.run import FailedCell
from pgverify.studies import load_study


def failed(*errors: str) -> list[FailedCell]:
    return [FailedCell(2 * place, {"n": place}, error) for place, error in enumerate(errors)]


def test_cells_that_failed_alike_are_told_once() -> None:
    same = failures_told(failed(*["ValueError: odd"] * 6), 12)
    assert same == ["Cells 0, 2, 4 and 3 more of 12 failed: ValueError: odd."]
    numbered = failures_told(failed(*(f"ValueError: matrix {n} at 1e-{n}" for n in range(6))), 12)
    assert numbered == ["Cells 0, 2, 4 and 3 more of 12 failed, the first with ValueError: matrix 0 at 1e-0."]
    assert failures_told(failed("a", "a"), 4) == ["Cells 0 and 2 of 4 failed: a."]
    assert failures_told(failed("a", "a", "a", "a"), 8) == ["Cells 0, 2, 4 and 6 of 8 failed: a."]


def test_cells_that_failed_otherwise_are_told_apart() -> None:
    assert failures_told(failed("ValueError: a", "KeyError: b"), 3) == [
        "Cell 0 of 3 failed: ValueError: a.",
        "Cell 2 of 3 failed: KeyError: b.",
    ]


@pytest.mark.parametrize(
    ("errors", "missing", "concluded", "words"),
    [
        (2, 0, False, "Nothing decided: 2 errors"),
        (1, 0, True, "Nothing decided: 1 error"),
        (0, 5, False, "Nothing decided: 5 of 8 cells are to come"),
        (0, 1, False, "Nothing decided: 1 of 8 cells is to come"),
        (2, 3, False, "Nothing decided: 2 errors, 3 of 8 cells are to come"),
        (0, 0, True, "Nothing decided: the study makes no claim"),
        (0, 0, False, "Nothing decided yet"),
    ],
)
def test_why_nothing_is_decided(errors: int, missing: int, concluded: bool, words: str) -> None:
    assert why_undecided(errors, missing, 8, concluded) == words


def test_what_is_to_be_known_is_no_error() -> None:
    assert errors_of(failed("a"), [f"{NO_CLAIMS}: KeyError.", "5 of 8 cells are not computed yet."]) == 2


def heading(path: Path) -> str:
    found = re.search(r"<h1>(.*?)</h1>", path.read_text(encoding="utf-8"), re.DOTALL)
    assert found is not None
    return html.unescape(found.group(1)).strip()


def test_half_the_cells_failed(tmp_path: Path) -> None:
    body = "    if n % 2: raise ValueError(f'<b>{n}</b>')"
    report(tmp_path / "out", write_study(tmp_path, body=body, count=20))
    page = tmp_path / "out" / "tiny" / "index.html"
    assert heading(page) == heading(tmp_path / "out" / "index.html") == "Nothing decided: 10 errors"
    text = html.unescape(page.read_text(encoding="utf-8"))
    assert text.count('class="warn box"') == 1  # not one a cell
    assert "Cells 1, 3, 5 and 7 more of 20 failed, the first with ValueError: <b>1</b>." in text
    assert len(re.findall(r"<td>n = \d+, kind = odd</td>", text)) == 10  # and each in the table
    assert "<b>19</b>" not in page.read_text(encoding="utf-8")
    assert "0 of 0" not in (tmp_path / "out" / "index.html").read_text(encoding="utf-8")


def test_a_run_that_was_not_begun(tmp_path: Path) -> None:
    from pgverify.reporting.output import write_reports

    workload = make_workload(*load_study(str(write_study(tmp_path))), seed=0, quick=False)
    with open_store(tmp_path / "out") as store:
        store.begin(workload)
    write_reports(tmp_path / "out")
    for name in ("index.html", "tiny/index.html"):
        assert heading(tmp_path / "out" / name) == "Nothing decided: 6 of 6 cells are to come"


def test_a_study_without_a_claim(tmp_path: Path) -> None:
    path = write_study(tmp_path)
    text = path.read_text(encoding="utf-8")
    first, last = text.index("    return [\n        Claim("), text.index("def figures")
    path.write_text(f"{text[:first]}    return []\n\n{text[last:]}", encoding="utf-8")
    report(tmp_path / "out", path)
    assert heading(tmp_path / "out" / "index.html") == "Nothing decided: the study makes no claim"


def test_the_index_does_not_pass_over_undecided_studies(tmp_path: Path) -> None:
    broken = write_study(tmp_path, "broken", "    raise ValueError('no')")
    report(tmp_path / "out", write_study(tmp_path), broken)
    assert heading(tmp_path / "out" / "index.html") == "2 of 2 claims hold, 1 of 2 studies is undecided"
    text = (tmp_path / "out" / "index.html").read_text(encoding="utf-8")
    assert "All 2 claims that were decided hold." in text
    markdown = (tmp_path / "out" / "README.md").read_text(encoding="utf-8")
    assert "# 2 of 2 claims hold, 1 of 2 studies is undecided" in markdown
