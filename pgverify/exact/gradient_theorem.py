"""J(θ), its gradient by the policy gradient theorem, and the gradient with respect to the probabilities."""

from __future__ import annotations

from jaxtyping import Inexact

from pgverify.exact.compiled_sums import compiled_softmax_gradient
from pgverify.exact.solution import solve
from pgverify.kinds import accepts
from pgverify.problem import PROBLEM, REAL_PROBLEM, Problem
from pgverify.validation import Array


@accepts(problem=REAL_PROBLEM)
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
    found = compiled_softmax_gradient(problem)
    return float(complex(analytic_expected_return(problem)).real) if found is None else float(found[-1])


def analytic_expected_return(problem: Problem) -> complex:
    """Return J(θ) as an analytic function of θ: complex parameters give a complex value."""
    return solve(problem).expected_return


@accepts(problem=PROBLEM)
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
    found = compiled_softmax_gradient(problem)
    if found is not None:
        return found[:-1].copy()
    solution = solve(problem)
    return problem.policy.score_vjp(solution.weighted_sum(centred=True) * solution.chain.probabilities)


@accepts(problem=PROBLEM)
def probability_gradient(problem: Problem) -> Inexact[Array, "S A"]:
    """Return ∂J/∂π(a|s), every entry of π taken as free.

    ∂J/∂π(a|s) = Σ_t γ^t d_t(s) Q_t(s,a). With it any framework gets ∇J of any differentiable policy by one
    backward pass over the states: differentiate Σ_{s,a} ∂J/∂π(a|s) π_θ(a|s) with the first factor held constant.
    For the average reward it is d(s) Q(s,a) with differential Q, defined up to a constant in each state. A bonus of the
    objective depends on π itself: its own derivative, −β for every visit, is included.

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
    solution = solve(problem)
    weights = solution.weighted_sum(centred=False)
    bonus = problem.objective.bonus
    if bonus is None:
        return weights
    # ∂/∂π of π c(π) = −β π log π is c − β: beside Q, which holds c, there is −β for every visit.
    visits = solution.weighted_visits
    visits = visits.sum(axis=0) if visits.ndim == 2 else visits
    return weights - bonus.coefficient * visits[:, None]
