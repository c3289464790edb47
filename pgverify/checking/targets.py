"""What an implementation may claim to estimate: named vectors, each computed exactly."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from types import MappingProxyType

import numpy as np
from jaxtyping import Float

from pgverify.errors import unknown_name
from pgverify.exact import gradient, occupancy, values
from pgverify.problem import FiniteHorizon, Problem
from pgverify.validation import Array


def policy_gradient(problem: Problem) -> Float[Array, "d"]:
    """Return ∇J(θ)."""
    return np.asarray(gradient(problem))


def discount_dropped(problem: Problem) -> Float[Array, "d"]:
    """Return Σ_t Σ_s d_t(s) Σ_a π ψ Q_t: the factor γ^t left out, the gradient of no function in general."""
    return _weighted_visits(problem, values(problem).action)


def undiscounted_policy_gradient(problem: Problem) -> Float[Array, "d"]:
    """Return the gradient of the undiscounted return E Σ_t r_t of the same episodes."""
    objective = _finite(problem)
    return np.asarray(gradient(replace(problem, objective=replace(objective, discount=1.0))))


def entropy_gradient(problem: Problem) -> Float[Array, "d"]:
    """Return Σ_t Σ_s d_t(s) ∇H(π(·|s)), with the states held where the policy leads: what an entropy bonus adds."""
    probabilities = problem.policy.probabilities()
    logarithm = np.log(np.where(probabilities > 0, probabilities, 1.0))
    # ∇H = −Σ_a ∇π (log π + 1) = −Σ_a π ψ log π.
    horizon = _finite(problem).horizon
    return _weighted_visits(problem, np.broadcast_to(-logarithm, (horizon, *logarithm.shape)))


def _weighted_visits(problem: Problem, table: Float[Array, "T S A"]) -> Float[Array, "d"]:
    visits = occupancy(problem)
    weights = np.einsum("ts,tsa->sa", visits, table) * problem.policy.probabilities()
    weights = np.where(problem.mdp.terminal[:, None], 0.0, weights)
    return np.asarray(problem.policy.score_vjp(weights))


def _finite(problem: Problem) -> FiniteHorizon:
    objective = problem.objective
    assert isinstance(objective, FiniteHorizon)
    return objective


TARGETS: Mapping[str, Callable[[Problem], Float[Array, "d"]]] = MappingProxyType(
    {
        "policy_gradient": policy_gradient,
        "discount_dropped": discount_dropped,
        "undiscounted_policy_gradient": undiscounted_policy_gradient,
        "entropy_gradient": entropy_gradient,
    }
)


def target_vector(name: str, problem: Problem) -> Float[Array, "d"]:
    """Return a named target on a finite-horizon problem.

    Raises
    ------
    UnknownName
        Listing the nearest targets.
    """
    if name not in TARGETS:
        raise unknown_name("target", name, TARGETS)
    return TARGETS[name](problem)
