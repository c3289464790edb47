"""Where the policy spends its time."""

from __future__ import annotations

import numpy as np
from jaxtyping import Inexact

from pgverify.exact.chain import Chain, induced_chain
from pgverify.exact.stationary import stationary_distribution
from pgverify.problem import Discounted, FiniteHorizon, Problem
from pgverify.validation import Array


def occupancy(problem: Problem) -> Inexact[Array, "*time S"]:
    """Return how probable, or how frequent, each state is under the policy.

    Finite horizon: d_t(s) = P(s_t = s), undiscounted, [T, S]; every row sums to one, mass that has reached a
    terminal state stays there. Discounted: Σ_t γ^t P(s_t = s), [S], which sums to 1/(1 − γ). Average reward: the
    stationary distribution, [S], which sums to one.

    Parameters
    ----------
    problem : Problem

    Raises
    ------
    NotUnichain
        Under the average reward, when the chain is periodic or multichain.

    References
    ----------
    Sutton et al., Policy gradient methods for reinforcement learning with function approximation, 1999.
    """
    chain = induced_chain(problem)
    match problem.objective:
        case FiniteHorizon(horizon, _):
            return _by_time(chain, horizon)
        case Discounted(discount):
            system = np.eye(len(chain.start)) - discount * chain.state_transition
            return np.linalg.solve(system.T, chain.start)
        case _:
            return stationary_distribution(chain)


def _by_time(chain: Chain, horizon: int) -> Inexact[Array, "T S"]:
    rows = [chain.start.astype(chain.state_transition.dtype)]
    for _ in range(horizon - 1):
        rows.append(rows[-1] @ chain.state_transition)
    return np.stack(rows)
