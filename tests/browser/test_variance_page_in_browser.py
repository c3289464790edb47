"""The page of a variance report in a real browser: it fits, everybody can read it, nothing wrong on the console."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from page_in_browser import opened, serious, settled

import pgverify as pgv


@pytest.fixture(scope="module")
def page_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("page") / "variance.html"
    mdp = pgv.mdps.get("two-state-chain")
    policy = pgv.SoftmaxPolicy(np.zeros((mdp.num_states, mdp.num_actions)))
    pgv.variance_report(pgv.Problem(mdp, policy, pgv.FiniteHorizon(4, 0.9))).to_html(path)
    return path


@pytest.mark.parametrize(("width", "scheme"), [(390, "light"), (1280, "light"), (1280, "dark")])
def test_it_fits_and_everybody_can_read_it(browser: Any, axe: str, page_file: Path, width: int, scheme: str) -> None:
    with opened(browser, page_file, width, scheme) as (page, problems):
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        assert serious(page, axe) == []
        assert problems == []


def test_the_table_of_estimators_sorts_and_is_printed_as_it_was(browser: Any, page_file: Path) -> None:
    with opened(browser, page_file, 1280) as (page, problems):
        page.wait_for_selector(".tabulator-row")

        def column() -> list[float]:
            cells = page.locator("#estimators .tabulator-row [tabulator-field='c1']").all_text_contents()
            return [float(text.replace("−", "-").replace(",", "")) for text in cells]

        as_written = column()
        header = page.locator("#estimators .tabulator-col").nth(1)
        header.press("Enter")  # without a mouse
        ascending = sorted(as_written)
        assert settled(page, column, lambda now: now == ascending) == ascending != as_written
        assert not page.locator("#estimators table").is_visible()
        page.emulate_media(media="print")
        assert page.locator("#estimators table").is_visible()
        assert not page.locator("#estimators .tabulator").is_visible()
        assert problems == []


def test_what_is_missing_is_sorted_last_either_way(browser: Any, page_file: Path) -> None:
    """The column of trajectories has a dash where no number of them reaches the error."""
    with opened(browser, page_file, 1280) as (page, _):
        page.wait_for_selector(".tabulator-row")
        titles = page.locator("#estimators .tabulator-col-title").all_text_contents()
        place = titles.index("trajectories")
        cells = page.locator(f"#estimators .tabulator-row [tabulator-field='c{place}']")
        assert "–" in cells.all_text_contents()
        for _ in range(2):
            page.locator("#estimators .tabulator-col").nth(place).click()
            assert settled(page, cells.all_text_contents, lambda now: now[-1] == "–")[-1] == "–"


def test_figures_take_the_colours_of_the_scheme(browser: Any, page_file: Path) -> None:
    seen = {}
    for scheme in ("light", "dark"):
        with opened(browser, page_file, 1280, scheme) as (page, _):
            script = "getComputedStyle(document.querySelector('#sources svg path[style*=\"--action\"]')).fill"
            seen[scheme] = page.evaluate(script)
    assert seen["light"] != seen["dark"]
