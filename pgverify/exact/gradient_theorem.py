"""J(θ), its gradient by the policy gradient theorem, and the gradient with respect to the probabilities."""

from __future__ import annotations

import numpy as np
from jaxtyping import Inexact

from pgverify.exact.chain import induced_chain
from pgverify.exact.state_visits import occupancy
from pgverify.exact.value_functions import values
from pgverify.problem import AverageReward, FiniteHorizon, Problem
from pgverify.validation import Array


def expected_return(problem: Problem) -> float:
    """Return J(θ), the expected return of the policy (per step, for the average reward).

    J = Σ_s p(s) V_0(s), with V in place of V_0 where there is no horizon; Σ_s d(s) r_π(s) for the average reward.

    Parameters
    ----------
    problem : Problem

    Raises
    ------
    NotUnichain
        Under the average reward, when the chain is periodic or multichain.
    """
    return float(complex(analytic_expected_return(problem)).real)


def analytic_expected_return(problem: Problem) -> complex:
    """Return J(θ) as an analytic function of θ: complex parameters give a complex value."""
    if isinstance(problem.objective, AverageReward):
        reward = induced_chain(problem).state_reward
        # The stationary probabilities sum to one, so a reward common to all states is taken out before the sum:
        # otherwise its derivative, which is 0, would be the small difference of large numbers.
        common = reward.real.mean()
        return complex(common + occupancy(problem) @ (reward - common))
    state = values(problem).state
    return complex(problem.mdp.start @ (state[0] if state.ndim == 2 else state))


def gradient(problem: Problem) -> Inexact[Array, "d"]:
    """Return ∇J(θ) by the policy gradient theorem.

    ∇J = Σ_t γ^t Σ_s d_t(s) Σ_a π(a|s) ψ(s,a) A_t(s,a); the advantage A in place of Q changes nothing, because
    E_π[ψ(s,·)] = 0, and avoids cancellation. For the average reward, d is stationary and A differential.

    Parameters
    ----------
    problem : Problem

    Returns
    -------
    [d], in units of reward per unit of θ.

    Raises
    ------
    NotUnichain
        Under the average reward, when the chain is periodic or multichain.

    References
    ----------
    Sutton et al., Policy gradient methods for reinforcement learning with function approximation, 1999, theorem 1.
    """
    chain = induced_chain(problem)
    advantage = values(problem).advantage
    weights = _summed(problem, occupancy(problem), advantage) * chain.probabilities
    return problem.policy.score_vjp(np.where(chain.running[:, None], weights, 0.0))


def probability_gradient(problem: Problem) -> Inexact[Array, "S A"]:
    """Return ∂J/∂π(a|s), every entry of π taken as free.

    ∂J/∂π(a|s) = Σ_t γ^t d_t(s) Q_t(s,a). With it any framework gets ∇J of any differentiable policy by one
    backward pass over the states: differentiate Σ_{s,a} ∂J/∂π(a|s) π_θ(a|s) with the first factor held constant.
    For the average reward it is d(s) Q(s,a) with differential Q, defined up to a constant in each state.

    Parameters
    ----------
    problem : Problem

    Returns
    -------
    [S, A], in units of reward; 0 in terminal states.

    Raises
    ------
    NotUnichain
        Under the average reward, when the chain is periodic or multichain.
    """
    running = induced_chain(problem).running
    weights = _summed(problem, occupancy(problem), values(problem).action)
    return np.where(running[:, None], weights, 0.0)


def _summed(
    problem: Problem, visits: Inexact[Array, "*time S"], table: Inexact[Array, "*time S A"]
) -> Inexact[Array, "S A"]:
    """Return Σ_t γ^t d_t(s) table_t(s,a)."""
    match problem.objective:
        case FiniteHorizon(horizon, discount):
            powers = np.power(discount, np.arange(horizon))
            return np.einsum("t,ts,tsa->sa", powers, visits, table)
        case _:
            return visits[:, None] * table
