"""Everything that is computed once for a problem: its chain, values, and visits, each when it is first asked for."""

from __future__ import annotations

from functools import cached_property
from typing import Any

import numpy as np
from jaxtyping import Inexact

from pgverify.dynamics import transposed
from pgverify.exact.bellman import (
    advantages,
    backward_values,
    differential_values,
    discounted_values,
    resolvent,
    step_values,
)
from pgverify.exact.chain import Chain, induced_chain, require_markov
from pgverify.exact.stationary import stationary_distribution
from pgverify.problem import AverageReward, Discounted, FiniteHorizon, Problem
from pgverify.validation import Array, read_only

PLACE = "_solution"
"""Where a problem keeps its solution: it lives as long as the problem does, and is not copied with it."""

SMALL = 2**18
"""Cells of a table [T, S, A] up to which it is built and kept whole."""


class Solution:
    """The exact solution of a problem, piece by piece; read-only.

    Obtained from `solve`, so that every function that reads it shares the work.
    """

    def __init__(self, problem: Problem) -> None:
        self.problem = problem

    def __reduce__(self) -> tuple[Any, ...]:
        # What can be computed again is not sent to a worker, nor written to a file.
        return solve, (self.problem,)

    @cached_property
    def chain(self) -> Chain:
        """P_π and r_π."""
        return induced_chain(self.problem)

    @cached_property
    def stationary(self) -> Inexact[Array, "S"]:
        """Share of time in every state, dᵀP_π = dᵀ, for the average reward."""
        require_markov(self.problem)
        return read_only(stationary_distribution(self.chain))

    @cached_property
    def state_values(self) -> Inexact[Array, "*time S"]:
        """V_t(s) [T+1, S] with V_T = 0; V(s) [S] without a horizon, differential under the average reward."""
        require_markov(self.problem)
        match self.problem.objective:
            case FiniteHorizon(horizon, discount):
                return read_only(backward_values(self.chain, horizon, discount))
            case Discounted(discount):
                return read_only(discounted_values(self.chain, discount))
            case _:
                return read_only(differential_values(self.chain, self.stationary))

    @cached_property
    def gain(self) -> complex:
        """ρ = Σ_s d(s) r_π(s) under the average reward; 0 for the other objectives."""
        if not isinstance(self.problem.objective, AverageReward):
            return 0.0
        # The stationary probabilities sum to one, so a reward common to all states is taken out before the sum:
        # otherwise its derivative, which is 0, would be the small difference of large numbers.
        reward = self.chain.state_reward
        common = reward.real.mean()
        return complex(common + self.stationary @ (reward - common))

    @property
    def discount(self) -> float:
        """γ of the objective; 1 for the average reward."""
        return float(getattr(self.problem.objective, "discount", 1.0))

    def action_values_after(self, following: Inexact[Array, "*time S"]) -> Inexact[Array, "*time S A"]:
        """Return Q(s,a) for values V of the following step, without keeping it."""
        action = step_values(self.chain, following, self.discount)
        if isinstance(self.problem.objective, AverageReward):
            return action - self.stationary @ self.chain.state_reward
        return action

    @cached_property
    def action_values(self) -> Inexact[Array, "*time S A"]:
        """Q_t(s,a) [T, S, A], or [S, A] without a horizon."""
        values = self.state_values
        return read_only(self.action_values_after(values[1:] if values.ndim == 2 else values))

    @cached_property
    def advantage(self) -> Inexact[Array, "*time S A"]:
        """A_t(s,a) = Q_t(s,a) − V_t(s), without cancellation."""
        return read_only(advantages(self.chain, self.action_values))

    @cached_property
    def visits(self) -> Inexact[Array, "*time S"]:
        """d_t(s) [T, S] undiscounted; Σ_t γ^t P(s_t = s) [S] (discounted); the stationary distribution [S]."""
        require_markov(self.problem)
        chain = self.chain
        match self.problem.objective:
            case FiniteHorizon(horizon, _):
                rows = np.zeros((horizon, len(chain.start)), dtype=chain.probabilities.dtype)
                rows[0] = chain.start
                arriving = transposed(chain.state_transition)
                for t in range(1, horizon):
                    rows[t] = arriving @ rows[t - 1]
                return read_only(rows)
            case Discounted(discount):
                inside = resolvent(chain, discount, chain.start, forward=True)
                # A terminal state keeps what arrives for ever: Σ_t γ^t of the inflow, over 1 − γ.
                inflow = chain.start + discount * (inside @ chain.state_transition)
                return read_only(np.where(chain.running, inside, inflow / (1.0 - discount)))
            case _:
                return self.stationary

    @cached_property
    def weighted_visits(self) -> Inexact[Array, "*time S"]:
        """γ^t d_t(s) outside terminal states: the weights of the gradient theorem; [T, S], or [S] without a horizon."""
        visits = self.visits
        powers = np.power(self.discount, np.arange(len(visits)))[:, None] if visits.ndim == 2 else 1.0
        weighted = powers * visits
        weighted[..., ~self.chain.running] = 0.0
        return read_only(weighted)

    def weighted_sum(self, centred: bool) -> Inexact[Array, "S A"]:
        """Return Σ_t γ^t d_t(s) Q_t(s,a), or A_t in place of Q_t, one time after another.

        Parameters
        ----------
        centred : bool
            Whether the advantage takes the place of the action value.
        """
        visits = self.weighted_visits
        if visits.ndim == 1:
            return visits[:, None] * (self.advantage if centred else self.action_values)
        if visits.size * self.chain.probabilities.shape[1] <= SMALL:
            return np.einsum("ts,tsa->sa", visits, self.advantage if centred else self.action_values)
        # The advantage is linear in Q, with coefficients that do not depend on time: it is taken of the sum.
        ahead = np.zeros(self.chain.probabilities.shape, dtype=self.chain.state_reward.dtype)
        for time, here in enumerate(visits):
            ahead += here[:, None] * self.chain.successors.ahead(self.state_values[time + 1])
        total = visits.sum(axis=0)[:, None] * self.chain.step_reward + self.discount * ahead
        return advantages(self.chain, total) if centred else total


def solve(problem: Problem) -> Solution:
    """Return the exact solution of a problem: chain, V, Q, A and visits, each computed once and when it is asked for.

    Parameters
    ----------
    problem : Problem

    Returns
    -------
    The same object for the same problem, as long as the problem lives; its arrays are read-only.
    """
    kept: dict[str, Any] = vars(problem)
    if PLACE not in kept:
        kept.setdefault(PLACE, Solution(problem))  # one step: two threads get the same object
    found: Solution = kept[PLACE]
    return found
