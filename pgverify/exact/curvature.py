"""Second-order truth: the Hessian, the Fisher information and the natural gradient."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from pgverify.errors import TooLarge
from pgverify.exact.gradient_theorem import gradient
from pgverify.exact.routes import complex_step
from pgverify.exact.solution import solve
from pgverify.kinds import accepts
from pgverify.policies.protocol import dense_score
from pgverify.problem import REAL_PROBLEM, Problem
from pgverify.validation import Array

LARGEST_MATRIX = 5_000
"""Largest d for which a [d, d] matrix is built: 200 MB of float64."""


@accepts(problem=REAL_PROBLEM)
def hessian(problem: Problem) -> Float[Array, "d d"]:
    """Return ∇²J(θ), the complex-step derivative of the exact gradient.

    Accurate to rounding and symmetric. Needs a policy whose `with_parameters` accepts complex θ, as the softmax
    policies do.

    Parameters
    ----------
    problem : Problem

    Raises
    ------
    TooLarge
        When d is above the stated limit.
    """
    require_matrix_fits(problem)
    jacobian = complex_step(lambda theta: gradient(problem.with_parameters(theta)), problem.policy.parameters)
    return (jacobian + jacobian.T) / 2.0


@accepts(problem=REAL_PROBLEM)
def fisher(problem: Problem) -> Float[Array, "d d"]:
    """Return the Fisher information of the policy under the weights of the gradient theorem.

    F = Σ_t γ^t Σ_s d_t(s) Σ_a π(a|s) ψ(s,a) ψ(s,a)^T, not normalised: for a finite horizon with γ = 1 it is the
    Fisher information of the trajectory distribution; for the average reward the d are stationary. Positive
    semi-definite, and singular for the softmax.

    Parameters
    ----------
    problem : Problem

    Raises
    ------
    TooLarge
        When d is above the stated limit.

    References
    ----------
    Kakade, A natural policy gradient, 2001; Peters & Schaal, 2008.
    """
    require_matrix_fits(problem)
    rows = _weighted_scores(problem)
    return rows.T @ rows


def score_rank(problem: Problem) -> int:
    """Return the rank of the Fisher information: in how many directions an estimate of ∇J can point.

    That of the weighted scores √(γ^t d_t π) ψ [S·A, d], by the smaller of their Gram matrices: never [d, d] where
    parameters are many.

    Parameters
    ----------
    problem : Problem
    """
    rows = _weighted_scores(problem)
    gram = rows.T @ rows if rows.shape[1] <= rows.shape[0] else rows @ rows.T
    return int(np.linalg.matrix_rank(gram, hermitian=True))


def _weighted_scores(problem: Problem) -> Float[Array, "SA d"]:
    """Return √w ψ for every (s,a), with the weights w = Σ_t γ^t d_t(s) π(a|s) of the gradient theorem."""
    solution = solve(problem)
    visits = solution.weighted_visits
    visits = visits.sum(axis=0) if visits.ndim == 2 else visits
    weights = np.sqrt(visits[:, None] * solution.chain.probabilities)
    score = dense_score(problem.policy)
    return score.reshape(-1, score.shape[-1]) * weights.reshape(-1, 1)


@accepts(problem=REAL_PROBLEM)
def natural_gradient(problem: Problem) -> Float[Array, "d"]:
    """Return F^+ ∇J, the smallest vector that solves F x = ∇J.

    With the Fisher matrix above this equals the weights of the compatible linear fit of Q, whatever the scale
    of the visiting weights.

    Parameters
    ----------
    problem : Problem

    Raises
    ------
    TooLarge
        When d is above the stated limit.

    References
    ----------
    Kakade, A natural policy gradient, 2001, theorem 1.
    """
    # F is d × d with rounding errors of about d·eps relative to its largest eigenvalue.
    matrix = fisher(problem)
    return np.linalg.lstsq(matrix, gradient(problem), rcond=len(matrix) * np.finfo(float).eps * 8)[0]


def require_matrix_fits(problem: Problem) -> None:
    """Refuse a d × d matrix that would not fit in memory."""
    size = problem.policy.parameters.size
    if size > LARGEST_MATRIX:
        raise TooLarge(
            f"policy has d = {size:,} parameters, at most {LARGEST_MATRIX:,} for a [d, d] matrix "
            f"({size * size * 8 / 1e9:.1f} GB)"
        )
