"""State values, action values and advantages of a policy."""

from __future__ import annotations

from dataclasses import dataclass

from jaxtyping import Inexact

from pgverify.exact.solution import solve
from pgverify.kinds import accepts, known_arguments
from pgverify.problem import PROBLEM, Problem
from pgverify.validation import Array


@known_arguments
@dataclass(frozen=True, eq=False)
class Values:
    """V, Q and A = Q − V of a policy; read-only.

    Attributes
    ----------
    state : [T+1, S] or [S]
        V_t(s), the expected discounted reward still to come; V_T = 0. Differential values (mean zero under the
        stationary distribution) for the average reward.
    action : [T, S, A] or [S, A]
        Q_t(s,a).
    advantage : [T, S, A] or [S, A]
        A_t(s,a) = Σ_b π(b|s) (Q_t(s,a) − Q_t(s,b)): accurate also where one action has nearly all the probability.
    """

    state: Inexact[Array, "*time_plus S"]
    action: Inexact[Array, "*time S A"]
    advantage: Inexact[Array, "*time S A"]


@accepts(problem=PROBLEM)
def values(problem: Problem) -> Values:
    """Return the state values, action values and advantages of the policy.

    Finite horizon: Q_t = r + γ P V_{t+1}, V_t = Σ_a π Q_t, V_T = 0. Discounted: V = r_π + γ P_π V. Average
    reward: h = r_π − ρ + P_π h with Σ d h = 0, and Q = r − ρ + P h. A bonus of the objective is among the rewards.

    Parameters
    ----------
    problem : Problem

    Raises
    ------
    NotUnichain
        Under the average reward, when the chain is periodic or multichain.

    References
    ----------
    Sutton & Barto, Reinforcement Learning (2nd ed.), sections 3.5 and 10.3.
    """
    solution = solve(problem)
    return Values(solution.state_values, solution.action_values, solution.advantage)
