"""Pages of the catalogue: one of an entry, with its formula, its smallest example and what it does; and one of all."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pgverify.bugs import CATALOGUE, Bug, Effect, LossBug
from pgverify.bugs.formulas import FORMULAS
from pgverify.checking import Report
from pgverify.checking.pages.check_page import evidence_of
from pgverify.drawing.assets import table_assets
from pgverify.drawing.pages import page_environment, write_whole
from pgverify.errors import InvalidFile
from pgverify.language import LossReport
from pgverify.reporting.bug_pages import EFFECTS, source_code

HARMLESS = (Effect.INNOCENT, Effect.NOISIER, Effect.INVALID_COMPARISON)
"""Effects that leave the expectation as it should be."""


def bug_page(bug: Bug | LossBug, report: Report | LossReport, up: str = "") -> str:
    """Return the page of an entry as HTML text; the same entry and report give the same bytes.

    Parameters
    ----------
    bug : Bug or LossBug
    report : Report or LossReport
        What the oracle says about it.
    up : str
        The way to the page of all entries, where there is one.
    """
    effect, _, meaning = EFFECTS[bug.effect].partition(": ")
    return (
        page_environment("pgverify.reporting", "pgverify.checking")
        .get_template("bug.html")
        .render(
            bug=bug,
            up=up,
            effect=effect,
            meaning=meaning,
            harmless=bug.effect in HARMLESS,
            formulas=FORMULAS.get(bug.slug),
            code=source_code(bug),
            loss=isinstance(report, LossReport),
            **(evidence_of(report) if isinstance(report, Report) else _evidence_of_loss(report)),
        )
    )


def _evidence_of_loss(report: LossReport) -> dict[str, Any]:
    """Return what the page shows of a loss: groups of completions are no graph, and their estimand has a name."""
    return {
        "report": report,
        "tone": "good" if report.outcome.good else "warn" if report.outcome.exit_code == 3 else "bad",
        "invariants": [result for result in report.invariants if not result.holds],
        "compared": report.findings,
    }


def write_bug_page(path: Path, bug: Bug | LossBug, report: Report | LossReport, up: str = "") -> None:
    """Write the page of an entry; the folder is made where there is none below one that exists.

    Raises
    ------
    InvalidFile
        When it cannot be written.
    """
    if up:
        _folder(path.parent)
    write_whole(path, bug_page(bug, report, up))


def write_catalogue_page(path: Path, outcomes: Mapping[str, str] | None = None, pages: str = "") -> None:
    """Write the page of all entries, and beside it a folder with what sorts and filters its table.

    Parameters
    ----------
    path : Path
    outcomes : {slug: outcome}, optional
        What the oracle says of each.
    pages : str
        The way to the pages of the entries, where there are some.

    Raises
    ------
    InvalidFile
        When it cannot be written.
    """
    beside = path.parent / "assets"
    text = (
        page_environment("pgverify.reporting")
        .get_template("bugs.html")
        .render(entries=CATALOGUE, effects=EFFECTS, outcomes=outcomes, pages=pages, harmless=HARMLESS)
    )
    write_whole(path, text)
    _folder(beside)
    for name, data in table_assets().items():
        write_whole(beside / name, data)


def _folder(path: Path) -> None:
    try:
        path.mkdir(exist_ok=True)
    except OSError as reason:
        raise InvalidFile(f"{path} cannot be written: {reason.strerror or reason}") from None
