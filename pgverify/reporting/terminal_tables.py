"""Tables on a terminal: text is folded to its width, a number never; where it is too narrow, lines are longer."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:  # imported by the functions that draw: plain output needs none
    from rich.console import Console
    from rich.table import Table


SLACK = 2
"""Characters a column beyond the least: with fewer, widths are not left to rich."""


def empty_table(*numbers: str) -> Table:
    """Return a table without rows, with columns of numbers under these headings."""
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD)
    for heading in numbers:
        table.add_column(heading, justify="right")
    return table


def print_table(table: Table, console: Console | None = None) -> None:
    """Print a table, as wide as its longest words and numbers need where the terminal is narrower.

    rich squeezes every column into the width, and shows 9.6349245e-05 as 9.6349245e…: wrong by orders of magnitude.
    """
    from rich.console import Console

    for column in table.columns:
        texts = [str(text) for text in (column.header, *column.cells)]
        pieces = texts if column.no_wrap else [word for text in texts for word in text.split()]
        column.min_width = max(map(len, pieces), default=0)
    given = console or Console()
    # A space on either side of each column, and a stroke between them and at both ends.
    needed = 1 + sum((column.min_width or 0) + 3 for column in table.columns)
    if given.width < needed + SLACK * len(table.columns):  # rich would share out too little unevenly
        for column in table.columns:
            column.width = column.min_width
    given.width = max(given.width, needed)
    given.print(table)
