"""Pages of faults, of the catalogue and of what changed, in a real browser: they fit, and everybody can read them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from page_in_browser import opened, serious, settled

import pgverify as pgv
from pgverify.bugs import get
from pgverify.reporting.against import Change, Differences
from pgverify.reporting.catalogue_pages import write_bug_page, write_catalogue_page
from pgverify.reporting.changes_page import write_changes_page


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("pages")
    problem = next(entry.problem for entry in pgv.suites.get("standard") if entry.name == "early-stop")
    report = pgv.check(get("past-rewards").implementation, problems=[problem], explore=0)
    write_bug_page(root / "bug.html", get("past-rewards"), report)
    write_catalogue_page(root / "catalogue.html")
    changes = [
        Change("one", f"{{'problem': 'a long name {number}'}} row 3 sampled", "0.1", "0.9", 10.0**-number)
        for number in range(20)
    ]
    write_changes_page(Differences(changes, 4_000, 20_000, 1e-3), root, Path("earlier"))
    return root


@pytest.mark.parametrize(("width", "scheme"), [(390, "light"), (1280, "dark")])
@pytest.mark.parametrize("name", ["bug", "catalogue", "changes"])
def test_they_fit_and_everybody_can_read_them(
    browser: Any, axe: str, pages: Path, name: str, width: int, scheme: str
) -> None:
    with opened(browser, pages / f"{name}.html", width, scheme) as (page, problems):
        page.wait_for_timeout(200)
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        assert serious(page, axe) == []
        assert problems == []


def test_the_catalogue_filters_and_keeps_its_links(browser: Any, pages: Path) -> None:
    with opened(browser, pages / "catalogue.html", 1280) as (page, _):
        page.wait_for_selector(".tabulator-row")
        page.fill(".results-filter", "past-rewards")
        slugs = page.locator(".tabulator-row [tabulator-field='c1']").all_text_contents
        assert settled(page, slugs, lambda now: now == ["past-rewards"]) == ["past-rewards"]
        page.fill(".results-filter", "discount-dropped")
        source, anchors = "https://arxiv.org/abs/1906.07073", page.locator(".tabulator-row a")

        def links() -> list[str]:
            return list(anchors.evaluate_all("all => all.map(one => one.href)"))

        assert source in settled(page, links, lambda now: source in now)
