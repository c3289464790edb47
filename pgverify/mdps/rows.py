"""Dense tables from a list of transitions: how the zoo writes its problems down."""

from __future__ import annotations

from collections.abc import Collection, Iterable

import numpy as np
from jaxtyping import Float
from numpy.typing import ArrayLike

from pgverify.mdp import TabularMDP
from pgverify.validation import Array

Transition = tuple[int, int, int, float, float]
"""State, action, next state, probability, reward."""


def from_rows(
    start: ArrayLike, num_actions: int, rows: Iterable[Transition], terminal: Collection[int] = ()
) -> TabularMDP:
    """Return the MDP with the listed transitions; terminal states absorb by themselves.

    P(s'|s,a) = Σ of the probabilities listed for (s, a, s'). Rewards stay zero where nothing is listed, so a
    table of few transitions remains sparse when it is saved.

    Parameters
    ----------
    start : [S]
        Initial distribution.
    num_actions : int
        A.
    rows : iterable of (state, action, next state, probability, reward)
        Rows for the same (s, a, s') add their probabilities and must agree on the reward.
    terminal : states
        Get probability one of staying, with reward zero; no row may leave them.

    Raises
    ------
    InvalidMDP
        When the rows do not make a Markov decision process.
    """
    begin = np.asarray(start, dtype=np.float64)
    states = begin.shape[0]
    transition = np.zeros((states, num_actions, states))
    reward = np.zeros_like(transition)
    for state, action, following, probability, paid in rows:
        transition[state, action, following] += probability
        reward[state, action, following] = paid
    ends = np.zeros(states, dtype=bool)
    ends[list(terminal)] = True
    transition[ends, :, ends] = 1.0
    return TabularMDP(begin, transition, reward, ends)


def point_mass(states: int, state: int) -> Float[Array, "S"]:
    """Return the distribution [S] that always starts in `state`."""
    start = np.zeros(states)
    start[state] = 1.0
    return start
