"""State values and action values of a chain, by backward recursion or by one linear solve."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from jaxtyping import Inexact

from pgverify.exact.chain import Chain
from pgverify.exact.stationary import deviation_matrix
from pgverify.validation import Array

LARGEST_SOLVE = 3_000
"""States up to which a dense system is solved directly; with more, the sum Σ γ^t P^t r is followed to its end."""

LARGE = 2**16
"""Action values from which on the differences are taken one action after another; measured."""

MANY = 256
"""Actions from which on no table of their differences [S, A, A] is made, where none is likely."""

NEGLIGIBLE = 1e-18
"""Relative size of the terms at which such a sum is broken off: below rounding."""


def step_values(chain: Chain, following: Inexact[Array, "*time S"], discount: float) -> Inexact[Array, "*time S A"]:
    """Return Q(s,a) = r(s,a) + γ Σ_{s'} P(s'|s,a) V(s') for every V of a following step."""
    return chain.step_reward + discount * chain.successors.ahead(following)


def backward_values(chain: Chain, horizon: int, discount: float) -> Inexact[Array, "T_plus_1 S"]:
    """Return V_T = 0, V_t = r_π + γ P_π V_{t+1}; terminal states, which pay nothing and stay, keep 0."""
    state = np.zeros((horizon + 1, len(chain.start)), dtype=chain.state_reward.dtype)
    reward, transition = chain.state_reward, discount * chain.state_transition
    for t in reversed(range(horizon)):
        state[t] = reward + transition @ state[t + 1]
    return state


def discounted_values(chain: Chain, discount: float) -> Inexact[Array, "S"]:
    """Return V = r_π + γ P_π V."""
    # Solved among running states alone, so that V is exactly 0 in terminal states. Where no episode ends, a reward
    # common to all states adds common/(1 − γ) to V; solving for the rest alone keeps the digits of its differences.
    running = chain.running
    common = float(chain.state_reward.real.mean()) if running.all() else 0.0
    rest = np.where(running, chain.state_reward - common, 0.0)
    return resolvent(chain, discount, rest) + common / (1.0 - discount)


def resolvent(chain: Chain, discount: float, source: Inexact[Array, "S"], forward: bool = False) -> Inexact[Array, "S"]:
    """Return x = b + γ P_π x among running states (or x = b + γ P_πᵀ x, forward in time), 0 in terminal ones.

    Parameters
    ----------
    chain : Chain
    discount : float
        γ < 1.
    source : [S]
        b; of terminal states it does not count.
    forward : bool
    """
    running = chain.running
    source = np.where(running, source, 0.0)
    if len(running) > LARGEST_SOLVE:
        matrix = chain.state_transition.T if forward else chain.state_transition
        return _summed(lambda x: np.where(running, discount * (matrix @ x), 0.0), source)
    system = np.eye(int(running.sum())) - discount * chain.dense_transition()[np.ix_(running, running)]
    found = np.zeros(len(running), dtype=np.result_type(system, source))
    found[running] = np.linalg.solve(system.T if forward else system, source[running])
    return found


def _summed(step: Callable[[Inexact[Array, "S"]], Inexact[Array, "S"]], term: Inexact[Array, "S"]) -> Array:
    total = term.copy()
    while np.abs(term).max(initial=0.0) > NEGLIGIBLE * np.abs(total).max(initial=0.0):
        term = step(term)
        total = total + term
    return total


def differential_values(chain: Chain, stationary: Inexact[Array, "S"]) -> Inexact[Array, "S"]:
    """Return h with h = r_π − ρ + P_π h and Σ d h = 0."""
    state = np.linalg.solve(deviation_matrix(chain), chain.state_reward - stationary @ chain.state_reward)
    return state - stationary @ state


def advantages(chain: Chain, action: Inexact[Array, "*time S A"]) -> Inexact[Array, "*time S A"]:
    """Return A(s,a) = Σ_b π(b|s) (Q(s,a) − Q(s,b)): accurate also where one action has nearly all the probability."""
    return advantages_under(chain.probabilities, action)


def advantages_under(
    probabilities: Inexact[Array, "S A"], action: Inexact[Array, "*time S A"]
) -> Inexact[Array, "*time S A"]:
    """Return the same from the probabilities alone."""
    if action.shape[-1] > MANY and probabilities.real.max() <= 0.5:
        # Nodes of a quadrature: with none that has nearly all the probability, the sum loses nothing.
        relative = action - action[..., :1]
        return relative - np.einsum("...sa,sa->...s", relative, probabilities)[..., None]
    if action.size > LARGE:  # one action after another: nothing of size [..., A, A]
        found = np.zeros(action.shape, dtype=np.result_type(action, probabilities))
        for other in range(action.shape[-1]):
            found += probabilities[:, other, None] * (action - action[..., other, None])
        return found
    difference = action[..., :, None] - action[..., None, :]
    return np.einsum("...sab,sb->...sa", difference, probabilities)  # a sum over few actions is slow in NumPy
