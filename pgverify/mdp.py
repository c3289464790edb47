"""A finite Markov decision process: five validated, read-only tables."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from jaxtyping import Bool, Float
from numpy.typing import ArrayLike

from pgverify.arrays import truths
from pgverify.dynamics import SuccessorLists
from pgverify.errors import InvalidMDP
from pgverify.kinds import SuggestsNames, instance_of, known_arguments
from pgverify.mdp_tables import SparseTable, dense_tables, is_sparse, sparse_tables
from pgverify.validation import Array, first_index, real_array, require_probability_rows, require_shape


@known_arguments
@dataclass(frozen=True, eq=False, init=False, repr=False)
class TabularMDP(SuggestsNames):
    """A Markov decision process with S states and A actions, given by its tables.

    p(s) = `start`, P(s'|s,a) = `transition`, r(s,a,s') = `reward`. Terminal states are absorbing and pay
    nothing: an episode ends on entry. An episode that starts in a terminal state has length zero.

    Guaranteed after construction: shapes agree, every entry is finite, rows sum to one within 1e-12, terminal
    states do not leak, the arrays are read-only copies. Whatever the tables were given as, everything is computed
    from lists of the transitions that can happen: `successors`, with K entries for every (s, a).

    Parameters
    ----------
    start : [S]
        Initial distribution.
    transition : [S, A, S], or sparse [S·A, S]
        Probability of the next state; sparse in any format of scipy.sparse, row s·A + a.
    reward : [S, A, S] or [S, A], or sparse [S·A, S]
        Mean reward of the step; [S, A] when it does not depend on the next state.
    terminal : [S] of bool, optional
        Default: none is terminal.
    reward_noise : number, [S, A] or [S, A, S], or sparse [S·A, S], optional
        Standard deviation of independent normal noise on each reward, in units of reward. Default: 0.

    Attributes
    ----------
    transition, reward, reward_noise : [S, A, S]
        Where `transition` was given sparse: it as a CSR array [S·A, S], and the others as [S, A] or such an array.
    successors : SuccessorLists
        s'_k(s,a) and P(s'_k|s,a) [S, A, K].
    paid, noise : [S, A, K]
        r(s,a,s'_k) and the standard deviation of its noise; 0 on padding.

    Raises
    ------
    InvalidMDP
        Naming the table, the index, the value and what is allowed.
    """

    start: Float[Array, "S"]
    transition: Float[Array, "S A S"] | SparseTable
    reward: Float[Array, "S A S"] | Float[Array, "S A"] | SparseTable
    terminal: Bool[Array, "S"]
    reward_noise: Float[Array, "S A S"] | Float[Array, "S A"] | SparseTable

    successors: SuccessorLists = field(init=False)
    paid: Float[Array, "S A K"] = field(init=False)
    noise: Float[Array, "S A K"] = field(init=False)

    def __init__(
        self,
        start: ArrayLike,
        transition: ArrayLike | SparseTable,
        reward: ArrayLike | SparseTable,
        terminal: ArrayLike | None = None,
        reward_noise: ArrayLike | SparseTable | None = None,
    ) -> None:
        noise = 0.0 if reward_noise is None else reward_noise
        if is_sparse(transition):
            tables = sparse_tables(transition, reward, noise)
        else:
            tables = dense_tables(transition, reward, noise)
        lists, paid, noise_ = tables.successors, tables.paid, tables.noise
        states = lists.num_states
        start_ = real_array("start", start, InvalidMDP)
        require_shape("start", start_, (states,), "[S]", InvalidMDP)
        require_probability_rows("start", start_, InvalidMDP)
        terminal_ = _terminal(terminal, states)
        _refuse_leaks(lists, paid, terminal_)
        if noise_.any():
            noise_ = np.where(terminal_[:, None, None], 0.0, noise_)
        else:  # one zero serves all cells
            noise_ = np.broadcast_to(np.zeros(()), noise_.shape)
        for array in (lists.successor, lists.weight, paid, noise_):
            array.setflags(write=False)
        for name, value in (
            ("start", start_),
            ("transition", tables.transition),
            ("reward", tables.reward),
            ("terminal", terminal_),
            ("reward_noise", tables.quiet(terminal_)),
            ("successors", lists),
            ("paid", paid),
            ("noise", noise_),
        ):
            object.__setattr__(self, name, value)

    def __reduce__(self) -> tuple[Any, ...]:
        # The lists are made again from the tables: pickles stay small, and what is read back is read-only.
        return TabularMDP, (self.start, self.transition, self.reward, self.terminal, self.reward_noise)

    @property
    def num_states(self) -> int:
        """S, the number of states."""
        return self.successors.num_states

    @property
    def num_actions(self) -> int:
        """A, the number of actions."""
        return self.successors.num_actions

    @property
    def sparse(self) -> bool:
        """Whether the tables were given in sparse form, and are kept so."""
        return is_sparse(self.transition)

    def with_rewards(self, paid: Float[Array, "S A K"], noise: Float[Array, "S A K"] | None = None) -> TabularMDP:
        """Return the same dynamics with other rewards, given along the successors; 0 in terminal states.

        Parameters
        ----------
        paid, noise : [S, A, K]
            As the attributes of these names; without noise there is none.
        """
        running = ~self.terminal[:, None, None] & (self.successors.weight > 0)
        shape = self.successors.weight.shape
        paid = real_array("paid", paid, InvalidMDP)
        noise = np.zeros(shape) if noise is None else real_array("noise", noise, InvalidMDP)
        for name, given in (("paid", paid), ("noise", noise)):
            require_shape(name, given, shape, "[S, A, K]", InvalidMDP)
        table = self.successors.rows if self.sparse else self.successors.spread
        reward, spread = (table(np.where(running, x, 0.0)) for x in (paid, noise))
        return TabularMDP(self.start, self.transition, reward, self.terminal, spread)

    def __repr__(self) -> str:
        return (
            f"TabularMDP(states={self.num_states}, actions={self.num_actions}, "
            f"terminal={int(self.terminal.sum())}, noisy={bool(self.noise.any())})"
        )


def _terminal(terminal: ArrayLike | None, states: int) -> Bool[Array, "S"]:
    array = np.zeros(states, dtype=bool) if terminal is None else truths("terminal", terminal, InvalidMDP).copy()
    require_shape("terminal", array, (states,), "[S]", InvalidMDP)
    array.setflags(write=False)
    return array


MDP = instance_of(TabularMDP, expected="a TabularMDP", advice="pgv.mdps.get(name) and pgv.mdps.load(path) give one")


def _refuse_leaks(lists: SuccessorLists, paid: Float[Array, "S A K"], terminal: Bool[Array, "S"]) -> None:
    ends = np.flatnonzero(terminal)
    stays = np.where(lists.successor[ends] == ends[:, None, None], lists.weight[ends], 0.0).sum(axis=2)
    if (stays != 1.0).any():
        row, action = first_index(stays != 1.0)
        state = int(ends[row])
        raise InvalidMDP(
            f"transition[{state}, {action}, {state}] is {float(stays[row, action])!r} in terminal state {state}, "
            "must be 1: a terminal state leads only to itself"
        )
    if (paid[ends] != 0.0).any():
        row, action, _ = first_index(paid[ends] != 0.0)
        state, found = int(ends[row]), paid[ends][row, action]
        raise InvalidMDP(
            f"reward[{state}, {action}, {state}] is {found[np.abs(found).argmax()]:.6g} in terminal state {state}, "
            "must be 0: nothing is paid after entry"
        )
