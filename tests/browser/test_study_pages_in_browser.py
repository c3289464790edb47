"""The pages of studies in a real browser: tables sort and filter, cards on a phone, nothing wrong on the console."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from page_in_browser import opened, serious, settled
from tiny_studies import write_study

from pgverify.reporting.concluding import conclude
from pgverify.reporting.output import write_reports
from pgverify.running import make_workload, open_store, run_workloads, serial_pool
from pgverify.studies import load_study


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("studies")
    workloads = [
        make_workload(*load_study(str(write_study(root, name))), seed=0, quick=False) for name in ("one", "two")
    ]
    with open_store(root / "out") as store:
        run_workloads(workloads, store, serial_pool())
        conclude(store, workloads)
    write_reports(root / "out")
    return root / "out"


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1280])
def test_pages_fit_and_everybody_can_read_them(browser: Any, axe: str, folder: Path, width: int, scheme: str) -> None:
    for name in ("index.html", "one/index.html"):
        with opened(browser, folder / name, width, scheme) as (page, problems):
            page.evaluate("document.querySelectorAll('details').forEach(one => one.open = true)")
            page.wait_for_timeout(200)
            assert page.evaluate("document.documentElement.scrollWidth") <= width
            assert serious(page, axe) == []
            assert problems == []


def test_the_table_sorts_and_filters(browser: Any, folder: Path) -> None:
    """Six cells of three rows: the column x holds numbers, among them some that sort otherwise as text."""
    with opened(browser, folder / "one" / "index.html", 1280) as (page, problems):
        page.evaluate("document.querySelector('section details').open = true")
        page.wait_for_selector(".tabulator-row")

        def column() -> list[float]:
            cells = page.locator(".tabulator-row .tabulator-cell:first-child").all_text_contents()
            return [float(text.replace("−", "-")) for text in cells]

        header = page.locator(".tabulator-col").first
        header.click()
        ascending = settled(page, column, lambda now: now == sorted(now))
        assert ascending == sorted(ascending)
        header.press("Enter")  # without a mouse
        descending = sorted(ascending, reverse=True)
        assert settled(page, column, lambda now: now == descending) == descending
        page.fill(".results-filter", "no such word")
        assert settled(page, column, lambda now: not now) == []
        assert problems == []


def test_on_a_phone_a_claim_is_a_card(browser: Any, folder: Path) -> None:
    script = "getComputedStyle(document.querySelector('.claims tr[id]')).display"
    with opened(browser, folder / "one" / "index.html", 390) as (page, _):
        assert page.evaluate(script) == "block"
    with opened(browser, folder / "one" / "index.html", 1280) as (page, _):
        assert page.evaluate(script) == "table-row"
