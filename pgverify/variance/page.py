"""The page of a report: the answer first, then the table, the pictures, and where every number can be found."""

from __future__ import annotations

from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING

from pgverify.drawing.assets import table_assets
from pgverify.drawing.pages import page_environment, write_whole
from pgverify.errors import InvalidFile
from pgverify.variance.contents import ReportContents
from pgverify.variance.page_figures import page_figures
from pgverify.variance.shown_tables import (
    ShownTable,
    baselines_shown,
    estimators_shown,
    facts_shown,
    plainly_shown,
    sources_shown,
)
from pgverify.variance.text import spelled

if TYPE_CHECKING:
    import pandas as pd

TABLES = ("estimators", "facts", "sources", "shares", "baselines", "curves", "states")
"""The CSV files that a page may have."""

AFTER = "than reward-to-go, "
"""Where the recommendation goes on with what only some need: the heading of the page ends before."""

EXPECTED_COSINE = (
    r"\cos \approx \frac{m_\parallel}{\sqrt{m_\parallel^2 + |m_\perp|^2 + \frac{1}{N} \mathrm{tr}\, \Sigma_\perp}}, "
    r"\quad m = E\, g"
)


def write_page(report: ReportContents, path: Path) -> Path:
    """Write the page, and a folder beside it with the CSV files and what sorts tables; the same report, the same bytes.

    Raises
    ------
    InvalidFile
        When something cannot be written.
    """
    folder = path.with_name(f"{path.stem}-tables")
    tables = report.tables()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name in TABLES:  # a table that the report no longer has must not look current
            if name not in tables:
                (folder / f"{name}.csv").unlink(missing_ok=True)
    except OSError as reason:
        raise InvalidFile(f"{folder} cannot be written: {reason.strerror or reason}") from None
    for name, table in tables.items():
        buffer = StringIO()
        table.to_csv(buffer, index=False, lineterminator="\n")  # floats as `repr` has them: no bit is lost
        write_whole(folder / f"{name}.csv", buffer.getvalue())
    for asset, data in table_assets().items():
        write_whole(folder / asset, data)
    write_whole(path, render(report, folder.name))
    return path


def render(report: ReportContents, folder: str) -> str:
    """Return the page as HTML.

    Parameters
    ----------
    report : ReportContents
    folder : str
        Where the tables are, seen from the page.
    """
    tables = report.tables()
    heading, instead = _split(report.recommendation)
    return (
        page_environment("pgverify.variance")
        .get_template("variance.html")
        .render(
            report=report,
            heading=heading,
            instead=instead,
            folder=folder,
            tables=tables,
            estimators=estimators_shown(report.table),
            facts=facts_shown(tables["facts"]),
            sources=sources_shown(tables["sources"]) if "sources" in tables else None,
            baselines=baselines_shown(tables["baselines"]) if "baselines" in tables else None,
            long=_long(tables),
            figures=page_figures(report),
            asked=_asked(report),
            cosine=EXPECTED_COSINE,
        )
    )


def notebook_fragment(report: ReportContents) -> str:
    """Return the answer and the table as HTML that stands in anybody's page, with its style and without files."""
    heading, instead = _split(report.recommendation)
    template = page_environment("pgverify.variance").get_template("variance-notebook.html")
    return template.render(
        report=report,
        heading=heading,
        instead=instead,
        estimators=estimators_shown(report.table),
        asked=_asked(report),
    )


def _long(tables: dict[str, pd.DataFrame]) -> list[ShownTable]:
    """Return the tables behind the figures."""
    return [plainly_shown(name, tables[name]) for name in ("shares", "states", "curves") if name in tables]


def _split(recommendation: str) -> tuple[str, str]:
    """Return a recommendation as a heading and the rest of the sentence, both begun like sentences."""
    first, found, rest = recommendation.partition(AFTER)
    heading = f"{first}{found.removesuffix(', ')}" if found else recommendation.removesuffix(".")
    return heading[:1].upper() + heading[1:], rest[:1].upper() + rest[1:]


def _asked(report: ReportContents) -> str:
    facts = report.facts
    return (
        f"Cosine: to be expected of a batch of {spelled(facts['batch_size'])}. Trajectories and steps: for an error of "
        f"{100 * facts['relative_error']:g} % of |∇J| with {100 * facts['confidence']:g} % confidence."
    )
