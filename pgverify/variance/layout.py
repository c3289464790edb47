"""Where the states of a grid lie, found from the moves alone: a picture is read faster than forty numbers."""

from __future__ import annotations

from itertools import permutations
from typing import TypeAlias

import numpy as np
from jaxtyping import Bool, Integer

from pgverify.mdp import TabularMDP
from pgverify.validation import Array

Layout: TypeAlias = Integer[Array, "S 2"]
"""Row and column of every state."""

DIRECTIONS = ((-1, 0), (0, 1), (1, 0), (0, -1))
FEWEST = 6
"""States below which almost anything could be drawn as a grid."""
WIDEST = 60
"""Columns of a picture whose cells can still be told apart."""


def grid_layout(mdp: TabularMDP) -> Layout | None:
    """Return the cells of the states where the dynamics are those of a walk on a grid, else None.

    Two ways to be a grid are known. Numbered row by row, with every move to a neighbour, to the start, or nowhere; and,
    where cells are missing, four actions whose likeliest moves are steps in four directions that lead nowhere twice.

    Parameters
    ----------
    mdp : TabularMDP
    """
    if mdp.num_states < FEWEST:
        return None
    found = _numbered_row_by_row(mdp)
    return _followed_by_actions(mdp) if found is None else found


def _moves(mdp: TabularMDP) -> tuple[Integer[Array, "m"], Integer[Array, "m"]]:
    """Return from where to where one can go, but for staying and for being put back to a start."""
    lists = mdp.successors
    source = np.nonzero(lists.weight > 0)[0]
    target = lists.successor[lists.weight > 0]
    counts = (source != target) & ~mdp.terminal[source]
    return source[counts], target[counts]


def _numbered_row_by_row(mdp: TabularMDP) -> Layout | None:
    states = mdp.num_states
    source, target = _moves(mdp)
    if not len(source):
        return None
    back = mdp.start[target] > 0
    for width in range(2, min(states // 2, WIDEST) + 1):
        if states % width:
            continue
        beside = (np.abs(target - source) == 1) & (target // width == source // width)
        above = np.abs(target - source) == width
        if (beside | above | back).all() and beside.any() and above.any() and (beside | above).mean() > 0.5:
            return np.stack(np.divmod(np.arange(states), width), axis=1)
    return None


def _followed_by_actions(mdp: TabularMDP) -> Layout | None:
    if mdp.num_actions != len(DIRECTIONS):
        return None
    likeliest, sure = _likeliest(mdp)
    for order in permutations(DIRECTIONS):
        cells = _followed(likeliest, sure, np.array(order))
        # A grid may be turned or mirrored: it is drawn in reading order, as it was written down.
        if cells is not None and (np.lexsort((cells[:, 1], cells[:, 0])) == np.arange(len(cells))).all():
            return cells
    return None


def _likeliest(mdp: TabularMDP) -> tuple[Integer[Array, "S A"], Bool[Array, "S A"]]:
    """Return the likeliest successor, and whether there is just one such that is a move."""
    lists = mdp.successors
    best = lists.weight.max(axis=2)
    where = np.take_along_axis(lists.successor, lists.weight.argmax(axis=2)[:, :, None], axis=2)[:, :, 0]
    one = (lists.weight > 0.5).any(axis=2) & (best > 0.5)
    moved = where != np.arange(mdp.num_states)[:, None]
    sure: Bool[Array, "S A"] = one & moved & ~mdp.terminal[:, None]
    return where, sure


def _followed(where: Integer[Array, "S A"], sure: Bool[Array, "S A"], steps: Integer[Array, "A 2"]) -> Layout | None:
    """Return the cells that every sure move agrees with, or None where they contradict each other."""
    states = len(where)
    cells = np.zeros((states, 2), dtype=np.int64)
    placed = np.zeros(states, dtype=bool)
    placed[0] = True
    waiting = [0]
    neighbours: dict[int, list[tuple[int, int, int]]] = {state: [] for state in range(states)}
    for state, action in zip(*np.nonzero(sure), strict=True):
        other, (down, right) = int(where[state, action]), steps[action]
        neighbours[int(state)].append((other, int(down), int(right)))
        neighbours[other].append((int(state), -int(down), -int(right)))
    while waiting:
        state = waiting.pop()
        for other, down, right in neighbours[state]:
            cell = cells[state] + (down, right)
            if not placed[other]:
                placed[other], cells[other] = True, cell
                waiting.append(other)
            elif (cells[other] != cell).any():
                return None
    if not placed.all() or len(np.unique(cells, axis=0)) < states:
        return None
    cells -= cells.min(axis=0)
    return cells if cells.max() < WIDEST and (cells.max(axis=0) > 0).all() else None
