"""Tables on a terminal: no number is cut at any width."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from pgverify.reporting.terminal_tables import empty_table, print_table

NUMBERS = ("9.6349245e-05", "-1.2345678e-300", "15,274", "0.12303113")


def printed(width: int, squeezed: bool = False) -> str:
    table = empty_table("state", "∂J/∂θ(·,0)", "trajectories for 5 %", "tr Cov of one trajectory")
    table.add_row(*NUMBERS)
    console = Console(file=io.StringIO(), width=width)
    if squeezed:
        console.print(table)
    else:
        print_table(table, console)
    file = console.file
    assert isinstance(file, io.StringIO)
    return file.getvalue()


@pytest.mark.parametrize("width", [20, 40, *range(60, 100), 120, 200])
def test_no_number_is_cut(width: int) -> None:
    text = printed(width)
    assert "…" not in text
    assert all(number in text for number in NUMBERS)


def test_a_squeezed_table_cuts_them() -> None:
    """Negative control: what rich does by itself."""
    text = printed(20, squeezed=True)
    assert not all(number in text for number in NUMBERS)
