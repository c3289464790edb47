"""State values, action values and advantages, by backward recursion or by one linear solve."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Inexact

from pgverify.exact.chain import Chain, induced_chain
from pgverify.exact.stationary import deviation_matrix, stationary_distribution
from pgverify.problem import Discounted, FiniteHorizon, Problem
from pgverify.validation import Array


@dataclass(frozen=True, eq=False)
class Values:
    """V, Q and A = Q − V of a policy.

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


def values(problem: Problem) -> Values:
    """Return the state values, action values and advantages of the policy.

    Finite horizon: Q_t = r + γ P V_{t+1}, V_t = Σ_a π Q_t, V_T = 0. Discounted: V = r_π + γ P_π V. Average
    reward: h = r_π − ρ + P_π h with Σ d h = 0, and Q = r − ρ + P h.

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
    chain = induced_chain(problem)
    match problem.objective:
        case FiniteHorizon(horizon, discount):
            state, action = _backward(chain, horizon, discount)
        case Discounted(discount):
            state = _discounted(chain, discount)
            action = _bellman(chain, state, discount)
        case _:
            state, action = _differential(chain)
    return Values(state, action, _advantage(chain, action))


def _bellman(chain: Chain, following: Inexact[Array, "S"], discount: float) -> Inexact[Array, "S A"]:
    return chain.step_reward + discount * (chain.transition @ following)


def _backward(
    chain: Chain, horizon: int, discount: float
) -> tuple[Inexact[Array, "T_plus_1 S"], Inexact[Array, "T S A"]]:
    dtype = chain.state_transition.dtype
    state = np.zeros((horizon + 1, len(chain.start)), dtype=dtype)
    action = np.zeros((horizon, *chain.probabilities.shape), dtype=dtype)
    for t in reversed(range(horizon)):
        action[t] = _bellman(chain, state[t + 1], discount)
        state[t] = np.where(chain.running, (chain.probabilities * action[t]).sum(axis=1), 0.0)
    return state, action


def _discounted(chain: Chain, discount: float) -> Inexact[Array, "S"]:
    # Solved among running states alone, so that V is exactly 0 in terminal states. Where no episode ends, a reward
    # common to all states adds common/(1 − γ) to V; solving for the rest alone keeps the digits of its differences.
    running = chain.running
    state = np.zeros(len(running), dtype=chain.state_transition.dtype)
    common = float(chain.state_reward.real.mean()) if running.all() else 0.0
    system = np.eye(int(running.sum())) - discount * chain.state_transition[np.ix_(running, running)]
    state[running] = np.linalg.solve(system, chain.state_reward[running] - common)
    return state + common / (1.0 - discount)


def _differential(chain: Chain) -> tuple[Inexact[Array, "S"], Inexact[Array, "S A"]]:
    stationary = stationary_distribution(chain)
    gain = stationary @ chain.state_reward
    state = np.linalg.solve(deviation_matrix(chain), chain.state_reward - gain)
    state = state - stationary @ state
    return state, _bellman(chain, state, 1.0) - gain


def _advantage(chain: Chain, action: Inexact[Array, "*time S A"]) -> Inexact[Array, "*time S A"]:
    difference = action[..., :, None] - action[..., None, :]
    return (difference * chain.probabilities[:, None, :]).sum(axis=-1)
