"""Everything that is computed once for a problem: its chain, values, and visits, each when it is first asked for."""

from __future__ import annotations

from functools import cached_property
from typing import Any

import numpy as np
from jaxtyping import Float, Inexact

from pgverify.dynamics import transposed
from pgverify.exact.action_sums import action_sums
from pgverify.exact.bellman import (
    advantages,
    backward_values,
    differential_values,
    discounted_values,
    resolvent,
    step_values,
)
from pgverify.exact.chain import Chain, induced_chain, require_markov
from pgverify.exact.compiled_sums import compiled_action_sums
from pgverify.exact.fixed_parts import fixed_parts
from pgverify.exact.stationary import stationary_distribution
from pgverify.kinds import accepts, known_arguments
from pgverify.problem import PROBLEM, AverageReward, Discounted, FiniteHorizon, Problem
from pgverify.validation import Array, read_only

PLACE = "_solution"
"""Where a problem keeps its solution: it lives as long as the problem does, and is not copied with it."""

ROUNDING = 1e-12
"""Relative difference between two numbers of steps that is rounding."""

SMALL = 2**18
"""Cells of a table [T, S, A] up to which it is built and kept whole."""


@known_arguments
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
    def common_reward(self) -> float:
        """m, taken out of all rewards before anything is computed; 0 where episodes differ in length."""
        horizon = getattr(self.problem.objective, "horizon", None)
        common = self.chain.common_reward
        return 0.0 if common == 0.0 or self.chain.steps_to_end(horizon) is None else common

    @cached_property
    def relative_chain(self) -> Chain:
        """The chain with rewards r − m."""
        return self.chain if self.common_reward == 0.0 else self.chain.relative_to(self.common_reward)

    @cached_property
    def relative_values(self) -> Inexact[Array, "*time S"]:
        """V of rewards r − m: with the digits that m leaves no room for in V itself."""
        return self._values_of(self.relative_chain)

    @cached_property
    def counted_steps(self) -> Inexact[Array, "*time S"]:
        """L = E Σ_k γ^k over the steps to come: V = L m + the values of rewards r − m; 0 under the average reward."""
        objective = self.problem.objective
        if isinstance(objective, AverageReward):
            return read_only(np.zeros(self.relative_values.shape))
        found = np.array(self._values_of(self.chain.counting()))
        length = self.chain.steps_to_end(getattr(objective, "horizon", None))
        if isinstance(objective, Discounted) and length == np.inf:
            whole = np.full(1, 1.0 / (1.0 - objective.discount))
        else:
            whole = power_sums(objective.discount, int(length or 0))[::-1]
        # Where an episode is on its way, L is known to the last digit, and so is what is left when it is taken off.
        sure = whole[:, None] if found.ndim == 2 else whole[:1]
        part = found[: len(whole)] if found.ndim == 2 else found
        np.copyto(part, np.broadcast_to(sure, part.shape), where=np.abs(part - sure) <= ROUNDING * np.abs(sure))
        return read_only(found)

    @cached_property
    def state_values(self) -> Inexact[Array, "*time S"]:
        """V_t(s) [T+1, S] with V_T = 0; V(s) [S] without a horizon, differential under the average reward."""
        if self.common_reward == 0.0:
            return self.relative_values
        return read_only(self.relative_values + self.common_reward * self.counted_steps)

    def _values_of(self, chain: Chain) -> Inexact[Array, "*time S"]:
        require_markov(self.problem)
        match self.problem.objective:
            case FiniteHorizon(horizon, discount):
                return read_only(backward_values(chain, horizon, discount))
            case Discounted(discount):
                return read_only(discounted_values(chain, discount))
            case _:
                return read_only(differential_values(chain, self.stationary))

    @cached_property
    def expected_return(self) -> complex:
        """J, as `pgverify.exact.expected_return` defines it: analytic in θ."""
        if isinstance(self.problem.objective, AverageReward):
            return self.gain
        start = self.problem.mdp.start
        relative = complex(start @ (self.relative_values[0] if self._timed else self.relative_values))
        if self.common_reward == 0.0:
            return relative
        counted = self.counted_steps[0] if self._timed else self.counted_steps
        return relative + self.common_reward * complex(start @ counted)

    @property
    def _timed(self) -> bool:
        return isinstance(self.problem.objective, FiniteHorizon)

    @property
    def gain(self) -> complex:
        """ρ = Σ_s d(s) r_π(s) under the average reward; 0 for the other objectives."""
        return self.relative_gain + self.common_reward if isinstance(self.problem.objective, AverageReward) else 0.0

    @cached_property
    def relative_gain(self) -> complex:
        """ρ of rewards r − m."""
        if not isinstance(self.problem.objective, AverageReward):
            return 0.0
        # The stationary probabilities sum to one, so a reward common to all states is taken out before the sum:
        # otherwise its derivative, which is 0, would be the small difference of large numbers.
        reward = self.relative_chain.state_reward
        common = reward.real.mean()
        return complex(common + self.stationary @ (reward - common))

    @property
    def discount(self) -> float:
        """γ of the objective; 1 for the average reward."""
        return float(getattr(self.problem.objective, "discount", 1.0))

    @cached_property
    def relative_action_values(self) -> Inexact[Array, "*time S A"]:
        """Q of rewards r − m."""
        values = self.relative_values
        action = step_values(self.relative_chain, values[1:] if self._timed else values, self.discount)
        if isinstance(self.problem.objective, AverageReward):
            action = action - self.stationary @ self.relative_chain.state_reward
        return read_only(action)

    @cached_property
    def action_values(self) -> Inexact[Array, "*time S A"]:
        """Q_t(s,a) [T, S, A], or [S, A] without a horizon."""
        if self.common_reward == 0.0 or isinstance(self.problem.objective, AverageReward):
            return self.relative_action_values
        counted = self.counted_steps
        steps = step_values(self.chain.counting(), counted[1:] if self._timed else counted, self.discount)
        return read_only(self.relative_action_values + self.common_reward * steps)

    @cached_property
    def advantage(self) -> Inexact[Array, "*time S A"]:
        """A_t(s,a) = Q_t(s,a) − V_t(s), without cancellation."""
        return read_only(advantages(self.chain, self.relative_action_values))

    @property
    def _real(self) -> bool:
        return self.chain.probabilities.dtype.kind == "f" and self.chain.reward.dtype.kind == "f"

    @cached_property
    def action_sums(self) -> tuple[Float[Array, "S A"], float]:
        """Σ_t γ^t d_t(s) Q_t(s,a) and J, both of rewards r − m, over a finite horizon at real parameters."""
        require_markov(self.problem)
        horizon = int(getattr(self.problem.objective, "horizon"))  # noqa: B009
        chain = self.relative_chain
        fixed = fixed_parts(self.problem.mdp)
        found = compiled_action_sums(fixed, chain.probabilities, chain.step_reward, horizon, self.discount)
        return action_sums(chain, horizon, self.discount) if found is None else found

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
        if centred and self._timed and self._real:
            return advantages(self.chain, self.action_sums[0])
        visits = self.weighted_visits
        if visits.ndim == 1:
            return visits[:, None] * (self.advantage if centred else self.action_values)
        if visits.size * self.chain.probabilities.shape[1] <= SMALL:
            return np.einsum("ts,tsa->sa", visits, self.advantage if centred else self.action_values)
        # The advantage is linear in Q, with coefficients that do not depend on time: it is taken of the sum.
        chain = self.relative_chain if centred else self.chain
        values = self.relative_values if centred else self.state_values
        ahead = np.zeros(chain.probabilities.shape, dtype=chain.state_reward.dtype)
        for time, here in enumerate(visits):
            ahead += here[:, None] * chain.successors.ahead(values[time + 1])
        total = visits.sum(axis=0)[:, None] * chain.step_reward + self.discount * ahead
        return advantages(self.chain, total) if centred else total


def power_sums(decay: float, number: int) -> Float[Array, "n"]:
    """Return Σ_{k<j} κ^k for j = 1 .. n."""
    return np.cumsum(np.power(decay, np.arange(number, dtype=np.float64)))


@accepts(problem=PROBLEM)
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
