"""A sequence of random problems beyond the fixed suite: the same on every machine, each small enough to list.

Between them they are long, wide, cut, without a step, without a future (γ = 0): what a fixed suite cannot hold without
becoming large. Their numbers are round, so that one of them can be typed.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from itertools import chain, repeat

import numpy as np
from jaxtyping import Bool, Float, Integer

from pgverify.mdp import TabularMDP
from pgverify.policies import SoftmaxPolicy
from pgverify.problem import Discounted, FiniteHorizon, Objective, Problem
from pgverify.suites.explored_problem import ExploredProblem
from pgverify.validation import Array

SEQUENCE = 50
"""Seed of the sequence."""


@dataclass(frozen=True)
class Recipe:
    """What a random problem of the sequence has to be like.

    Attributes
    ----------
    horizon, actions, starts : int
        T, A, and the number of start states.
    going : int
        Actions of each state after which the episode goes on; the others end it. One keeps long problems narrow.
    discount : float
    states : int
        Those in which something is done; at least `starts` less those that are over.
    over : int
        Start states in which the episode has ended before its first step.
    rewards : "plain", "ties", "zeros", "ends" or "start"
        All different from zero, of three values only, half of them zero, paid by every other state for an end alone,
        or by the first state alone.
    scale : float
        What every reward is multiplied by.
    chance : bool
        Whether some actions may lead to either of two states.
    cut : int
        Steps after which episodes are cut; 0 where they are not.
    endless : bool
        Whether there is no horizon, so that only a cut ends what goes on.
    stays : bool
        Whether the last of the states leads to itself; otherwise it leads to the first.
    rare : int
        Actions of each state that hardly ever happen, and pay so much that no rounding hides their share of ∇J.
    """

    horizon: int
    actions: int
    starts: int
    going: int
    discount: float
    states: int = 3
    over: int = 0
    rewards: str = "plain"
    scale: float = 1.0
    chance: bool = False
    cut: int = 0
    endless: bool = False
    stays: bool = False
    rare: int = 0


RARE: tuple[tuple[float, float], ...] = ((-10.0, 30.0), (-12.3, 20.0))
"""Logits of rare actions, and what their rewards are multiplied by: among eight, they have probabilities of 7e-6 and
7e-7, and 1e-3 and 6e-5 of E|ĝ|, computed by listing, which single precision shows too. None is rarer than its ε,
1.2e-7, to which torch's Categorical raises probabilities; and none pays so much that log(π + 1e-8), as some write it,
would be called wrong."""


FEW = 4
"""Actions of which chance lets every one go on somewhere."""

RECIPES: tuple[Recipe, ...] = (
    Recipe(16, 2, 1, 1, 0.9, states=12, stays=True),
    Recipe(1, 2, 8, 2, 0.9, states=8),
    Recipe(1, 8, 2, 8, 1.0, states=9),
    Recipe(3, 2, 1, 2, 0.8, cut=3, endless=True),
    Recipe(12, 2, 2, 1, 0.45, states=6, over=1, stays=True),
    Recipe(3, 2, 2, 2, 0.0),
    Recipe(3, 2, 1, 2, 1.0, scale=1e-6, chance=True),
    Recipe(9, 8, 1, 1, 1.0, states=9),
    Recipe(4, 2, 3, 1, 0.9, states=6, rewards="zeros", scale=1e6),
    Recipe(8, 8, 1, 1, 1.0, states=9, cut=2),
    Recipe(4, 2, 8, 1, 0.7, states=8, rewards="start"),
    Recipe(2, 8, 1, 1, 0.95, states=9, rare=2),
    Recipe(16, 2, 1, 1, 0.97, states=16, rewards="ends", scale=1e-6),
    Recipe(2, 8, 1, 1, 0.0, states=1, scale=1e-6, stays=True),
    Recipe(2, 2, 8, 2, 1.0, states=5, over=3, scale=1e6),
    Recipe(2, 4, 1, 3, 0.4, rewards="zeros", cut=2, endless=True),
    Recipe(4, 2, 1, 2, 1.0, rewards="ties", scale=987.6),
    Recipe(16, 3, 1, 1, 1.0, states=16, scale=1e6),
    Recipe(5, 8, 1, 1, 0.45, states=9, rewards="ends", scale=1e6),
    Recipe(2, 2, 8, 1, 0.4, states=8, rewards="ties", scale=1e-6),
    Recipe(16, 2, 3, 1, 0.95, states=6, over=1, scale=1e6, cut=10, stays=True),
    Recipe(15, 2, 2, 1, 0.0, states=6, over=1, scale=1e-6, stays=True),
    Recipe(2, 4, 1, 1, 0.15, rewards="ties", chance=True),
    Recipe(16, 2, 1, 1, 0.95, states=16, rewards="zeros", scale=1e-6, cut=16, endless=True),
)
"""One after another, and again with other numbers. At least three each of: 16 steps, 16 states, 8 actions, 8 start
states, γ = 0, 0 < γ < ½, γ = 1, episodes without a step, cuts, ties, zeros, rewards of 1e6 and of 1e-6; and once some
that are large and no integers, which those of 1e6 are, and once actions that hardly ever happen. They are mixed so that
any two features, small discounts and late steps, many actions and the same one again, meet somewhere where few
trajectories can hold both. Few trajectories each: of two thirds so few that pairs can be listed too, and of those with
many actions once all but two of them are forbidden."""


def explored_problems(count: int) -> tuple[ExploredProblem, ...]:
    """Return the first problems of the sequence.

    Parameters
    ----------
    count : int
        How many; 0 for none.
    """
    return tuple(explored_problem(index) for index in range(count))


@lru_cache(maxsize=128)
def explored_problem(index: int) -> ExploredProblem:
    """Return one problem of the sequence, which depends on its number alone.

    Parameters
    ----------
    index : int
        From 0.
    """
    recipe = RECIPES[index % len(RECIPES)]
    # Raw numbers of a named generator: other distributions may change from one release of NumPy to the next.
    rng = np.random.Generator(np.random.PCG64([SEQUENCE, index]))
    states = max(recipe.states, recipe.starts - recipe.over)
    terminal = np.arange(states + max(recipe.over, 1)) >= states
    transition = _transition(recipe, terminal, rng)
    start = np.zeros(len(terminal))
    first = [*range(recipe.starts - recipe.over), *range(states, states + recipe.over)]
    start[first] = _shares(len(first))
    logits = np.round(2.0 * rng.random(transition.shape[:2]) - 1.0, 1)
    if recipe.horizon > 4 and recipe.going == 1:
        # Going on has a probability near 0.9, or nobody would see the end.
        goes_on = ~transition[:, :, terminal].any(axis=2)
        logits[goes_on] = np.round(1.3 + 0.35 * recipe.actions + 0.4 * rng.random(int(goes_on.sum())), 1)
    rewards = _rewards(recipe, transition, terminal, rng)
    rare = _rare(recipe, transition, terminal)
    for rank, (logit, factor) in enumerate(RARE[: recipe.rare]):
        places = np.flatnonzero(~terminal), rare[:, rank]
        logits[places] = logit
        rewards[places] *= factor
    # Numbers in no order: a state with a large one comes early, too, and what has ended need not be the last.
    named = np.argsort(rng.random(len(terminal)), kind="stable")
    anywhere = np.ix_(named, np.arange(recipe.actions), named)
    mdp = TabularMDP(start[named], transition[anywhere], rewards[anywhere], terminal[named])
    objective: Objective = FiniteHorizon(recipe.horizon, recipe.discount)
    if recipe.endless:
        objective = Discounted(recipe.discount)
    cut = f" (cut after {recipe.cut} steps)" if recipe.cut else ""
    return ExploredProblem(
        f"explored[{index}]{cut}", Problem(mdp, SoftmaxPolicy(logits[named]), objective), recipe.cut or None
    )


def _transition(recipe: Recipe, terminal: Bool[Array, "S"], rng: np.random.Generator) -> Float[Array, "S A S"]:
    states = int((~terminal).sum())
    transition = np.zeros((len(terminal), recipe.actions, len(terminal)))
    transition[terminal, :, terminal] = 1.0
    turns = np.argsort(rng.random(recipe.actions), kind="stable")
    for state in range(states):
        order = np.argsort(rng.random(recipe.actions), kind="stable")
        if recipe.actions > FEW:
            # The actions go on in turn, from one state each, so that every one is taken twice running somewhere.
            order = np.roll(turns, -state)
        for rank, action in enumerate(order):
            # The next state in turn: none is out of reach, however narrow the problem.
            following = (state + 1 + int(rank > 0) * int(states * rng.random())) % states
            if recipe.stays and rank == 0 and state == states - 1:
                following = state
            if rank >= recipe.going:
                following = states
            transition[state, action, following] += 1.0
            if recipe.chance and rng.random() < 0.5:
                other = states if following != states else (state + 1) % states
                transition[state, action, [following, other]] = [0.7, 0.3]
    return transition


def _rare(
    recipe: Recipe, transition: Float[Array, "S A S"], terminal: Bool[Array, "S"]
) -> Integer[Array, "states rare"]:
    """Return which actions of each state are rare: the first of those that end the episode."""
    ends = transition[~terminal][:, :, terminal].any(axis=2)
    return np.argsort(~ends, axis=1, kind="stable")[:, : recipe.rare]


def _rewards(
    recipe: Recipe, transition: Float[Array, "S A S"], terminal: Bool[Array, "S"], rng: np.random.Generator
) -> Float[Array, "S A S"]:
    # Both signs in every state, a step between any two actions, and no zero by chance: every action matters.
    actions = transition.shape[1]
    order = np.argsort(rng.random(transition.shape[:2]), axis=1, kind="stable")
    table = np.round(-1.3 + 3.2 * order[:, :, None] / (actions - 1) + 0.3 * rng.random(transition.shape), 1)
    table = np.where(table == 0.0, 0.1, table)
    if recipe.rewards == "ties":
        table = np.where(np.abs(table) < 1.0, 0.5, np.sign(table))
    if recipe.rewards == "zeros":
        states, chosen = np.indices(transition.shape[:2])
        table = np.where(((states + chosen) % 2 == 0)[:, :, None], 0.0, table)
    if recipe.rewards == "ends":
        pays = terminal & (np.arange(len(terminal)) % 2 == 0)[:, None, None]
        table = np.where(pays, table, 0.0)
    if recipe.rewards == "start":
        table = np.where((np.arange(len(terminal)) == 0)[:, None, None], table, 0.0)
    return np.where((transition > 0) & ~terminal[:, None, None], recipe.scale * table, 0.0)


def _shares(count: int) -> Float[Array, "n"]:
    """Return probabilities in hundredths, of which the last is the largest."""
    shares = np.fromiter(chain(repeat(100 // count - 1, count - 1), [0]), dtype=np.int64, count=count)
    shares[-1] = 100 - shares.sum()
    return shares / 100.0
