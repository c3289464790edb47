"""All windows that an agent may collect on a problem, with their probabilities."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cache, lru_cache
from itertools import product

import numpy as np
from jaxtyping import Bool, Float, Int

from pgverify.agents import Window
from pgverify.continuous.node_mdp import NodeMDP
from pgverify.errors import InvalidInput, TooLarge, one_sentence
from pgverify.kinds import described
from pgverify.policies import Policy
from pgverify.policies.protocol import is_policy
from pgverify.policies.steps import Prefix, next_probabilities, remembers
from pgverify.problem import FiniteHorizon, Problem
from pgverify.validation import Array

MOST_WINDOWS = 200_000
"""Windows of one problem that are listed."""


@dataclass(frozen=True, eq=False)
class Windows:
    """Windows of T steps of E environments, rows with their probabilities.

    Attributes
    ----------
    probability : [n]
    states, actions, following : [n, T, E]
        s_t, a_t, and the state that a_t led to: after an end, s_{t+1} is another one.
    rewards : [n, T, E]
    terminated, truncated : [n, T, E]
        Whether a_t ended the episode, or reached a time limit.
    only_reset : [n, T, E]
        Whether the step did nothing but begin an episode.
    last : [n, E]
        The state at which the window ends: that of a new episode where the last step ended one.
    nodes : [S, K, D] or None
        The real actions that `actions` number; None where there are none.
    """

    probability: Float[Array, "n"]
    states: Int[Array, "n T E"]
    actions: Int[Array, "n T E"]
    following: Int[Array, "n T E"]
    rewards: Float[Array, "n T E"]
    terminated: Bool[Array, "n T E"]
    truncated: Bool[Array, "n T E"]
    only_reset: Bool[Array, "n T E"]
    last: Int[Array, "n E"]
    nodes: Float[Array, "S K D"] | None = None

    @property
    def ended(self) -> Bool[Array, "n T E"]:
        """Whether the episode was over after a_t, in either way."""
        return self.terminated | self.truncated


WindowStep = tuple[int, int, int, float, bool, bool, bool]
WindowRow = tuple[float, tuple[WindowStep, ...], int, int]


@lru_cache(maxsize=64)
def listed_windows(
    problem: Problem, steps: int, environments: int, truncates: bool, resets_take_a_step: bool = False
) -> Windows:
    """Return all windows of a problem under its policy, with independent environments.

    Raises
    ------
    TooLarge
        When there are too many.
    """
    one = _of_one_environment(problem, steps, truncates, resets_take_a_step)
    if len(one) ** environments > MOST_WINDOWS:
        raise TooLarge(f"problem has {len(one) ** environments:,} windows, must have {MOST_WINDOWS:,} at most")
    rows = list(product(one, repeat=environments))
    columns = np.array([[list(zip(*row[1], strict=True)) for row in several] for several in rows])  # [n, E, 7, T]
    columns = np.moveaxis(columns, (2, 3, 1), (0, 2, 3))  # [7, n, T, E]
    states, actions, following = (columns[i].astype(np.int64) for i in range(3))
    terminated, truncated, only_reset = (columns[i].astype(bool) for i in range(4, 7))
    return Windows(
        np.array([np.prod([row[0] for row in several]) for several in rows]),
        states,
        actions,
        following,
        columns[3].astype(np.float64),
        terminated,
        truncated,
        only_reset,
        np.array([[row[2] for row in several] for several in rows]),
        problem.mdp.nodes if isinstance(problem.mdp, NodeMDP) else None,
    )


def windows_of(problem: Problem, window: Window) -> Windows:
    """Return the windows that an agent as described collects."""
    acting = problem if window.acting is None else replace(problem, policy=acting_policy(problem, window))
    return listed_windows(acting, window.steps, window.environments, window.truncates, window.resets_take_a_step)


def acting_policy(problem: Problem, window: Window) -> Policy:
    """Return the policy that collects.

    Raises
    ------
    InvalidInput
        When `acting` raises, or returns no policy for the states and actions of the problem.
    """
    assert window.acting is not None
    try:
        policy = window.acting(problem)
    except Exception as reason:
        raise InvalidInput(f"acting raised {one_sentence(reason)}; it must return a Policy for the problem") from reason
    if not is_policy(policy):
        raise InvalidInput(f"acting(problem) is {described(policy)}, must be a Policy, such as pgv.SoftmaxPolicy(…)")
    return policy


def _of_one_environment(problem: Problem, steps: int, truncates: bool, resets_take_a_step: bool) -> list[WindowRow]:
    starts = [(float(problem.mdp.start[s]), int(s)) for s in np.flatnonzero(problem.mdp.start)]
    rows: list[WindowRow] = [(chance, (), state, 0) for chance, state in starts]
    chosen = _choosing(problem.policy)
    for _ in range(steps):
        rows = [grown for row in rows for grown in _grown(problem, chosen, row, starts, truncates, resets_take_a_step)]
        if len(rows) > MOST_WINDOWS:
            raise TooLarge(f"problem has more than {MOST_WINDOWS:,} windows of {steps} steps, must have fewer")
    return rows


def _choosing(policy: Policy) -> Callable[[WindowRow], Float[Array, "A"]]:
    """Return what gives the probabilities of the next action: by the episode so far, where a policy remembers it."""
    table = policy.probabilities()
    if not remembers(policy):
        return lambda row: table[row[2]]

    @cache
    def after(states: tuple[int, ...], actions: tuple[int, ...]) -> Float[Array, "A"]:
        taken = np.ones((1, len(actions)), dtype=bool)
        return next_probabilities(policy, Prefix(np.array([states]), np.array([actions], dtype=np.int64), taken))[0]

    def chosen(row: WindowRow) -> Float[Array, "A"]:
        _, past, state, age = row
        if age < 0:  # whatever is chosen where a step only resets
            return table[state]
        episode = past[len(past) - age :]
        return after((*(step[0] for step in episode), state), tuple(step[1] for step in episode))

    return chosen


def _grown(
    problem: Problem,
    chosen: Callable[[WindowRow], Float[Array, "A"]],
    row: WindowRow,
    starts: list[tuple[float, int]],
    truncates: bool,
    resets_take_a_step: bool,
) -> Iterator[WindowRow]:
    """Yield what a window may become by one more step."""
    mdp, pi = problem.mdp, chosen(row)
    horizon = problem.objective.horizon if isinstance(problem.objective, FiniteHorizon) else None
    chance, past, state, age = row
    for action in np.flatnonzero(pi > 0.0):
        acted = chance * float(pi[action])
        if age < 0:  # the episode is over: this step only begins another
            for c, s in starts:
                yield acted * c, (*past, (state, int(action), s, 0.0, False, False, True)), s, 0
            continue
        for branch in np.flatnonzero(mdp.successors.weight[state, action] > 0.0):
            p = acted * float(mdp.successors.weight[state, action, branch])
            following = int(mdp.successors.successor[state, action, branch])
            over = bool(mdp.terminal[following])
            at_limit = horizon is not None and age + 1 == horizon and not over
            terminated, truncated = over or (at_limit and not truncates), at_limit and truncates
            paid = float(mdp.paid[state, action, branch])
            grown = (*past, (state, int(action), following, paid, terminated, truncated, False))
            if not (terminated or truncated):
                yield p, grown, following, age + 1
            elif resets_take_a_step:
                yield p, grown, following, -1
            else:
                for c, s in starts:
                    yield p * c, grown, s, 0
