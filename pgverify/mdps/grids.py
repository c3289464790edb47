"""Walks on a grid: Russell & Norvig's world, the cliff, the frozen lake."""

from __future__ import annotations

from functools import partial

import numpy as np

from pgverify.mdp import TabularMDP
from pgverify.mdps.named_mdp import LONG, Entry, KnownAnswer, choose, finite_horizon
from pgverify.mdps.rows import Transition, from_rows, point_mass

Square = tuple[int, int]

UP, RIGHT, DOWN, LEFT = (-1, 0), (0, 1), (1, 0), (0, -1)
CLOCKWISE = (UP, RIGHT, DOWN, LEFT)
"""The order of the actions in `gridworld-4x3` and `cliff-walking`; neighbours are at right angles."""
LAKE_MOVES = (LEFT, DOWN, RIGHT, UP)
"""The order of the actions on the frozen lake, as Gymnasium numbers them."""

LAKE_4X4 = ("SFFF", "FHFH", "FFFH", "HFFG")
LAKE_8X8 = (
    "SFFFFFFF",
    "FFFFFFFF",
    "FFFHFFFF",
    "FFFFFHFF",
    "FFFHFFFF",
    "FHHFFFHF",
    "FHFFHFHF",
    "FFFHFFFG",
)
"""S start, F ice, H hole, G goal: the published maps."""


def gridworld_4x3() -> TabularMDP:
    """Return the 4x3 world: a move strays to either side with 0.1, costs 0.04; exits pay +1 and -1."""
    cells = [(r, c) for r in range(3) for c in range(4) if (r, c) != (1, 1)]
    number = {cell: i for i, cell in enumerate(cells)}
    exits = {(0, 3): 1.0, (1, 3): -1.0}
    rows: list[Transition] = []
    for cell in cells:
        if cell in exits:
            continue
        for action in range(4):
            for turn, probability in ((0, 0.8), (-1, 0.1), (1, 0.1)):
                r, c = _moved(cell, CLOCKWISE[(action + turn) % 4])
                following = (r, c) if (r, c) in number else cell
                rows.append((number[cell], action, number[following], probability, -0.04 + exits.get(following, 0.0)))
    start = point_mass(len(cells), number[2, 0])
    return from_rows(start, 4, rows, terminal=[number[cell] for cell in exits])


def cliff_walking() -> TabularMDP:
    """Return the 4x12 cliff: a step costs 1, a step over the edge 100 and leads back to the start."""
    start, goal = (3, 0), (3, 11)
    rows: list[Transition] = []
    for state in range(48):
        cell = divmod(state, 12)
        if cell == goal:
            continue
        for action, move in enumerate(CLOCKWISE):
            row, column = _clipped(cell, move, 4, 12)
            falls = row == 3 and 0 < column < 11
            following = start if falls else (row, column)
            rows.append((state, action, 12 * following[0] + following[1], 1.0, -100.0 if falls else -1.0))
    return from_rows(point_mass(48, 36), 4, rows, terminal=(47,))


def frozen_lake(plan: tuple[str, ...], slippery: bool = True) -> TabularMDP:
    """Return the lake drawn by `plan`: on slippery ice a move goes each way but backwards with 1/3.

    Parameters
    ----------
    plan : rows of letters
        S start, F ice, H hole, G goal. Holes and goals are terminal; entering a goal pays 1.
    slippery : bool
        Whether a move may turn 90° to either side.
    """
    letters = "".join(plan)
    height, width = len(plan), len(plan[0])
    turns = (-1, 0, 1) if slippery else (0,)
    rows: list[Transition] = []
    for state, letter in enumerate(letters):
        if letter in "HG":
            continue
        for action in range(4):
            for turn in turns:
                r, c = _clipped(divmod(state, width), LAKE_MOVES[(action + turn) % 4], height, width)
                following = r * width + c
                rows.append((state, action, following, 1.0 / len(turns), float(letters[following] == "G")))
    start = np.array([letter == "S" for letter in letters], dtype=np.float64)
    ends = [state for state, letter in enumerate(letters) if letter in "HG"]
    return from_rows(start / start.sum(), 4, rows, terminal=ends)


def _moved(cell: Square, move: Square) -> Square:
    return cell[0] + move[0], cell[1] + move[1]


def _clipped(cell: Square, move: Square, height: int, width: int) -> Square:
    row, column = _moved(cell, move)
    return min(max(row, 0), height - 1), min(max(column, 0), width - 1)


GRIDWORLD_4X3 = Entry(
    name="gridworld-4x3",
    build=gridworld_4x3,
    source=("Russell & Norvig (2010), Artificial Intelligence: A Modern Approach, 3rd edition, figures 17.1-17.3"),
    description=(
        "Eleven cells in three rows (top row first, without the wall), actions up, right, down, left; starts "
        "bottom left. A move goes as meant with 0.8, to either side with 0.1, and stays put at a wall. Every "
        "step costs 0.04; entering the top right exit pays 1 more, the exit below it -1."
    ),
    answers=(
        KnownAnswer(
            statement="J of the optimal policy = .705",
            objective=finite_horizon(LONG),
            # Top row: right, right, right; middle: up, up; bottom: up, left, left, left. Exits: anything.
            policy=choose((1, 1, 1, 0, 0, 0, 0, 0, 3, 3, 3), 4),
            value=0.705,
            derivation="the utility of the start printed in the book's figure 17.3, rounded to three digits",
            tolerance=5e-4,
        ),
        KnownAnswer(
            statement="J = -0.04·3 = -0.12 over three steps",
            objective=finite_horizon(3),
            policy="uniform",
            value=-0.12,
            derivation="the nearest exit, the one that pays -1, is four steps away, so three steps only cost",
        ),
    ),
)

CLIFF_WALKING = Entry(
    name="cliff-walking",
    build=cliff_walking,
    source=("Sutton & Barto (2018), Reinforcement Learning: An Introduction, example 6.6; Gymnasium CliffWalking-v1"),
    description=(
        "48 cells, row by row; actions up, right, down, left; starts bottom left, ends bottom right. Each "
        "step costs 1; a step onto the cliff between them costs 100 and leads back to the start."
    ),
    answers=(
        KnownAnswer(
            statement="J = -13 along the edge",
            objective=finite_horizon(100),
            # Up from the bottom row, right along the others, down in the last column.
            policy=choose(tuple(0 if s >= 36 else 2 if s % 12 == 11 else 1 for s in range(48)), 4),
            value=-13.0,
            derivation="one step up, eleven right, one down, each costing 1",
        ),
        KnownAnswer(
            statement="J = -(1 + 1 + 1 + 100)/4 = -25.75 for one step",
            objective=finite_horizon(1),
            policy="uniform",
            value=-25.75,
            derivation="from the start only the move to the right falls off",
        ),
    ),
)

FROZEN_LAKE_4X4 = Entry(
    name="frozen-lake-4x4",
    build=partial(frozen_lake, LAKE_4X4),
    source="Gymnasium FrozenLake-v1, map 4x4, is_slippery=True",
    description=(
        "16 cells, row by row; actions left, down, right, up; each move goes as meant or to either side with "
        "1/3. Holes and the goal end the episode; only entering the goal pays, 1."
    ),
    answers=(
        KnownAnswer(
            statement="J = 14/17 for the optimal policy",
            objective=finite_horizon(LONG),
            policy=choose((0, 3, 3, 3, 0, 0, 0, 0, 3, 1, 0, 0, 0, 2, 1, 0), 4),
            value=14 / 17,
            derivation=(
                "cells 0-4 and 8 never meet a hole before cell 9, so all share v = V(9); 2v = V13 + V10, 2 "
                "V13 = V14 + v, 2 V14 = V13 + 1, 3 V10 = V6 + v + V14, 3 V6 = v + V10: V14 = (v+2)/3, V13 = "
                "(2v+1)/3, V10 = (4v-1)/3, V6 = (7v-1)/9, and 17 v = 14"
            ),
        ),
        KnownAnswer(
            statement="J = 3/4096 within six steps",
            objective=finite_horizon(6),
            policy="uniform",
            value=3 / 4096,
            derivation=(
                "the uniform policy goes each way with 1/4; six steps reach the goal only along a shortest "
                "path, and three of those avoid the holes"
            ),
        ),
    ),
)

FROZEN_LAKE_8X8 = Entry(
    name="frozen-lake-8x8",
    build=partial(frozen_lake, LAKE_8X8),
    source="Gymnasium FrozenLake-v1, map 8x8, is_slippery=True",
    description="64 cells, row by row; otherwise as frozen-lake-4x4.",
    answers=(
        KnownAnswer(
            statement="J = 107/4^14 within fourteen steps",
            objective=finite_horizon(14),
            policy="uniform",
            value=107 / 4**14,
            derivation=(
                "as on the small lake: 107 of the shortest paths avoid the holes (the last row of the count "
                "of paths reads 1 1 1 0 0 30 30 107)"
            ),
            tolerance=1e-18,
        ),
        KnownAnswer(
            statement="J = 1 for the patient policy: up in the top row, right in the last column",
            objective=finite_horizon(LONG),
            policy=choose(tuple(2 if s % 8 == 7 else 3 for s in range(64)), 4),
            value=1.0,
            derivation=(
                "up in the top row moves left, stays or moves right, right in the last column moves up, "
                "stays or moves down: neither line has a hole, so the walk ends at the goal for sure; the "
                "slower line survives a step with 1 - (2/3)(1 - cos(π/15)) = 0.985, and 0.985^3000 < 1e-19"
            ),
        ),
    ),
)
