"""A Markov decision process with finitely many states and real actions: two functions of the action in each state."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from jaxtyping import Bool, Float
from numpy.typing import ArrayLike

from pgverify.arrays import truths
from pgverify.errors import InvalidMDP, one_sentence
from pgverify.kinds import FUNCTION, SuggestsNames, known_arguments
from pgverify.policies.normal_rule import LARGEST_RULE
from pgverify.validation import (
    Array,
    bracket,
    first_index,
    real_array,
    require_integer,
    require_probability_rows,
    require_shape,
)

MOST_DIMENSIONS = 12
"""Of an action: a quadrature of two nodes in each has 4,096."""

OfActions: TypeAlias = Callable[[int, Float[Array, "K D"]], Any]
"""(state, actions [K, D]) -> [K, S]."""


@known_arguments
@dataclass(frozen=True, eq=False, init=False, repr=False)
class ContinuousMDP(SuggestsNames):
    """A Markov decision process with S states whose actions are D real numbers.

    P(s'|s,a) and r(s,a,s') are given as functions, called with many actions at once. With a `GaussianPolicy` it makes a
    `Problem`: sampled from the real law, and exact through quadrature. Quadrature converges fast where
    both functions are smooth in the action; `pgv.exact.quadrature_error(problem)` says how far it got.

    Parameters
    ----------
    start : [S]
        Initial distribution.
    transition : function (state, actions [K, D]) -> [K, S]
        Probabilities of the next state, rows that sum to one. Not called in terminal states.
    reward : function (state, actions [K, D]) -> [K, S], or [K] or [K, 1] where it does not depend on the next state
        Mean reward of the step.
    terminal : [S] of bool, optional
        Default: none is terminal. Terminal states are absorbing and pay nothing.
    action_dim : int
        D, at most 12.
    nodes : int, optional
        Nodes of the quadrature a dimension; by default as many as it takes for two rules to agree. Few nodes make few
        trajectories to be listed.

    Raises
    ------
    InvalidMDP
        Naming the argument, the value and what is allowed; for the functions, when they are called.
    """

    start: Float[Array, "S"]
    transition: OfActions
    reward: OfActions
    terminal: Bool[Array, "S"]
    action_dim: int
    nodes: int | None

    def __init__(
        self,
        start: ArrayLike,
        transition: OfActions,
        reward: OfActions,
        terminal: ArrayLike | None = None,
        action_dim: int = 1,
        nodes: int | None = None,
    ) -> None:
        start_ = real_array("start", start, InvalidMDP)
        if start_.ndim != 1 or not start_.size:
            raise InvalidMDP(f"start has shape {start_.shape}, must be [S] with S at least 1")
        require_probability_rows("start", start_, InvalidMDP)
        for name, function in (("transition", transition), ("reward", reward)):
            FUNCTION.require(name, function)
        ends = (
            np.zeros(len(start_), dtype=bool) if terminal is None else truths("terminal", terminal, InvalidMDP).copy()
        )
        require_shape("terminal", ends, start_.shape, "[S]", InvalidMDP)
        ends.setflags(write=False)
        dimensions = require_integer("action_dim", action_dim, 1, InvalidMDP, largest=MOST_DIMENSIONS)
        if nodes is not None:
            nodes = require_integer("nodes", nodes, 1, InvalidMDP, largest=LARGEST_RULE)
            if nodes**dimensions > LARGEST_RULE:
                raise InvalidMDP(
                    f"nodes is {nodes}, which makes {nodes**dimensions:,} for action_dim = {dimensions}, must make at "
                    f"most {LARGEST_RULE:,}"
                )
        for name, value in (
            ("start", start_),
            ("transition", transition),
            ("reward", reward),
            ("terminal", ends),
            ("action_dim", dimensions),
            ("nodes", nodes),
        ):
            object.__setattr__(self, name, value)

    def on(self, nodes: int) -> ContinuousMDP:
        """Return the same process with so many nodes a dimension for its quadrature."""
        return ContinuousMDP(self.start, self.transition, self.reward, self.terminal, self.action_dim, nodes)

    @property
    def num_states(self) -> int:
        """S, the number of states."""
        return len(self.start)

    def at(self, state: int, actions: Float[Array, "K D"]) -> tuple[Float[Array, "K S"], Float[Array, "K S"]]:
        """Return P(s'|s,a) and r(s,a,s') [K, S] of one state for many actions, both checked.

        Raises
        ------
        InvalidMDP
            When a function raises, returns another shape, something that is not finite, or rows that are no
            probabilities.
        """
        shape = (len(actions), self.num_states)
        if self.terminal[state]:
            return np.tile(np.eye(self.num_states)[state], (len(actions), 1)), np.zeros(shape)
        transition = _called("transition", self.transition, state, actions)
        name = f"transition({state}, actions)"
        if transition.shape == (shape[0], 1) and shape[1] == 1:
            transition = transition.reshape(shape)
        require_shape(name, transition, shape, "[K, S]", InvalidMDP)
        try:
            require_probability_rows(name, transition, InvalidMDP)
        except InvalidMDP as reason:
            rows = (transition < 0).any(axis=1) | (np.abs(transition.sum(axis=1) - 1.0) > 1e-12)
            found = actions[first_index(rows)[0]].tolist() if rows.any() else "?"
            raise InvalidMDP(f"{reason} (at action {found})") from None
        reward = _called("reward", self.reward, state, actions)
        if reward.shape in ((shape[0],), (shape[0], 1)):
            reward = np.broadcast_to(reward.reshape(-1, 1), shape)
        require_shape(f"reward({state}, actions)", reward, shape, "[K, S]", InvalidMDP)
        return transition, reward

    def __repr__(self) -> str:
        return (
            f"ContinuousMDP(states={self.num_states}, action_dim={self.action_dim}, "
            f"terminal={int(self.terminal.sum())})"
        )


def _called(name: str, function: OfActions, state: int, actions: Float[Array, "K D"]) -> Float[Array, "..."]:
    """Return what a function of actions says, as real numbers that are finite."""
    try:
        with np.errstate(all="ignore"):  # what comes of it is looked at below
            found = function(state, actions.copy())
    except Exception as reason:
        raise InvalidMDP(
            f"{name}({state}, actions) raised {one_sentence(reason)}, must return [K, S] for actions [K, D] of shape "
            f"{actions.shape}"
        ) from reason
    array = np.asarray(found) if isinstance(found, np.ndarray) else found
    if isinstance(array, np.ndarray) and array.dtype.kind == "f" and not np.isfinite(array).all():
        index = first_index(~np.isfinite(array))
        action = actions[index[0]].tolist() if index and index[0] < len(actions) else "?"
        raise InvalidMDP(
            f"{name}({state}, actions){bracket(index)} is {array[index]} at action {action}, every entry must be "
            "finite, for actions far from the mean as well"
        )
    return real_array(f"{name}({state}, actions)", array, InvalidMDP)
