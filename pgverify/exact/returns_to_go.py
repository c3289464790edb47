"""E[Y_t | s,a] and E[Y_t² | s,a] of Y_t = u_t + κ Y_{t+1} at all times, with no loop over more than the states.

What a step adds, u_t(s,a,s') = r + f_t(s') − h_t(s), depends on time through two tables of states. So tables over time
are filled many steps at once, and backward in time runs one product [S, S] a step for each moment:

    y_t = Σ_a π E[u_t | s,a] + κ N y_{t+1},         E[Y | s,a] = E[u | s,a] + κ Σ_s' P y_{t+1}(s'),
    E[Y² | s,a] = E[u² | s,a] + 2κ Σ_s' P u y_{t+1}(s') + κ² Σ_s' P E[Y_{t+1}² | s'].

Nothing is expanded that would cancel: u is formed before it is squared. `backward_sweep` carries the same moments one
step after another, beside scores, lookaheads and importance weights.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float

from pgverify.exact.step_law import StepLaw, bootstrapped_tables
from pgverify.recursion import StepRecursion
from pgverify.validation import Array

FEW_STATES = 40
"""States up to which sums over time are doubled: a product costs less than the call that makes it."""

CELLS = 2**15
"""Cells of tables [t, S, A, K] that are filled at once: 256 kB each, so that some of them stay in the cache."""


@dataclass(frozen=True, eq=False)
class Added:
    """What steps add, u_t = r + f_t(s') − h_t(s), and r − h_t(s) where an episode ends.

    Attributes
    ----------
    reward : [S, A, K]
    following, here : [T, S] or None
        f and h; None where u does not depend on time.
    """

    reward: Float[Array, "S A K"]
    following: Float[Array, "T S"] | None
    here: Float[Array, "T S"] | None


@dataclass(frozen=True, eq=False)
class ToGo:
    """The moments of Y_t given state and action.

    Attributes
    ----------
    mean, square : [T, S, A]
        E[Y_t | s,a] and E[Y_t² | s,a].
    apart : [T, S, A]
        E[Y_t | s,a] − E[Y_t | s]: all that counts beside E ψ = 0, and what a large baseline costs no digits.
    """

    mean: Float[Array, "T S A"]
    square: Float[Array, "T S A"]
    apart: Float[Array, "T S A"]


def added_by_steps(law: StepLaw, recursion: StepRecursion) -> Added:
    """Return what steps add, with the baseline taken off: Y_t − b_t obeys the recursion of Y_t with these.

    Parameters
    ----------
    law : StepLaw
    recursion : StepRecursion
        Without lookahead.
    """
    shift = recursion.baseline if recursion.baseline.any() else None
    if recursion.critic is None and shift is None:
        return Added(law.reward, None, None)
    following, here = bootstrapped_tables(law, recursion.critic, shift, recursion.decay)
    return Added(law.reward, following, here)


def to_go_moments(law: StepLaw, added: Added, decay: float) -> ToGo:
    """Return the moments of Y_t, on policy.

    Parameters
    ----------
    law : StepLaw
    added : Added
    decay : float
        κ.
    """
    probabilities, onward = law.chain.probabilities, decay * law.onward()
    mean, square = np.empty((2, law.steps, *probabilities.shape))
    first, second = np.zeros((2, law.steps + 1, len(probabilities)))  # E[Y_t | s], E[Y_t² | s], 0 after the last step
    tables = StepTables.of(law, added)
    for now in tables.times(law.steps)[::-1]:
        weighted, mean[now], square[now] = tables.at(now)
        first[now] = _mean_action(probabilities, mean[now])
        _carried_back(first[now.start : now.stop + 1], onward)
        square[now] += 2.0 * decay * tables.over(weighted, first[now.start + 1 : now.stop + 1])
    mean += decay * law.going_on.ahead(first[1:])
    second[:-1] = _mean_action(probabilities, square)
    _carried_back(second, decay * onward)
    square += decay**2 * law.going_on.ahead(second[1:])
    return ToGo(mean, square, mean - _mean_action(probabilities, mean)[:, :, None])


@dataclass(frozen=True, eq=False)
class StepTables:
    """Tables over time and transitions, as many steps at once as stay in the cache.

    Attributes
    ----------
    law : StepLaw
    added : Added
    together : int
        How many steps.
    room : [2, t, S, A, K]
        Where the tables are made: each time in the place of the last.
    noise : [S, A] or None
        Mean variance of rewards, where there is any.
    ends : bool
        Whether an episode may end by a transition.
    """

    law: StepLaw
    added: Added
    together: int
    room: Float[Array, "2 t S A K"]
    noise: Float[Array, "S A"] | None
    ends: bool

    @classmethod
    def of(cls, law: StepLaw, added: Added) -> StepTables:
        """Return the tables of what steps add."""
        alike = added.here is None
        together = law.steps if alike else max(1, CELLS // law.reward.size)
        room = np.empty((2, 1 if alike else min(together, law.steps), *law.reward.shape))
        noise = law.going_on.total(law.noise) + law.ending.total(law.noise) if law.noise.any() else None
        return cls(law, added, together, room, noise, bool(law.ending.weight.any()))

    def times(self, steps: int) -> list[slice]:
        """Return the times 0 .. steps − 1, in slices."""
        return [slice(first, min(first + self.together, steps)) for first in range(0, steps, self.together)]

    def at(self, now: slice) -> tuple[Float[Array, "t S A K"], Float[Array, "t S A"], Float[Array, "t S A"]]:
        """Return P u, E[u | s,a] and E[u² | s,a]; one row for all times where they are the same."""
        onward, weighted = self._onward(now)
        mean, square = _row_sums(weighted), np.einsum("tsak,tsak->tsa", weighted, onward)
        if self.noise is not None:
            square += self.noise
        if self.ends:
            last = self.added.reward[None]
            if self.added.here is not None:
                last = last - self.added.here[now][:, :, None, None]
            leaving = self.law.ending.weight * last
            mean += _row_sums(leaving)
            square += np.einsum("tsak,tsak->tsa", leaving, last)
        return weighted, mean, square

    def going_on(self, now: slice) -> tuple[Float[Array, "t S A K"], Float[Array, "t S A K"]]:
        """Return P u and P u², noise included, where the episode goes on."""
        onward, weighted = self._onward(now)
        onward *= weighted
        if self.noise is not None:
            onward += self.law.going_on.weight * self.law.noise
        return weighted, onward

    def over(self, weighted: Float[Array, "t S A K"], tables: Float[Array, "n S"]) -> Float[Array, "n S A"]:
        """Return Σ_{s'} w(s,a,s') x(s') of every table, each with the weights of its time."""
        lists, shape = self.law.going_on, (len(tables), *weighted.shape[1:3])
        if lists.everywhere and len(weighted) == 1:
            return np.asarray(tables @ weighted.reshape(-1, shape[1]).T).reshape(shape)
        if lists.everywhere:
            rows = weighted.reshape(len(weighted), -1, shape[1])
            return (rows @ tables[:, :, None]).reshape(shape)
        return np.einsum("tsak,tsak->tsa", weighted, self._reached(tables))

    def arriving(self, weighted: Float[Array, "t S A K"], law: Float[Array, "n S A"]) -> Float[Array, "n S"]:
        """Return Σ_{s,a} x(s,a) w(s,a,s') of every table x, each with the weights of its time."""
        lists, (count, states, _) = self.law.going_on, law.shape
        if lists.everywhere:
            return (law.reshape(count, 1, -1) @ weighted.reshape(len(weighted), -1, states))[:, 0]
        cell = lists.successor + states * np.arange(count)[:, None, None, None]
        return np.bincount(cell.ravel(), (law[..., None] * weighted).ravel(), count * states).reshape(count, states)

    def _onward(self, now: slice) -> tuple[Float[Array, "t S A K"], Float[Array, "t S A K"]]:
        """Return u and P u where the episode goes on."""
        onward, weighted = self.room[:, : now.stop - now.start]
        if self.added.here is None or self.added.following is None:
            onward[...] = self.added.reward
        else:
            np.add(self.added.reward, self._reached(self.added.following[now]), out=onward)
            onward -= self.added.here[now][:, :, None, None]
        return onward, np.multiply(self.law.going_on.weight, onward, out=weighted)

    def _reached(self, tables: Float[Array, "t S"]) -> Float[Array, "t *S_A K"]:
        lists = self.law.going_on
        return tables[:, None, None, :] if lists.everywhere else lists.at_successors(tables)


def _carried_back(rows: Float[Array, "t_plus_1 S"], onward: Any) -> None:
    """Replace f_t by x_t = f_t + N x_{t+1} in all rows but the last, which is x itself."""
    if not isinstance(onward, np.ndarray) or len(onward) > FEW_STATES:
        for time in reversed(range(len(rows) - 1)):
            rows[time] += onward @ rows[time + 1]
        return
    span, jump = 1, onward.T
    while span < len(rows):  # x_t up to f_{t+span−1}, then up to twice as far
        rows[:-span] += rows[span:] @ jump
        span, jump = 2 * span, jump @ jump


def _mean_action(probabilities: Float[Array, "S A"], tables: Float[Array, "T S A"]) -> Float[Array, "T S"]:
    return np.einsum("tsa,sa->ts", tables, probabilities)


def _row_sums(table: Float[Array, "t S A K"]) -> Float[Array, "t S A"]:
    return (table.reshape(-1, table.shape[3]) @ np.ones(table.shape[3])).reshape(table.shape[:3])
