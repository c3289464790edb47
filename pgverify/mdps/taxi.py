"""Dietterich's taxi: fetch a passenger, deliver them, on a walled 5x5 grid."""

from __future__ import annotations

from itertools import product

import numpy as np

from pgverify.mdp import TabularMDP
from pgverify.mdps.named_mdp import Entry, KnownAnswer, finite_horizon
from pgverify.mdps.rows import Transition, from_rows

STANDS = ((0, 0), (0, 4), (4, 0), (4, 3))
"""Red, green, yellow, blue."""
RIDING = 4
"""The passenger's place when inside the taxi."""
DELIVERED = 500
"""The extra state that ends the episode."""
WALLS = frozenset({(0, 1), (1, 1), (3, 0), (4, 0), (3, 2), (4, 2)})
"""Cells with a wall on their east side."""


def taxi() -> TabularMDP:
    """Return the taxi problem: 500 states as Gymnasium numbers them, and state 500, the end."""
    start = np.zeros(501)
    rows: list[Transition] = []
    for row, column, passenger, destination in product(range(5), range(5), range(5), range(4)):
        state = _number(row, column, passenger, destination)
        if passenger not in (RIDING, destination):
            start[state] = 1.0 / 300.0
        for action in range(6):
            following, paid = _step(row, column, passenger, destination, action)
            rows.append((state, action, following, 1.0, paid))
    return from_rows(start, 6, rows, terminal=(DELIVERED,))


def _number(row: int, column: int, passenger: int, destination: int) -> int:
    return ((row * 5 + column) * 5 + passenger) * 4 + destination


def _step(row: int, column: int, passenger: int, destination: int, action: int) -> tuple[int, float]:
    """Return next state and reward: -1 a step, -10 for a forbidden pick-up or drop-off, 20 on delivery."""
    place = (row, column)
    paid = -1.0
    if action == 0:
        row = min(row + 1, 4)
    elif action == 1:
        row = max(row - 1, 0)
    elif action == 2:
        column += column < 4 and place not in WALLS
    elif action == 3:
        column -= column > 0 and (row, column - 1) not in WALLS
    elif action == 4:
        if passenger != RIDING and place == STANDS[passenger]:
            passenger = RIDING
        else:
            paid = -10.0
    elif passenger == RIDING and place == STANDS[destination]:
        return DELIVERED, 20.0
    elif passenger == RIDING and place in STANDS:
        passenger = STANDS.index(place)
    else:
        paid = -10.0
    return _number(row, column, passenger, destination), paid


TAXI = Entry(
    name="taxi",
    build=taxi,
    source=(
        "Dietterich (2000), Hierarchical reinforcement learning with the MAXQ value function decomposition, "
        "JAIR 13:227-303; numbered as Gymnasium's Taxi"
    ),
    description=(
        "State ((row·5 + column)·5 + passenger)·4 + destination, passenger 4 being in the taxi; actions "
        "south, north, east, west, pick up, drop off. Starts uniformly over the 300 states with the "
        "passenger waiting away from the destination. A step costs 1, a forbidden pick-up or drop-off 10, "
        "delivery pays 20 and leads to the extra state 500."
    ),
    answers=(
        KnownAnswer(
            statement="J = -(4 + 9.64 + 10)/6 = -3.94 for one step",
            objective=finite_horizon(1),
            policy="uniform",
            value=-3.94,
            derivation=(
                "four moves cost 1; the pick-up costs 1 in one of 25 places and else 10, on average 9.64; "
                "nobody rides yet, so the drop-off costs 10"
            ),
        ),
    ),
)
