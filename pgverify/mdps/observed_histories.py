"""Histories: what is seen of a process, step by step, as an MDP of its own."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from jaxtyping import Bool, Float
from numpy.typing import ArrayLike

from pgverify.arrays import integers
from pgverify.errors import InvalidInput, TooLarge
from pgverify.kinds import accepts
from pgverify.mdp import MDP, TabularMDP
from pgverify.validation import Array, require_integer, require_shape

MOST_HISTORIES = 20_000
"""States: each carries a belief over those of the process."""


@accepts(mdp=MDP)
def history(mdp: TabularMDP, observation: ArrayLike, horizon: int) -> TabularMDP:
    """Return the MDP whose states are the histories (o_0, a_0, o_1, …, o_t) of a process that is seen in part.

    With the belief b_h(s) = P(s_t = s | h), which no policy affects as its actions are part of h:

        P(h a o'|h, a) = Σ_s b_h(s) Σ_s' P(s'|s,a) 1{o(s') = o'},   b_hao'(s') ∝ Σ_s b_h(s) P(s'|s,a) 1{o(s') = o'}

    A policy that depends on the history is a table here, and every recursion in `exact` applies to it. Rewards are
    means given h, a and o': J and ∇J are exact, while variances leave out what the history does not tell of a reward.

    States are ordered by time, then by the history before, the action and the observation; `histories` lists them. The
    last state is the end, which is terminal: entered where the process enters a terminal state, whatever that looks
    like, and after `horizon` steps. It is made for `FiniteHorizon(horizon)`.

    Parameters
    ----------
    mdp : TabularMDP
    observation : [S] of int
        What is seen of each state.
    horizon : int
        T, steps: histories hold at most T observations.

    Raises
    ------
    InvalidInput
        When there is not one observation a state, or the horizon is below 1.
    TooLarge
        When there are more than 20,000 histories.
    """
    tree = _tree(mdp, observation, horizon)
    return TabularMDP(tree.start(), *tree.tables(), np.arange(tree.count + 1) == tree.count)


@accepts(mdp=MDP)
def histories(mdp: TabularMDP, observation: ArrayLike, horizon: int) -> list[tuple[int, ...]]:
    """Return (o_0, a_0, o_1, …, o_t) for every state of `history(mdp, observation, horizon)` but the last, the end.

    Parameters and errors as for `history`.
    """
    return _tree(mdp, observation, horizon).labels


@dataclass(frozen=True, eq=False)
class _Tree:
    """What grows from the start: histories with their probabilities, and transitions in the order of their rows."""

    actions: int
    chances: list[float]
    labels: list[tuple[int, ...]] = field(default_factory=list)
    rows: list[int] = field(default_factory=list)
    targets: list[int] = field(default_factory=list)
    weights: list[float] = field(default_factory=list)
    means: list[float] = field(default_factory=list)

    @property
    def count(self) -> int:
        """The number of histories, and the index of the end."""
        return len(self.labels)

    def start(self) -> Float[Array, "H"]:
        """Return the probabilities of the first histories; what is left starts at the end."""
        start = np.zeros(self.count + 1)
        start[: len(self.chances) - 1] = self.chances[:-1]
        start[-1] = self.chances[-1]
        return start / start.sum()

    def tables(self) -> tuple[Any, Any]:
        """Return the sparse tables of the transitions and of the rewards."""
        from scipy.sparse import csr_array  # imported late, as everywhere

        size, actions = self.count + 1, self.actions
        ends = np.arange(self.count * actions, size * actions)
        row = np.concatenate([np.array(self.rows, dtype=np.int64), ends])
        found = np.array(self.targets, dtype=np.int64)
        column = np.concatenate([np.where(found < 0, self.count, found), np.full(actions, self.count)])
        weight = np.concatenate([self.weights, np.ones(actions)])
        weight /= np.bincount(row, weight)[row]  # sums of hundreds of rounded products
        paid = np.concatenate([self.means, np.zeros(actions)])
        shape = (size * actions, size)
        return csr_array((weight, (row, column)), shape=shape), csr_array((paid, (row, column)), shape=shape)


END = -1
"""Stands for the end while the histories are still being counted."""


def _tree(mdp: TabularMDP, observation: ArrayLike, horizon: int) -> _Tree:
    seen = integers("observation", observation, InvalidInput)
    require_shape("observation", seen, (mdp.num_states,), "[S], one a state", InvalidInput)
    steps = require_integer("horizon", horizon, 1, InvalidInput, " step")
    looks = [seen == value for value in np.unique(seen)]
    names = [int(value) for value in np.unique(seen)]
    running = ~mdp.terminal
    first = [
        (name, running & look) for name, look in zip(names, looks, strict=True) if mdp.start[running & look].sum() > 0
    ]
    tree = _Tree(
        mdp.num_actions, [*(float(mdp.start[where].sum()) for _, where in first), float(mdp.start[~running].sum())]
    )
    level = [((name,), np.where(where, mdp.start, 0.0) / mdp.start[where].sum()) for name, where in first]
    chance = mdp.successors.dense
    paid = chance * mdp.successors.spread(mdp.paid)
    for step in range(steps):
        tree.labels.extend(label for label, _ in level)
        following: list[tuple[tuple[int, ...], Float[Array, "S"]]] = []
        before = tree.count - len(level)
        for place, (label, belief) in enumerate(level):
            reached, earned = np.tensordot(belief, chance, axes=1), np.tensordot(belief, paid, axes=1)
            for action in range(mdp.num_actions):
                row = (before + place) * mdp.num_actions + action
                for name, where in _branches(names, looks, running, step + 1 == steps):
                    mass = float(reached[action][where].sum())
                    if mass <= 0.0:
                        continue
                    ends = name is None
                    tree.rows.append(row)
                    tree.targets.append(END if ends else tree.count + len(following))
                    tree.weights.append(mass)
                    tree.means.append(float(earned[action][where].sum()) / mass)
                    if name is not None:
                        after = np.where(where, reached[action], 0.0) / mass
                        following.append(((*label, action, name), after))
            if tree.count + len(following) > MOST_HISTORIES:
                raise TooLarge(
                    f"horizon is {steps}, and histories of at most {step + 2} observations are more than "
                    f"{MOST_HISTORIES:,}, at most so many are built; shorten the horizon"
                )
        level = following
    return tree


def _branches(
    names: list[int], looks: list[Bool[Array, "S"]], running: Bool[Array, "S"], last: bool
) -> Iterator[tuple[int | None, Bool[Array, "S"]]]:
    """Yield what may be seen next, with the states that look so; None for the end."""
    if last:
        yield None, np.ones(len(running), dtype=bool)
        return
    yield from ((name, look & running) for name, look in zip(names, looks, strict=True))
    yield None, ~running
