"""The page of a report: the answer first, then the table, the pictures, and where every number can be found."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pgverify.errors import InvalidFile
from pgverify.variance.contents import ReportContents
from pgverify.variance.lineup import REFERENCE
from pgverify.variance.recommendation import best_row
from pgverify.variance.table import COLUMNS, SAMPLED_COLUMNS, STORED_COLUMNS
from pgverify.variance.text import HEADINGS, SAMPLED_HEADINGS, STORED_HEADINGS, spelled
from pgverify.variance.written import write_whole

if TYPE_CHECKING:
    import pandas as pd
    from jinja2 import Environment
    from matplotlib.figure import Figure

TABLES = ("estimators", "facts", "sources", "shares", "baselines", "curves", "states")
"""The CSV files that a page may have."""


@dataclass(frozen=True)
class ShownCell:
    """A number on the page: how it is spelled, and the row and column of the CSV file that holds all of its digits."""

    text: str
    row: int
    column: str


@dataclass(frozen=True)
class ShownTable:
    """A table on the page.

    Attributes
    ----------
    file : str
        The CSV file, without its ending.
    headings : list of (heading, meaning)
    rows : list of lists of ShownCell
    """

    file: str
    headings: list[tuple[str, str]]
    rows: list[list[ShownCell]]


@dataclass(frozen=True)
class ShownFigure:
    """A figure on the page, embedded, with what it shows and the file that holds its numbers."""

    data: str
    width: int
    words: str
    caption: str
    file: str


def write_page(report: ReportContents, path: Path) -> Path:
    """Write the page, and the CSV files into a folder beside it; the same report gives the same bytes.

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
    return (
        _environment()
        .get_template("variance.html")
        .render(
            report=report,
            folder=folder,
            tables=tables,
            estimators=shown_table("estimators", report.table, _columns(report.table)),
            facts=_facts(tables["facts"]),
            sources=_percentages(tables.get("sources")),
            baselines=_baselines(tables.get("baselines")),
            figures=_figures(report),
            asked=_asked(report),
        )
    )


def notebook_fragment(report: ReportContents) -> str:
    """Return the answer and the table as HTML that stands in anybody's page, without style sheet or files."""
    table = shown_table("estimators", report.table, _columns(report.table))
    template = _environment().get_template("variance-notebook.html")
    return template.render(report=report, estimators=table, asked=_asked(report))


def _asked(report: ReportContents) -> str:
    facts = report.facts
    return (
        f"Cosine: to be expected of a batch of {spelled(facts['batch_size'])}. Trajectories and steps: for an error of "
        f"{100 * facts['relative_error']:g} % of |∇J| with {100 * facts['confidence']:g} % confidence."
    )


def _columns(table: pd.DataFrame) -> Mapping[str, tuple[str, str]]:
    headings = {**HEADINGS, **SAMPLED_HEADINGS, **STORED_HEADINGS}
    meanings = {**COLUMNS, **SAMPLED_COLUMNS, **STORED_COLUMNS}
    return {name: (headings[name], meanings[name]) for name in headings if name in table}


def shown_table(file: str, table: pd.DataFrame, columns: Mapping[str, tuple[str, str]]) -> ShownTable:
    """Return a table as the page shows it: chosen columns, spelled for reading."""
    rows = [
        [ShownCell(spelled(record[name]), place, name) for name in columns]
        for place, record in enumerate(table.to_dict("records"))
    ]
    return ShownTable(file, list(columns.values()), rows)


def _facts(table: pd.DataFrame) -> ShownTable:
    return shown_table("facts", table, {"meaning": ("fact", ""), "value": ("value", "")})


def _percentages(table: pd.DataFrame | None) -> ShownTable | None:
    if table is None:
        return None
    rows = [
        [
            ShownCell(_percent(value) if name != "estimator" else str(value), place, str(name))
            for name, value in row.items()
        ]
        for place, row in enumerate(table.to_dict("records"))
    ]
    return ShownTable("sources", [(str(name), "share of tr Cov[g]") for name in table.columns], rows)


def _percent(value: Any) -> str:
    return f"{100 * float(value):.2f} %"


def _baselines(table: pd.DataFrame | None) -> ShownTable | None:
    if table is None:
        return None
    columns = {"meaning": ("what is subtracted", ""), "trace": ("tr Cov[g]", ""), "ratio_to_none": ("÷ none", "")}
    return shown_table("baselines", table, columns)


def _figures(report: ReportContents) -> dict[str, ShownFigure]:
    from pgverify.variance.drawn_curves import batch_figure, critic_figure
    from pgverify.variance.drawn_maps import maps_of_states
    from pgverify.variance.drawn_overview import costs_figure
    from pgverify.variance.drawn_shares import shares_over_time

    best = best_row(report.table)
    recommended = None if best is None else str(best["estimator"])
    found = {"costs": _figure(costs_figure(report), "estimators", "Ratio of traces, on a logarithmic axis.")}
    if len(report.shares):
        drawn = shares_over_time(report.shares, [REFERENCE, *([recommended] if recommended else [])])
        found["shares"] = _figure(drawn, "shares", "Left all estimators; right, over time, two of them.")
    if len(report.maps):
        drawn = maps_of_states(report.maps, recommended)
        found["maps"] = _figure(drawn, "states", "Units of reward, and of reward per unit of θ; grey: terminal states.")
    knobs = critic_figure(report.curves, float(report.facts["reward_to_go_trace"]))
    if knobs is not None:
        caption = "γ^t kept; dotted: reward-to-go without a critic. The wrong critic is 20 % too small everywhere."
        found["critics"] = _figure(knobs, "curves", caption)
    sizes = batch_figure(report.curves, report.facts)
    if sizes is not None:
        found["sizes"] = _figure(sizes, "curves", "Dotted: the error, and the batch, that were asked for.")
    return found


def _figure(figure: Figure, file: str, caption: str) -> ShownFigure:
    from pgverify.reporting.images import description
    from pgverify.variance.svg import svg

    data = b64encode(svg(figure)).decode()
    return ShownFigure(data, round(100 * figure.get_figwidth()), description(file, figure), caption, file)


def _environment() -> Environment:
    from jinja2 import Environment, PackageLoader, StrictUndefined

    return Environment(
        loader=PackageLoader("pgverify.reporting"),  # one style sheet for all pages
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
