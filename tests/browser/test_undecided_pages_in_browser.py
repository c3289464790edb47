"""Pages of runs that failed and of losses in a real browser: they fit, everybody can read them, and nothing runs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from page_in_browser import opened, serious
from tiny_studies import write_study

from pgverify.checking.verdict.finding import Finding
from pgverify.checking.verdict.outcome import Outcome
from pgverify.language import LossReport
from pgverify.language.invariants import InvariantResult
from pgverify.language.loss_scope import LossScope, TreeScope
from pgverify.reporting.concluding import conclude
from pgverify.reporting.output import write_reports
from pgverify.running import make_workload, open_store, run_workloads, serial_pool
from pgverify.studies import load_study

HOSTILE = "<script>window.ran = true</script>"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a study half of whose cells failed, and the page of a loss."""
    root = tmp_path_factory.mktemp("undecided")
    body = f"    if n % 2: raise ValueError(f'matrix {{n}} of a_very_long_name_without_any_blank_in_it is {HOSTILE}')"
    workload = make_workload(*load_study(str(write_study(root, body=body, count=30))), seed=0, quick=False)
    with open_store(root / "out") as store:
        run_workloads([workload], store, serial_pool())
        conclude(store, [workload])
    write_reports(root / "out")
    finding = Finding("expectation", f"a-tree-{HOSTILE}", 8, (0.1, -0.2, 0.3), (0.4, -0.5, 0.6), 0.5, False)
    LossReport(
        Outcome.BIASED,
        f"the expectation is off ∇E[R] by up to 50% {HOSTILE}",
        "∇E[R]",
        "exhaustive",
        "relative rounding 1e-07",
        angle=20.0,
        findings=(finding,),
        invariants=(InvariantResult("the batch is split", False, 1.3, 20.0), InvariantResult("rows move", True)),
        warnings=("the result changes when the batch is split",),
        scope=LossScope(4, 1, "same", "numpy", True, False, False, (TreeScope(finding.problem, 1225, True, 0.0, 0.0),)),
    ).to_html(root / "out" / "loss.html", HOSTILE)
    return root / "out"


@pytest.mark.parametrize(("width", "scheme"), [(390, "dark"), (1280, "light")])
@pytest.mark.parametrize("name", ["index", "tiny/index", "loss"])
def test_they_fit_and_nothing_runs(browser: Any, axe: str, folder: Path, name: str, width: int, scheme: str) -> None:
    with opened(browser, folder / f"{name}.html", width, scheme) as (page, problems):
        page.evaluate("document.querySelectorAll('details').forEach(one => one.open = true)")
        page.wait_for_timeout(200)
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        assert page.evaluate("window.ran === undefined")
        assert serious(page, axe) == []
        assert problems == []


def test_every_failed_cell_is_in_the_table_and_one_box_tells_of_all(browser: Any, folder: Path) -> None:
    with opened(browser, folder / "tiny" / "index.html", 1280) as (page, _):
        assert page.locator("h1").inner_text() == "Nothing decided: 15 errors"
        assert page.locator(".warn.box").count() == 1
        assert page.locator("section:has(h2:text('Failed cells')) tbody tr").count() == 15
