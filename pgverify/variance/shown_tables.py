"""Tables as the page shows them: spelled for reading, each number with the row and column of the file that holds it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pgverify.variance.table import COLUMNS, SAMPLED_COLUMNS, STORED_COLUMNS
from pgverify.variance.text import HEADINGS, SAMPLED_HEADINGS, STORED_HEADINGS, spelled

if TYPE_CHECKING:
    import pandas as pd

MOST_CELLS = 10_000
"""Numbers of a table on the page, which is to weigh at most two megabytes; all of them are in the file."""


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
    whole : int
        Rows of the file; the page shows the first of them.
    """

    file: str
    headings: list[tuple[str, str]]
    rows: list[list[ShownCell]]
    whole: int


def shown_table(file: str, table: pd.DataFrame, columns: Mapping[str, tuple[str, str]]) -> ShownTable:
    """Return a table as the page shows it: chosen columns, spelled for reading."""
    most = max(1, MOST_CELLS // max(1, len(columns)))
    rows = [
        [ShownCell(spelled(record[name]), place, name) for name in columns]
        for place, record in enumerate(table.head(most).to_dict("records"))
    ]
    return ShownTable(file, list(columns.values()), rows, len(table))


def estimators_shown(table: pd.DataFrame) -> ShownTable:
    """Return the table of estimators under short headings, each with its meaning; no bias where none can be known."""
    headings = {**HEADINGS, **SAMPLED_HEADINGS, **STORED_HEADINGS}
    meanings = {**COLUMNS, **SAMPLED_COLUMNS, **STORED_COLUMNS}
    known = [name for name in headings if name in table and (name != "relative_bias" or table[name].notna().any())]
    columns = {name: (headings[name], meanings[name]) for name in known}
    return shown_table("estimators", table, columns)


def facts_shown(table: pd.DataFrame) -> ShownTable:
    """Return the facts, by their meanings."""
    return shown_table("facts", table, {"meaning": ("fact", ""), "value": ("value", "")})


def sources_shown(table: pd.DataFrame) -> ShownTable:
    """Return the shares of the sources as percentages."""
    rows = [
        [
            ShownCell(str(value) if name == "estimator" else _percent(value), place, str(name))
            for name, value in row.items()
        ]
        for place, row in enumerate(table.to_dict("records"))
    ]
    return ShownTable("sources", [(str(name), "share of tr Cov[g]") for name in table.columns], rows, len(table))


def baselines_shown(table: pd.DataFrame) -> ShownTable:
    """Return the classes of baselines."""
    columns = {"meaning": ("what is subtracted", ""), "trace": ("tr Cov[g]", ""), "ratio_to_none": ("÷ none", "")}
    return shown_table("baselines", table, columns)


def plainly_shown(file: str, table: pd.DataFrame) -> ShownTable:
    """Return a table with all of its columns under their own names."""
    return shown_table(file, table, {str(name): (str(name).replace("_", " "), "") for name in table.columns})


def _percent(value: Any) -> str:
    return f"{100 * float(value):.2f} %"
