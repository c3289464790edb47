"""What GPOMDP estimates: action values under a discount of its own, where the problem's policy goes."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from jaxtyping import Float

from pgverify.errors import InvalidObjective
from pgverify.exact.solution import solve
from pgverify.kinds import accepts
from pgverify.problem import PROBLEM, Discounted, FiniteHorizon, Problem
from pgverify.validation import Array, require_number


@accepts(problem=PROBLEM)
def decayed_gradient(problem: Problem, decay: float) -> Float[Array, "d"]:
    """Return Σ_t w_t Σ_s d_t(s) Σ_a π(a|s) ψ(s,a) Q_t^β(s,a), with Q^β the action values under the discount β.

    Finite horizon: w = 1, whatever γ is. Discounted: the random horizon, w = γ^t and Q under the discount β γ. Average
    reward: d is stationary and Q^β = r − ρ + β P (I − β P_π)^{-1} (r_π − ρ), the limit T → ∞ of GPOMDP. In all of them
    the distance to β = 1 is the exact bias of GPOMDP, and linear in 1 − β near 1.

    Parameters
    ----------
    problem : Problem
    decay : float
        β in [0, 1]; below 1 under the average reward.

    Returns
    -------
    [d], in units of reward per unit of θ.

    Raises
    ------
    InvalidObjective
        When β is outside its range.

    References
    ----------
    Baxter & Bartlett, Infinite-horizon policy-gradient estimation, 2001, theorem 2 for the limit β → 1.
    """
    beta = require_number("decay", decay, 0.0, 1.0, InvalidObjective)
    solution, objective = solve(problem), problem.objective
    policy, chain = problem.policy, solution.chain
    if isinstance(objective, FiniteHorizon):
        visits = np.where(chain.running, solution.visits, 0.0)
        other = solve(replace_discount(problem, beta))
        return np.asarray(policy.score_vjp(np.einsum("ts,tsa->sa", visits, other.advantage) * chain.probabilities))
    if isinstance(objective, Discounted):
        other = solve(replace_discount(problem, beta * objective.discount))
        weights = solution.weighted_visits[:, None] * other.advantage
        return np.asarray(policy.score_vjp(weights * chain.probabilities))
    if beta == 1.0:
        raise InvalidObjective(
            "decay is 1, must be below 1 under AverageReward(), where the sum has a limit; exact.gradient(problem) is "
            "that of β → 1"
        )
    chain = solution.relative_chain  # r − ρ has the digits that a reward common to all steps leaves no room for
    reward = chain.state_reward - complex(solution.relative_gain).real
    ahead = np.linalg.solve(np.eye(len(reward)) - beta * chain.dense_transition(), reward)
    table = chain.step_reward + beta * chain.successors.ahead(ahead)
    table = table - (chain.probabilities * table).sum(axis=1, keepdims=True)
    return np.asarray(policy.score_vjp(solution.stationary[:, None] * chain.probabilities * table))


def replace_discount(problem: Problem, discount: float) -> Problem:
    """Return a plain problem of the same kind with another discount."""
    objective = problem.objective
    if isinstance(objective, FiniteHorizon):
        return Problem(problem.mdp, problem.policy, replace(objective, discount=discount))
    return Problem(problem.mdp, problem.policy, Discounted(discount, getattr(objective, "bonus", None)))
