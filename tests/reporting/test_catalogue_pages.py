"""The pages of the catalogue: everything that the terminal says, the numbers of the report, and sources as links."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from jaxtyping import config as jaxtyping_config

import pgverify as pgv
from pgverify.bugs import CATALOGUE, get
from pgverify.checking import Report
from pgverify.drawing.words import number
from pgverify.errors import InvalidFile
from pgverify.reporting.bug_pages import source_code
from pgverify.reporting.catalogue_pages import bug_page, write_bug_page, write_catalogue_page

HOSTILE = '<img src=x onerror="alert(1)">{{ 7*7 }} javascript:alert(1)'


@pytest.fixture(scope="module")
def report() -> Iterator[Report]:
    """What the oracle says on one small problem; shapes are checked elsewhere."""
    before = jaxtyping_config.jaxtyping_disable
    jaxtyping_config.update("jaxtyping_disable", True)
    problem = next(entry.problem for entry in pgv.suites.get("standard") if entry.name == "early-stop")
    yield pgv.check(get("past-rewards").implementation, problems=[problem], explore=0)
    jaxtyping_config.update("jaxtyping_disable", before)


def words(page: str) -> str:
    return html.unescape(re.sub(r"<[^>]*>", "", page))


def test_it_says_what_the_terminal_says(report: Report) -> None:
    bug = get("past-rewards")
    page = bug_page(bug, report)
    for text in (bug.slug, bug.cure, "biased", str(report.explanation), source_code(bug)):
        assert text in words(page)
    assert page.count("<math") == 2
    finding = report.smallest_failure
    assert finding is not None
    for value in (*finding.expected, *finding.found):
        assert f">{number(value)}</td>" in page
    assert 'id="pgverify-expected-' in page  # what it does to the gradient, drawn
    assert 'id="pgverify-problem-' in page


def test_sources_are_links(report: Report) -> None:
    page = bug_page(get("discount-dropped"), report)
    assert 'href="https://arxiv.org/abs/1906.07073"' in page
    assert 'href="https://github.com/pytorch/examples/issues/744"' in page


def test_hostile_entries_are_inert(report: Report) -> None:
    bug = replace(get("past-rewards"), slug=HOSTILE, cause=HOSTILE, cure=HOSTILE, note=HOSTILE, source=(HOSTILE,))
    page = bug_page(bug, report)
    assert "<img" not in page
    assert 'href="javascript' not in page
    assert "{{ 7*7 }}" in page


def test_the_page_of_all_entries_has_a_row_each(tmp_path: Path) -> None:
    write_catalogue_page(tmp_path / "all.html")
    page = (tmp_path / "all.html").read_text(encoding="utf-8")
    assert page.count('<th scope="row">') == len(CATALOGUE)
    for script in re.findall(r'(?:src|href)="(assets/[^"]*)"', page):
        assert (tmp_path / script).is_file()
    write_catalogue_page(tmp_path / "all.html", {bug.slug: "BIASED" for bug in CATALOGUE}, "bugs/")
    assert 'href="bugs/past-rewards.html"' in (tmp_path / "all.html").read_text(encoding="utf-8")


def test_a_folder_that_is_none_is_one_sentence(report: Report, tmp_path: Path) -> None:
    with pytest.raises(InvalidFile, match="a folder that exists"):
        write_bug_page(tmp_path / "none" / "page.html", get("past-rewards"), report)
