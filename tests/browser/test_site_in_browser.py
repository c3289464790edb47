"""The documentation site in a real browser, opened from its files: search, tables, nothing wrong on the console.

It is what `make docs` has built; without it these tests are skipped.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from page_in_browser import opened, serious, settled

SITE = Path(__file__).parents[2] / "site"
PAGES = (
    "index.html",
    "tutorial.html",
    "oracle.html",
    "compared.html",
    "how-to/grpo.html",
    "mathematics/theorem.html",
    "tables/catalogue.html",
    "tables/problems.html",
    "reference/exact.html",
    "reference/index.html",
    "answers/baselines.html",
)
LOOKS = [(390, "dark"), (1280, "light")]

pytestmark = [pytest.mark.slow, pytest.mark.skipif(not SITE.is_dir(), reason="there is no site/: make docs builds it")]


@pytest.mark.parametrize(("width", "scheme"), LOOKS)
@pytest.mark.parametrize("page", PAGES[1:])
def test_it_fits_and_everybody_can_read_it(browser: Any, axe: str, page: str, width: int, scheme: str) -> None:
    with opened(browser, SITE / page, width, scheme) as (opened_page, problems):
        opened_page.wait_for_timeout(300)
        assert opened_page.evaluate("document.documentElement.scrollWidth") <= width
        assert serious(opened_page, axe) == []
        assert problems == []


@pytest.mark.parametrize(("width", "scheme"), [*LOOKS, (390, "light"), (1280, "dark")])
def test_the_first_page_fits_and_everybody_can_read_it(browser: Any, axe: str, width: int, scheme: str) -> None:
    test_it_fits_and_everybody_can_read_it(browser, axe, PAGES[0], width, scheme)


def found(page: Any, words: str) -> Any:
    """Type words into the search; return the line that counts the results, which stands in a shadow tree."""
    field = page.locator("input[aria-label='Search']")

    def opened_by_key() -> bool:
        if not field.is_visible():  # a script that is still being loaded hears no keys
            page.keyboard.press("/")
            page.wait_for_timeout(500)
        return bool(field.is_visible())

    assert settled(page, opened_by_key, bool)
    field.fill("")
    page.keyboard.type(words)
    return page.get_by_text(re.compile(r"^\s*[1-9]\d* results?\s*$")).first


def test_search_works_from_a_file(browser: Any) -> None:
    with opened(browser, SITE / "reference" / "exact.html", 1280) as (page, problems):
        found(page, "leave-one-out").wait_for(timeout=60_000)
        assert page.get_by_text("Moments and baselines").count() > 0
        assert problems == []


def test_search_finds_nothing_where_there_is_nothing(browser: Any) -> None:
    with opened(browser, SITE / "index.html", 1280) as (page, _):
        line = found(page, "zzznosuchword")
        page.wait_for_timeout(5_000)
        assert line.count() == 0


def test_a_table_sorts_and_filters(browser: Any) -> None:
    with opened(browser, SITE / "tables" / "problems.html", 1280) as (page, problems):

        def states() -> list[int]:
            return [
                int(text)
                for text in page.locator(".browsable tbody tr:not([hidden]) td:nth-child(2)").all_text_contents()
            ]

        before = states()
        page.get_by_role("button", name="states").click()
        assert states() == sorted(before) != before
        page.get_by_role("button", name="states").press("Enter")  # without a mouse
        assert states() == sorted(before, reverse=True)
        page.fill(".browsable-filter", "no such word")
        assert states() == []
        assert "0 of" in page.inner_text(".browsable-count")
        assert problems == []


def test_formulas_are_drawn(browser: Any) -> None:
    with opened(browser, SITE / "mathematics" / "theorem.html", 1280) as (page, _):
        sizes = page.evaluate("[...document.querySelectorAll('math')].map(one => one.getBoundingClientRect().height)")
        assert len(sizes) > 20
        assert min(sizes) > 5
