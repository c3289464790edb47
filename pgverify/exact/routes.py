"""Three further routes to ∇J that share nothing with the theorem but the definition of J.

They exist so that the truth is never one person's algebra: tests and studies compare all of them.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from jaxtyping import Complex, Float, Inexact

from pgverify.exact.chain import Chain
from pgverify.exact.enumeration import DEFAULT_LIMIT, enumerate_trajectories
from pgverify.exact.gradient_theorem import analytic_expected_return
from pgverify.exact.solution import solve
from pgverify.exact.stationary import deviation_matrix, stationary_distribution
from pgverify.kinds import accepts
from pgverify.policies.protocol import dense_score
from pgverify.problem import REAL_PROBLEM, Discounted, FiniteHorizon, Problem
from pgverify.validation import Array

COMPLEX_STEP = 1e-150
"""So small that its square vanishes beside one, so large that its product with 1e-150 is still a number."""


def complex_step(
    function: Callable[[Complex[Array, "d"]], Inexact[Array, "*out"]], theta: Float[Array, "d"]
) -> Float[Array, "*out d"]:
    """Return the Jacobian Im f(θ + i h e_j)/h of an analytic function: no subtraction, hence no cancellation.

    References
    ----------
    Squire & Trapp, Using complex variables to estimate derivatives of real functions, SIAM Review 1998.
    """
    steps = 1j * COMPLEX_STEP * np.eye(len(theta))
    columns = [np.asarray(function(theta + step)).imag / COMPLEX_STEP for step in steps]
    return np.stack(columns, axis=-1)


@accepts(problem=REAL_PROBLEM)
def gradient_by_complex_step(problem: Problem) -> Float[Array, "d"]:
    """Return ∇J as the complex-step derivative of J(θ) itself.

    Needs a policy whose `with_parameters` accepts complex θ, as the softmax policies do.
    """
    return complex_step(
        lambda theta: np.asarray(analytic_expected_return(problem.with_parameters(theta))),
        problem.policy.parameters,
    )


@accepts(problem=REAL_PROBLEM)
def gradient_by_enumeration(problem: Problem, limit: int = DEFAULT_LIMIT) -> Float[Array, "d"]:
    """Return ∇J by summing over every trajectory of a finite-horizon problem.

    ∇J = Σ_τ P(τ) Σ_k γ^k r_k ∇log P(τ_{0:k}): the reward r_k is a function of the first k+1 steps, and only
    their probability is differentiated. (With ∇log P(τ) of the whole trajectory the sum is the same, but terms
    that cancel may be 10^15 times larger than what remains of them.)
    """
    batch, probabilities = enumerate_trajectories(problem, limit)
    score = dense_score(problem.policy)
    mask = batch.mask
    # Step by step, with no call into the estimators: Σ_k Σ_{t≤k} is summed with t outside.
    # What all steps pay in common has no gradient, nor any digits to cost.
    paid = np.where(mask, (batch.rewards - solve(problem).common_reward) * batch.discount_powers, 0.0)
    total = np.zeros(score.shape[-1])
    for t in range(batch.num_steps):
        weights = np.where(mask[:, t], probabilities * paid[:, t:].sum(axis=1), 0.0)
        total += weights @ score[batch.states[:, t], batch.action_numbers[:, t]]
    return total


@accepts(problem=REAL_PROBLEM)
def gradient_by_value_derivative(problem: Problem) -> Float[Array, "d"]:
    """Return ∇J by differentiating the value recursion; no score function appears.

    Finite horizon: ∇V_t = Σ_a ∇π Q_t + γ P_π ∇V_{t+1} and ∇J = Σ p(s) ∇V_0(s). Discounted: the same, solved as
    (I − γ P_π) ∇V = Σ_a ∇π Q. Average reward: ∇ρ = d^T ∇r_π + d^T ∇P_π h.

    Needs a policy whose `with_parameters` accepts complex θ: ∇π is taken by complex step of π alone.
    """
    chain = solve(problem).relative_chain
    policy = problem.policy
    jacobian = complex_step(
        lambda theta: policy.with_parameters(theta).probabilities(), policy.parameters
    )  # ∂π(a|s)/∂θ_j [S, A, d]
    jacobian = np.where(chain.running[:, None, None], jacobian, 0.0)
    match problem.objective:
        case FiniteHorizon(horizon, discount):
            return _finite_horizon(chain, jacobian, horizon, discount)
        case Discounted(discount):
            return _discounted(chain, jacobian, discount)
        case _:
            stationary = stationary_distribution(chain)
            centred = chain.state_reward - stationary @ chain.state_reward
            differential = np.linalg.solve(deviation_matrix(chain), centred)
            return np.asarray(stationary @ _forcing(chain, jacobian, differential))


def _forcing(chain: Chain, jacobian: Float[Array, "S A d"], following: Float[Array, "S"]) -> Float[Array, "S d"]:
    """Return Σ_a ∇π(a|s) (r(s,a) + Σ_{s'} P(s'|s,a) v(s'))."""
    worth = chain.step_reward + chain.successors.ahead(following)
    worth = worth - worth.mean(axis=1, keepdims=True)  # Σ_a ∇π(a|s) = 0: what is common to the actions cancels
    return np.einsum("sad,sa->sd", jacobian, worth)


def _discounted(chain: Chain, jacobian: Float[Array, "S A d"], discount: float) -> Float[Array, "d"]:
    # Solved among running states alone: in a terminal state the value and its derivative are exactly 0.
    running = chain.running
    system = np.eye(int(running.sum())) - discount * chain.dense_transition()[np.ix_(running, running)]
    value = np.zeros(len(running))
    # Where no episode ends, a constant in the value has no derivative: left out, it costs no digits.
    common = chain.state_reward.mean() if running.all() else 0.0
    value[running] = np.linalg.solve(system, chain.state_reward[running] - common)
    forcing = _forcing(chain, jacobian, discount * value)[running]
    return np.asarray(chain.start[running] @ np.linalg.solve(system, forcing))


def _finite_horizon(chain: Chain, jacobian: Float[Array, "S A d"], horizon: int, discount: float) -> Float[Array, "d"]:
    value = np.zeros(len(chain.start))
    tangent = np.zeros((len(chain.start), jacobian.shape[2]))
    for _ in range(horizon):
        tangent = _forcing(chain, jacobian, discount * value) + discount * chain.state_transition @ tangent
        value = chain.state_reward + discount * chain.state_transition @ value
    return np.asarray(chain.start @ tangent)
