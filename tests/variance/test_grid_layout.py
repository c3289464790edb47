"""Grids are recognised by their moves, and nothing else is taken for one."""

from __future__ import annotations

import numpy as np
import pytest

from pgverify import TabularMDP, mdps
from pgverify.variance.layout import grid_layout

GRIDS = ("frozen-lake-4x4", "frozen-lake-8x8", "cliff-walking", "gridworld-4x3")


@pytest.mark.parametrize(
    ("name", "rows", "columns"), [("frozen-lake-4x4", 4, 4), ("frozen-lake-8x8", 8, 8), ("cliff-walking", 4, 12)]
)
def test_grids_that_are_numbered_row_by_row(name: str, rows: int, columns: int) -> None:
    cells = grid_layout(mdps.get(name))
    assert cells is not None
    assert cells.tolist() == [[row, column] for row in range(rows) for column in range(columns)]


def test_a_grid_with_a_wall_is_followed_by_its_actions() -> None:
    """Russell and Norvig's world: eleven cells in reading order, none in the middle of the left half."""
    cells = grid_layout(mdps.get("gridworld-4x3"))
    assert cells is not None
    assert cells.tolist() == [[r, c] for r in range(3) for c in range(4) if (r, c) != (1, 1)]


@pytest.mark.parametrize(
    "name",
    [
        name
        for name in mdps.names()
        if name not in ("frozen-lake-4x4", "frozen-lake-8x8", "cliff-walking", "gridworld-4x3")
    ],
)
def test_what_is_no_grid_is_none(name: str) -> None:
    assert grid_layout(mdps.get(name)) is None


def test_one_move_too_far_and_it_is_no_grid() -> None:
    """A lake whose one cell throws its visitor to the other end."""
    lake = mdps.get("frozen-lake-4x4")
    transition = np.array(lake.transition)
    transition[6, 0] = 0.0
    transition[6, 0, 13] = 1.0
    assert grid_layout(TabularMDP(lake.start, transition, lake.reward, lake.terminal)) is None
