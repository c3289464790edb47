"""A finite Markov decision process: five validated, read-only arrays."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float
from numpy.typing import ArrayLike

from pgverify.errors import InvalidMDP
from pgverify.validation import (
    Array,
    bracket,
    first_index,
    real_array,
    require_probability_rows,
    require_shape,
)


@dataclass(frozen=True, eq=False, init=False, repr=False)
class TabularMDP:
    """A Markov decision process with S states and A actions, given by its tables.

    p(s) = `start`, P(s'|s,a) = `transition`, r(s,a,s') = `reward`. Terminal states are absorbing and pay
    nothing: an episode ends on entry. An episode that starts in a terminal state has length zero.

    Guaranteed after construction: shapes agree, every entry is finite, rows sum to one within 1e-12, terminal
    states do not leak, the arrays are read-only copies.

    Parameters
    ----------
    start : [S]
        Initial distribution.
    transition : [S, A, S]
        Probability of the next state.
    reward : [S, A, S] or [S, A]
        Mean reward of the step; [S, A] when it does not depend on the next state.
    terminal : [S] of bool, optional
        Default: none is terminal.
    reward_noise : number, [S, A] or [S, A, S], optional
        Standard deviation of independent normal noise on each reward, in units of reward. Default: 0.

    Raises
    ------
    InvalidMDP
        Naming the table, the index, the value and what is allowed.
    """

    start: Float[Array, "S"]
    transition: Float[Array, "S A S"]
    reward: Float[Array, "S A S"]
    terminal: Bool[Array, "S"]
    reward_noise: Float[Array, "S A S"]

    def __init__(
        self,
        start: ArrayLike,
        transition: ArrayLike,
        reward: ArrayLike,
        terminal: ArrayLike | None = None,
        reward_noise: ArrayLike | None = None,
    ) -> None:
        transition_ = real_array("transition", transition, InvalidMDP)
        if transition_.ndim != 3 or transition_.shape[0] != transition_.shape[2] or 0 in transition_.shape:
            raise InvalidMDP(f"transition has shape {transition_.shape}, must be [S, A, S] with S and A at least 1")
        states, actions, _ = transition_.shape
        start_ = real_array("start", start, InvalidMDP)
        require_shape("start", start_, (states,), "[S]", InvalidMDP)
        require_probability_rows("start", start_, InvalidMDP)
        require_probability_rows("transition", transition_, InvalidMDP)
        reward_ = _per_transition("reward", reward, (states, actions))
        terminal_ = _terminal(terminal, states)
        _refuse_leaks(transition_, reward_, terminal_)
        noise = _per_transition("reward_noise", 0.0 if reward_noise is None else reward_noise, (states, actions))
        if (noise < 0).any():
            index = first_index(noise < 0)
            raise InvalidMDP(
                f"reward_noise{bracket(index)} is {noise[index]:.6g}, a standard deviation must be at least 0"
            )
        noise = np.where(terminal_[:, None, None], 0.0, noise)
        noise.setflags(write=False)
        for name, value in (
            ("start", start_),
            ("transition", transition_),
            ("reward", reward_),
            ("terminal", terminal_),
            ("reward_noise", noise),
        ):
            object.__setattr__(self, name, value)

    @property
    def num_states(self) -> int:
        """S, the number of states."""
        return self.transition.shape[0]

    @property
    def num_actions(self) -> int:
        """A, the number of actions."""
        return self.transition.shape[1]

    def __repr__(self) -> str:
        return (
            f"TabularMDP(states={self.num_states}, actions={self.num_actions}, "
            f"terminal={int(self.terminal.sum())}, noisy={bool(self.reward_noise.any())})"
        )


def _per_transition(name: str, value: ArrayLike, size: tuple[int, int]) -> Float[Array, "S A S"]:
    """Spread a table given as a number, [S, A] or [S, A, S] over all transitions."""
    states, actions = size
    array = real_array(name, value, InvalidMDP)
    if array.ndim == 0:
        array = np.full((states, actions, states), float(array))
    elif array.shape == (states, actions):
        array = np.repeat(array[:, :, None], states, axis=2)
    elif array.shape != (states, actions, states):
        raise InvalidMDP(
            f"{name} has shape {array.shape}, must be [S, A, S] = {(states, actions, states)} "
            f"or [S, A] = {(states, actions)}"
        )
    array.setflags(write=False)
    return array


def _terminal(terminal: ArrayLike | None, states: int) -> Bool[Array, "S"]:
    array = np.zeros(states, dtype=bool) if terminal is None else np.array(terminal)
    if array.dtype != np.bool_:
        raise InvalidMDP(f"terminal has dtype {array.dtype}, must hold booleans, one a state")
    require_shape("terminal", array, (states,), "[S]", InvalidMDP)
    array.setflags(write=False)
    return array


def _refuse_leaks(transition: Float[Array, "S A S"], reward: Float[Array, "S A S"], terminal: Bool[Array, "S"]) -> None:
    for state in np.flatnonzero(terminal):
        stays = transition[state, :, state]
        if (stays != 1.0).any():
            action = int(np.argmax(stays != 1.0))
            raise InvalidMDP(
                f"transition[{state}, {action}, {state}] is {stays[action]:.6g} in terminal state {state}, "
                "must be 1: a terminal state leads only to itself"
            )
        paid = reward[state][:, state]
        if (paid != 0.0).any():
            action = int(np.argmax(paid != 0.0))
            raise InvalidMDP(
                f"reward[{state}, {action}, {state}] is {paid[action]:.6g} in terminal state {state}, "
                "must be 0: nothing is paid after entry"
            )
