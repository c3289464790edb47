"""Where the policy spends its time."""

from __future__ import annotations

from jaxtyping import Inexact

from pgverify.exact.solution import solve
from pgverify.kinds import accepts
from pgverify.problem import PROBLEM, Problem
from pgverify.validation import Array


@accepts(problem=PROBLEM)
def occupancy(problem: Problem) -> Inexact[Array, "*time S"]:
    """Return how probable, or how frequent, each state is under the policy.

    Finite horizon: d_t(s) = P(s_t = s), undiscounted, [T, S]; every row sums to one, mass that has reached a
    terminal state stays there. Discounted: Σ_t γ^t P(s_t = s), [S], which sums to 1/(1 − γ). Average reward: the
    stationary distribution, [S], which sums to one.

    Parameters
    ----------
    problem : Problem

    Returns
    -------
    Read-only.

    Raises
    ------
    NotUnichain
        Under the average reward, when the chain is periodic or multichain.

    References
    ----------
    Sutton et al., Policy gradient methods for reinforcement learning with function approximation, 1999.
    """
    return solve(problem).visits
